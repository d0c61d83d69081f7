"""Random events of the contacts, and segments that count and add them up.

The contacts are those of `random_contacts.py` with the same seed and number. Some have many events, many have few.
"""

from __future__ import annotations

from itertools import product
from random import Random
from typing import TYPE_CHECKING, Any, Final

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from draws import mix, pick, share, spread, uuid, whole, word
from random_contacts import REFERENCE, days

if TYPE_CHECKING:
    from pathlib import Path

TABLE: Final = "events"
KINDS: Final = {"login": 40, "view": 25, "click": 14, "purchase": 8, "ticket": 5, "refund": 3, "share": 3, "export": 2}
CHANNELS: Final = {"web": 50, "mobile": 30, "email": 12, "phone": 5, "partner": 3}
ROW_GROUP: Final = 500_000
DAYS: Final = 720
BOUNDS: Final = {
    ("count", None): ("gte", (1, 2, 3, 5, 8)),
    ("sum", "amount"): ("gt", (5_000, 10_000, 25_000, 50_000)),
    ("avg", "amount"): ("gt", (2_000, 3_500, 5_000)),
    ("max", "amount"): ("gte", (6_000, 9_000, 9_900)),
    ("count_distinct", "channel"): ("gte", (1, 2, 3)),
}
"""For each aggregate and its field the operator and the values that rules compare it with."""


def aggregates() -> list[dict[str, Any]]:
    """Return the forty distinct aggregates, without what they are compared with."""
    found = []
    for (aggregate, field), kind in product(BOUNDS, KINDS):
        where = [{"field": "kind", "operator": "eq", "value": kind}]
        if aggregate == "sum":
            where.append({"field": "at", "operator": "gte", "value": "2025-06-01"})
        found.append({"table": TABLE, "aggregate": aggregate, "field": field, "where": where})
    return [{key: value for key, value in one.items() if value is not None} for one in found]


def make_event_segments(count: int, seed: int) -> list[dict[str, Any]]:
    """Make segments of one to three aggregates each.

    Args:
        count: How many; from forty on, every aggregate is in use.
        seed: Another seed gives other segments.
    """
    random, pool = Random(seed), aggregates()
    cards = [pool[place % len(pool)] for place in range(3 * count)]
    segments = []
    for number in range(1, count + 1):
        taken = [cards.pop(0) for _ in range(random.choice((1, 1, 2, 3)))]
        rules = [{**one, **_bound(one, random)} for one in taken]
        match = {"match": "any"} if random.random() < 0.3 else {}  # noqa: PLR2004 - as often as with other rules
        segments.append({"id": f"events-{number:05d}", "name": f"Events {number}", **match, "rules": rules})
    return segments


def _bound(one: dict[str, Any], random: Random) -> dict[str, Any]:
    operator, values = BOUNDS[one["aggregate"], one.get("field")]
    return {"operator": operator, "value": random.choice(values)}


def _chunk(start: int, end: int, contacts: int, seed: int) -> pl.DataFrame:
    numbers = pl.select(key=mix(pl.int_range(start, end, dtype=pl.UInt64) ^ mix(word(seed + 1_000_003))))
    drawn = numbers.select(
        contact=(share("contact") ** 2 * contacts).cast(pl.UInt64),
        kind=pick("kind", spread(KINDS)),
        channel=pick("channel", spread(CHANNELS)),
        amount=whole("amount", 10_000).cast(pl.Int64),  # in cents: a sum of floats depends on the order of the rows
        at=pl.lit(REFERENCE).cast(pl.Datetime("us", "UTC")) - days(share("at") * DAYS),
    )
    of_contact = drawn.with_columns(key=mix(pl.col("contact") ^ mix(word(seed))))
    return of_contact.select(uuid().alias("contact_id"), "kind", "channel", "amount", "at")


def write_events(rows: int, contacts: int, seed: int, out: Path) -> None:
    """Write events as a Parquet file, never holding more than a row group."""
    schema: pa.Schema = _chunk(0, 1, contacts, seed).to_arrow().schema
    with pq.ParquetWriter(out, schema, compression="zstd", store_schema=False) as writer:
        for start in range(0, rows, ROW_GROUP):
            writer.write_table(_chunk(start, min(start + ROW_GROUP, rows), contacts, seed).to_arrow())
