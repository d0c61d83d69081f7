"""The same work with data frames, as it is mostly written: a filter a segment, and a file for each."""

from __future__ import annotations

from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING, Any, TypeVar

from conditions import LISTS, SIGNS, TIMES, bound, distinct_rules, fields_of, key_of, read_segments

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd
    import polars as pl

T = TypeVar("T")


def joined(segment: dict[str, Any], answer: Callable[[dict[str, Any]], T]) -> T:
    """Join the answers to the rules of a segment."""
    return reduce(or_ if segment.get("match") == "any" else and_, map(answer, segment["rules"]))


def compared(column: Any, sign: str, value: Any) -> Any:
    """Compare a column, of whatever kind, with a value."""
    return {">": column.__gt__, ">=": column.__ge__, "<": column.__lt__, "<=": column.__le__}[sign](value)


def in_polars(rule: dict[str, Any]) -> pl.Expr:
    """Write a rule for Polars."""
    import polars as pl  # noqa: PLC0415 - each peer loads what is its own

    first, *path = rule["field"].split(".")
    column = reduce(lambda outer, name: outer.struct.field(name), path, pl.col(first))
    value = rule.get("value")
    match rule["operator"]:
        case "eq":
            return column.eq_missing(value)
        case "neq":
            return column.ne_missing(value)
        case "contains" if rule["field"] in LISTS:
            return column.list.contains(value).fill_null(value=False)
        case "contains":
            return column.str.contains(value, literal=True).fill_null(value=False)
        case "not_contains":
            return ~in_polars({**rule, "operator": "contains"})
        case "exists":
            return column.is_not_null()
        case "empty":
            return column.is_null()
    if rule["field"] in TIMES:
        sign, day = bound(rule)
        return compared(column, sign, pl.lit(day).str.to_datetime("%Y-%m-%d", time_zone="UTC")).fill_null(value=False)
    number = column if rule["field"] != "custom_fields.mrr" else column.fill_nan(None)
    return compared(number, SIGNS[rule["operator"]], value).fill_null(value=False)


def polars_loop(contacts: Path, definitions: Path, out: Path) -> None:
    """Scan the snapshot once for each segment."""
    import polars as pl  # noqa: PLC0415 - each peer loads what is its own

    for segment in read_segments(definitions):
        members = pl.scan_parquet(contacts).filter(joined(segment, in_polars))
        named = members.select(segment_id=pl.lit(segment["id"]), contact_id=pl.col("id"))
        named.sink_parquet(out / f"{segment['id']}.parquet")


def polars_wide(contacts: Path, definitions: Path, out: Path) -> None:
    """Ask all segments at once, into a column of booleans each; then write their members one after the other."""
    import polars as pl  # noqa: PLC0415 - each peer loads what is its own

    segments = read_segments(definitions)
    wide = pl.scan_parquet(contacts).select(
        pl.col("id"), *(joined(segment, in_polars).alias(segment["id"]) for segment in segments)
    )
    frame = wide.collect()
    ids = frame.get_column("id")
    for segment in segments:
        members = pl.DataFrame({"contact_id": ids.filter(frame.get_column(segment["id"]))})
        named = members.select(pl.lit(segment["id"]).alias("segment_id"), "contact_id")
        named.write_parquet(out / f"{segment['id']}.parquet")


def in_pandas(rule: dict[str, Any], frame: pd.DataFrame) -> pd.Series:
    """Answer a rule with pandas."""
    import pandas as pd  # noqa: PLC0415 - each peer loads what is its own

    column, value = frame[rule["field"]], rule.get("value")
    match rule["operator"]:
        case "eq":
            return (column == value).fillna(value=False)
        case "neq":
            return ~(column == value).fillna(value=False)
        case "contains" if rule["field"] in LISTS:
            return column.map(lambda tags: tags is not None and value in tags).astype(bool)
        case "contains":
            return column.str.contains(value, regex=False).fillna(value=False)
        case "not_contains":
            return ~in_pandas({**rule, "operator": "contains"}, frame)
        case "exists":
            return column.notna()
        case "empty":
            return column.isna()
    if rule["field"] in TIMES:
        sign, day = bound(rule)
        return compared(column, sign, pd.Timestamp(day, tz="UTC")).fillna(value=False)
    return compared(column, SIGNS[rule["operator"]], value).fillna(value=False)


def pandas(contacts: Path, definitions: Path, out: Path) -> None:
    """Ask each distinct rule once, over one frame; then write the members of each segment."""
    import pandas as pd  # noqa: PLC0415 - each peer loads what is its own
    import pyarrow.parquet as pq  # noqa: PLC0415

    segments = read_segments(definitions)
    names = sorted({field.split(".")[0] for field in fields_of(segments)} | {"id"})
    table = pq.read_table(contacts, columns=names)
    while any(str(kind).startswith("struct") for kind in table.schema.types):
        table = table.flatten()
    frame = table.select(sorted({"id", *fields_of(segments)})).to_pandas()
    answers = {key: in_pandas(rule, frame) for key, rule in distinct_rules(segments).items()}
    for segment in segments:
        holds = joined(segment, lambda rule: answers[key_of(rule)])
        members = pd.DataFrame({"segment_id": segment["id"], "contact_id": frame["id"][holds]})
        members.to_parquet(out / f"{segment['id']}.parquet", index=False)
