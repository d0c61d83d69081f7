"""Make contacts and segment definitions of any number, to measure with.

    python benchmarks/make_data.py contacts --rows 2000000 --out night-1.parquet
    python benchmarks/make_data.py contacts --rows 2000000 --change 0.01 --out night-2.parquet
    python benchmarks/make_data.py segments --count 100 --out segments.json
    python benchmarks/make_data.py segments --count 100 --out segments/
    python benchmarks/make_data.py events --rows 20000000 --contacts 2000000 --out events.parquet
    python benchmarks/make_data.py event-segments --count 100 --out event-segments/

The same arguments give the same data. With `--change 0.01` the contacts are those of the
next night: of each hundred about 0.2 are gone, 0.2 are new and 0.6 have changed, and a
fifth of all rows stands in another place of the file.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from random_contacts import Night, write_contacts
from random_events import make_event_segments, write_events
from random_segments import make_segments, repeated, write_segments


def above_zero(text: str) -> int:
    """Read a whole number of at least one."""
    number = int(text)
    if number < 1:
        message = f"{text} is not above zero"
        raise argparse.ArgumentTypeError(message)
    return number


def fraction(text: str) -> float:
    """Read a share from 0 to 1."""
    number = float(text)
    if not 0 <= number <= 1:
        message = f"{text} is not between 0 and 1"
        raise argparse.ArgumentTypeError(message)
    return number


def make_parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    kinds = parser.add_subparsers(dest="kind", required=True)
    contacts = kinds.add_parser("contacts", help="write a Parquet file of random contacts")
    contacts.add_argument("--rows", type=above_zero, required=True, help="how many contacts the first night has")
    contacts.add_argument("--out", type=Path, required=True, help="the Parquet file")
    contacts.add_argument("--seed", type=int, default=1)
    contacts.add_argument("--custom-fields", choices=("struct", "json", "map"), default="struct")
    contacts.add_argument("--change", type=fraction, default=0.0, help="the share that the next night changes")
    segments = kinds.add_parser("segments", help="write random segment definitions")
    segments.add_argument("--count", type=above_zero, required=True, help="how many segments")
    segments.add_argument("--out", type=Path, required=True, help="a .json file, or a folder")
    segments.add_argument("--distinct", type=above_zero, help="how many distinct rules they have together")
    segments.add_argument("--times", type=above_zero, default=1, help="repeat them all so often, under other ids")
    segments.add_argument("--seed", type=int, default=20)
    events = kinds.add_parser("events", help="write a Parquet file of random events of these contacts")
    events.add_argument("--rows", type=above_zero, required=True, help="how many events")
    events.add_argument("--contacts", type=above_zero, required=True, help="of how many contacts")
    events.add_argument("--out", type=Path, required=True, help="the Parquet file")
    events.add_argument("--seed", type=int, default=1, help="that of the contacts")
    counting = kinds.add_parser("event-segments", help="write random segment definitions that aggregate events")
    counting.add_argument("--count", type=above_zero, required=True, help="how many segments")
    counting.add_argument("--out", type=Path, required=True, help="a .json file, or a folder")
    counting.add_argument("--seed", type=int, default=20)
    return parser


def make_definitions(wanted: argparse.Namespace) -> list[dict[str, Any]]:
    """Make the segments that the command line asks for."""
    if wanted.kind == "event-segments":
        return make_event_segments(wanted.count, wanted.seed)
    return repeated(make_segments(wanted.count, wanted.distinct, wanted.seed), wanted.times)


def main() -> None:
    """Make what the command line asks for, and tell what was made."""
    parser = make_parser()
    wanted = parser.parse_args()
    start = time.perf_counter()
    if wanted.kind == "contacts":
        wanted.out.parent.mkdir(parents=True, exist_ok=True)
        night = Night(rows=wanted.rows, seed=wanted.seed, change=wanted.change, form=wanted.custom_fields)
        made = f"{write_contacts(night, wanted.out):,} contacts, {wanted.out.stat().st_size:,} bytes"
    elif wanted.kind == "events":
        write_events(wanted.rows, wanted.contacts, wanted.seed, wanted.out)
        made = f"{wanted.rows:,} events, {wanted.out.stat().st_size:,} bytes"
    else:
        try:
            segments = make_definitions(wanted)
        except ValueError as error:
            parser.error(str(error))
        write_segments(segments, wanted.out)
        rules = [str(rule) for segment in segments for rule in segment["rules"]]
        made = f"{len(segments):,} segments, {len(rules):,} rules, {len(set(rules)):,} of them distinct"
    print(f"{wanted.out}: {made}, in {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    main()
