"""Ask the published tables what analysts ask, and print as JSON how long each question took, in seconds.

    python benchmarks/ask_tables.py output/ 'plain/*.parquet'

The same questions are asked of other Parquet files with the same rows (see plain_tables.py), in turns.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Final

import duckdb

QUESTIONS: Final = {
    "the size of a segment": "SELECT count(*) FROM {} WHERE segment_id = $one",
    "the ids of a segment": "SELECT contact_id FROM {} WHERE segment_id = $one",
    "the sizes of all segments": "SELECT segment_id, count(*) FROM {} GROUP BY 1",
    "the contacts in both of two segments": (
        "SELECT count(*) FROM {} a JOIN {} b USING (contact_id) WHERE a.segment_id = $one AND b.segment_id = $two"
    ),
    "the segments of a contact": "SELECT segment_id FROM {} WHERE contact_id = $who",
}
TURNS: Final = 3


def main() -> None:
    """Ask about two segments, one of them the largest, and about one of its contacts."""
    tables = duckdb.connect(str(Path(sys.argv[1]) / "segbatch.duckdb"), read_only=True)
    tables.execute(f"CREATE TEMP VIEW plain AS FROM '{sys.argv[2]}'")
    ordered = "SELECT segment_id FROM segments WHERE member_count > 0 ORDER BY member_count DESC"
    ids = [row[0] for row in tables.execute(ordered).fetchall()]
    names = {"one": ids[0], "two": ids[len(ids) // 2]}
    who = tables.execute("SELECT contact_id FROM membership WHERE segment_id = ? LIMIT 1", [ids[0]]).fetchall()[0][0]
    took: dict[str, dict[str, float]] = {"membership": {}, "plain": {}}
    for words, question in QUESTIONS.items():
        values = {name: value for name, value in (names | {"who": who}).items() if f"${name}" in question}
        for _ in range(TURNS):
            for view, times in took.items():
                start = time.perf_counter()
                tables.sql(question.replace("{}", view), params=values or None).to_arrow_table()
                times[words] = min(times.get(words, float("inf")), time.perf_counter() - start)
    print(json.dumps(took))


if __name__ == "__main__":
    main()
