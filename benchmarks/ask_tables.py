"""Ask the published tables what analysts ask, and print as JSON how long each question took, in seconds.

python benchmarks/ask_tables.py output/
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Final

import duckdb

QUESTIONS: Final = {
    "the size of a segment": "SELECT count(*) FROM membership WHERE segment_id = $one",
    "the ids of a segment": "SELECT contact_id FROM membership WHERE segment_id = $one",
    "the sizes of all segments": "SELECT segment_id, count(*) FROM membership GROUP BY 1",
    "the contacts in both of two segments": (
        "SELECT count(*) FROM membership a JOIN membership b USING (contact_id) "
        "WHERE a.segment_id = $one AND b.segment_id = $two"
    ),
    "the segments of a contact": "SELECT segment_id FROM membership WHERE contact_id = $who",
}


def main() -> None:
    """Ask about two segments, one of them the largest, and about one of its contacts."""
    tables = duckdb.connect(str(Path(sys.argv[1]) / "segbatch.duckdb"), read_only=True)
    ordered = "SELECT segment_id FROM segments WHERE member_count > 0 ORDER BY member_count DESC"
    ids = [row[0] for row in tables.execute(ordered).fetchall()]
    names = {"one": ids[0], "two": ids[len(ids) // 2]}
    who = tables.execute("SELECT contact_id FROM membership WHERE segment_id = ? LIMIT 1", [ids[0]]).fetchall()[0][0]
    took = {}
    for words, question in QUESTIONS.items():
        values = {name: value for name, value in (names | {"who": who}).items() if f"${name}" in question}
        start = time.perf_counter()
        tables.execute(question, values).to_arrow_table()
        took[words] = time.perf_counter() - start
    print(json.dumps(took))


if __name__ == "__main__":
    main()
