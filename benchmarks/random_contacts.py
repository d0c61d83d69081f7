"""Random contacts of any number, made in chunks of one Parquet row group each.

A contact depends on the seed and its own number alone, not on those before it. So a chunk
can be made without the earlier ones, and the next night without keeping the first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from draws import (
    CITIES,
    COMPANIES,
    COUNTRIES,
    EMAIL_DOMAINS,
    FIRST_NAMES,
    LAST_NAMES,
    PLANS,
    SOURCES,
    STATUSES,
    TAG_LISTS,
    mix,
    pick,
    seldom_null,
    share,
    spread,
    uuid,
    whole,
    word,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CustomFieldsForm = Literal["struct", "json", "map"]

REFERENCE: Final = datetime(2026, 1, 1, tzinfo=UTC)
ROW_GROUP: Final = 125_000
# Of the changed share of a night: this part is removed, and as many contacts are new.
REMOVED_PART: Final = 0.2
# In the next night, one contact in so many stands in another place of the file.
MOVED_EVERY: Final = 5
UNSUBSCRIBED_SHARE: Final = 0.16
BROKEN_SHARE: Final = 0.01
SEAT_PRICE: Final = {"starter": 9.0, "pro": 19.5, "enterprise": 32.0}
MAP_KEYS: Final = ("plan", "source", "seats", "mrr", "trial_ends_at", "address.city", "address.postal_code")


@dataclass(frozen=True)
class Night:
    """What a file of contacts shall hold.

    Attributes:
        rows: How many contacts the first night has.
        seed: Another seed gives other contacts.
        change: The share of the contacts that changed, went or came since; 0 is the first night.
        form: How the custom fields are stored.
    """

    rows: int
    seed: int
    change: float
    form: CustomFieldsForm

    @property
    def added(self) -> int:
        """How many contacts came since the first night."""
        return round(self.rows * self.change * REMOVED_PART)


def person() -> list[pl.Expr]:
    """Make the columns that tell who a contact is."""
    first, last = pick("first name", FIRST_NAMES), pick("last name", LAST_NAMES)
    initial = pick("initial", list("ABCDEFGHIJKLMNOPRSTVWYZ"))
    local = pl.concat_str(
        first.str.normalize("NFKD").str.replace_all(r"[^A-Za-z]", ""), pl.lit("."), pl.col("row"), pl.lit("@")
    ).str.to_lowercase()
    email = pl.concat_str(local, pick("domain", spread(EMAIL_DOMAINS)))
    return [
        uuid().alias("id"),
        pl.concat_str(first, pl.lit(" "), initial, pl.lit(". "), last).alias("name"),
        seldom_null(email, "email", 0.03).alias("email"),
    ]


def days(number: pl.Expr) -> pl.Expr:
    """Turn a number of days into a duration."""
    return (number * 86_400_000_000).cast(pl.Int64).cast(pl.Duration("us"))


def times(night: Night) -> list[pl.Expr]:
    """Make the three times of a contact; those after the first night lie in the day since."""
    first_night = pl.lit(REFERENCE).cast(pl.Datetime("us", "UTC"))
    came_later = pl.col("row") >= night.rows
    known_for = pl.when(came_later).then(share("age")).otherwise(share("age") ** 1.5 * 1_800)
    last_moment = pl.when(came_later).then(first_night + days(pl.lit(1.0))).otherwise(first_night)
    created = last_moment - days(known_for)
    changed = first_night + days(share("touched", "version"))
    updated = created + days(known_for * 0.9 * share("touched"))
    contacted = created + days(known_for * share("contacted", "version"))
    return [
        seldom_null(contacted, "contacted", 0.3).alias("last_contacted_at"),
        created.alias("created_at"),
        pl.when("changed").then(changed).otherwise(updated).alias("updated_at"),
    ]


def custom_fields() -> list[pl.Expr]:
    """Make the custom fields, each as an expression of its own."""
    plan = pick("plan", spread(PLANS), "version")
    seats = (share("seats", "version") ** 3 * 400).cast(pl.Int64) + 1
    price = plan.replace_strict(SEAT_PRICE, default=0.0, return_dtype=pl.Float64)
    mrr = pl.when(share("mrr is broken") < BROKEN_SHARE).then(math.nan).otherwise((price * seats).round(2))
    trial = pl.lit(REFERENCE + timedelta(days=60)).dt.cast_time_unit("us") - days(share("trial") * 360)
    city = pick("billing city", CITIES)
    postal_code = (whole("postal code", 90_000) + 10_000).cast(pl.String)
    address = pl.struct(city=city, postal_code=seldom_null(postal_code, "postal code", 0.1))
    return [
        plan.alias("plan"),
        pick("source", spread(SOURCES)).alias("source"),
        seldom_null(seats, "seats", 0.05).alias("seats"),
        seldom_null(mrr, "mrr", 0.1).alias("mrr"),
        seldom_null(trial.dt.truncate("1s"), "trial", 0.6).alias("trial_ends_at"),
        seldom_null(address, "address", 0.25).alias("address"),
    ]


def as_text(fields: list[pl.Expr]) -> list[pl.Expr]:
    """Write what JSON has no value for in its usual way: times as text, NaN as null."""
    plan, source, seats, mrr, trial, address = fields
    return [plan, source, seats, mrr.fill_nan(None), trial.dt.to_string("%Y-%m-%dT%H:%M:%SZ"), address]


def as_map_values(fields: list[pl.Expr]) -> pl.Expr:
    """Make the list of the values of `MAP_KEYS`, each as text."""
    *flat, address = as_text(fields)
    parts = [address.struct.field("city"), address.struct.field("postal_code")]
    return pl.concat_list(field.cast(pl.String) for field in (*flat, *parts))


def with_custom_fields(form: CustomFieldsForm) -> pl.Expr:
    """Make the column `custom_fields` in the given form; 3 % of the contacts have none."""
    fields = custom_fields()
    if form == "struct":
        column = pl.struct(fields)
    elif form == "json":
        column = pl.struct(as_text(fields)).struct.json_encode()
    else:
        column = as_map_values(fields)
    return seldom_null(column, "custom fields", 0.03).alias("custom_fields")


def numbers_of(night: Night, start: int, end: int) -> pl.DataFrame:
    """Choose the contacts of the places from `start` to `end`, with their random bits.

    Args:
        night: What the file shall hold.
        start: The first place.
        end: The place after the last one.

    Returns:
        The columns `row` (the number of the contact), `key`, `version` and `changed`.
    """
    row = pl.int_range(start, end, dtype=pl.UInt64)
    if night.change:
        movable = max((night.rows + night.added) // MOVED_EVERY, 1)
        factor = next(number for number in range(7_919, 2 * 7_919) if math.gcd(number, movable) == 1)
        moved = (row // word(MOVED_EVERY) * word(factor) + word(31)) % word(movable) * word(MOVED_EVERY)
        inside = (row % word(MOVED_EVERY) == 0) & (row // word(MOVED_EVERY) < movable)
        row = pl.when(inside).then(moved).otherwise(row)
    frame = pl.select(row=row).with_columns(key=mix(pl.col("row") ^ mix(word(night.seed))))
    fate = pl.when(pl.col("row") < night.rows).then(share("fate")).otherwise(1.0)
    changed = fate < night.change * (1 - REMOVED_PART)
    removed = changed & (fate < night.change * REMOVED_PART)
    version = pl.when("changed").then(mix(pl.col("key"))).otherwise(pl.col("key"))
    return frame.filter(~removed).with_columns(changed=changed).with_columns(version=version)


def make_chunk(night: Night, start: int, end: int) -> pl.DataFrame:
    """Make the contacts of the places from `start` to `end` of the file."""
    company = pl.lit(pl.Series(COMPANIES)).gather((share("company") ** 2 * len(COMPANIES)).cast(pl.UInt32))
    gone = share("unsubscribed", "version") < UNSUBSCRIBED_SHARE
    return numbers_of(night, start, end).select(
        *person(),
        pick("status", spread(STATUSES), "version").alias("status"),
        pick("country", spread(COUNTRIES)).alias("country"),
        seldom_null(pick("city", CITIES), "city", 0.05).alias("city"),
        seldom_null(company, "company", 0.15).alias("company"),
        seldom_null(whole("score", 100, "version").cast(pl.Int64), "score", 0.05).alias("score"),
        seldom_null(gone, "unsubscribed", 0.02).alias("unsubscribed"),
        *times(night),
        pick("tags", TAG_LISTS, "version").alias("tags"),
        with_custom_fields(night.form),
    )


def to_map(lists: pa.ListArray) -> pa.MapArray:
    """Turn lists of the values of `MAP_KEYS` into maps without the missing values."""
    values = lists.values
    keys = pa.array([*MAP_KEYS] * (len(values) // len(MAP_KEYS)), pa.string())
    present = values.is_valid()
    # Where a map begins among the entries kept: after as many as are kept before it.
    kept_before = pc.cumulative_sum(pa.concat_arrays([pa.array([0], pa.int32()), present.cast(pa.int32())]))
    offsets = kept_before.take(lists.offsets)
    return pa.MapArray.from_arrays(offsets, keys.filter(present), values.filter(present), mask=lists.is_null())


def to_arrow(chunk: pl.DataFrame, form: CustomFieldsForm) -> pa.Table:
    """Turn a chunk into an Arrow table, whose custom fields have the wanted form."""
    table = chunk.to_arrow()
    if form != "map":
        return table
    place = table.schema.get_field_index("custom_fields")
    lists = table["custom_fields"].cast(pa.list_(pa.string())).combine_chunks()
    return table.set_column(place, "custom_fields", to_map(lists))


def chunks(night: Night) -> Iterator[pa.Table]:
    """Make the contacts chunk by chunk."""
    total = night.rows + night.added
    for start in range(0, total, ROW_GROUP):
        yield to_arrow(make_chunk(night, start, min(start + ROW_GROUP, total)), night.form)


def write_contacts(night: Night, out: Path) -> int:
    """Write the contacts as a plain Parquet file, never holding more than a row group.

    Args:
        night: What the file shall hold.
        out: The file.

    Returns:
        How many contacts were written.
    """
    schema = to_arrow(make_chunk(night, 0, 1), night.form).schema
    written = 0
    with pq.ParquetWriter(out, schema, compression="zstd", store_schema=False) as writer:
        for chunk in chunks(night):
            writer.write_table(chunk, row_group_size=ROW_GROUP)
            written += chunk.num_rows
    return written
