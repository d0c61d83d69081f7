"""Duplicate contact ids: search for them and for the files that contain them."""

from collections.abc import Iterable, Sequence
from itertools import accumulate

import polars as pl
import pyarrow as pa

from segbatch.errors import SnapshotError
from segbatch.snapshot.hive_partitions import infer_partition_types, parse_partitions
from segbatch.text import clipped, counted, printable

_SHOWN = 3
_ID_LENGTH = 60
_LOOKED_UP = 100_000
"""Maximum number of duplicate hashes whose ids are looked up. If there are more, only the first are looked up, and the
error reports the number of hashes."""


def refuse_duplicates(
    column: str, hashes: pl.Series, batches: Iterable[pl.Series], files: Sequence[tuple[str, int]]
) -> None:
    """Raise an error if ids occur more than once. Equal hashes of different ids are accepted.

    Args:
        hashes: The hashes that occur more than once, sorted.
        files: The files of the snapshot in reading order, each with its number of rows.

    Raises:
        SnapshotError: Ids occur more than once.
    """
    suspects = _suspects(hashes, batches)
    copies = suspects.filter(pl.col("id").is_duplicated())
    repeated = copies.get_column("id").unique(maintain_order=True)
    if not len(repeated):
        return
    number = len(repeated) if len(hashes) <= _LOOKED_UP else len(hashes)
    some = ", ".join(map(_show, repeated.head(_SHOWN)))
    more = ", …" if number > _SHOWN else ""
    occur = "occurs" if number == 1 else "occur"
    message = f"{counted(number, 'id')} {occur} more than once in '{clipped(column)}'"
    end = place_of_copies(copies, files)
    raise SnapshotError(f"{message} ({some}{more}){end}", without_ids=f"{message}{end}")


def _suspects(hashes: pl.Series, batches: Iterable[pl.Series]) -> pl.DataFrame:
    """Return the ids with these hashes in the column `id`, each with its row number in the column `row`."""
    wanted, found, rows = hashes if len(hashes) <= _LOOKED_UP else None, list[pl.DataFrame](), 0
    for ids in batches:
        own = ids.hash()
        if wanted is None:
            wanted = own.filter(_are_in(own, hashes)).head(_LOOKED_UP).unique().sort()
        numbered = pl.DataFrame([ids.alias("id"), pl.int_range(rows, rows + len(ids), eager=True).alias("row")])
        found.append(numbered.filter(_are_in(own, wanted)))
        wanted, rows = wanted if len(wanted) else None, rows + len(ids)
    return pl.concat(found)


def _are_in(values: pl.Series, those: pl.Series) -> pl.Series:
    """Return which values are in the sorted series `those`, without building a hash table."""
    if not len(those):
        return pl.repeat(value=False, n=len(values), dtype=pl.Boolean, eager=True)
    positions = those.search_sorted(values)
    return those.gather(positions.clip(upper_bound=len(those) - 1)) == values


def place_of_copies(copies: pl.DataFrame, files: Sequence[tuple[str, int]]) -> str:
    """Return the end of an error message: two files that share an id, and advice.

    Args:
        copies: Ids that occur more than once in the column `id`, each with its row number in the column `row`. The
            first id that is in two files determines the message.
        files: The files of the snapshot in reading order, each with its number of rows.
    """
    ends = pl.Series(list(accumulate(rows for _, rows in files)), dtype=pl.Int64)
    if len(ends) > 1:
        numbered = copies.with_columns(ends.search_sorted(copies.get_column("row"), side="right").alias("file"))
        spread = numbered.filter(pl.col("file").n_unique().over("id") > 1)
        if spread.height:
            own = spread.filter(pl.col("id") == pl.col("id").first()).get_column("file").unique(maintain_order=True)
            first, second = (files[number][0] for number in own.head(2))
            place = "in" if copies.get_column("id").n_unique() == 1 else "one of them in"
            return f", {place} {printable(first)} and in {printable(second)}; {_advice(first, second)}"
    return "; keep one row per contact in the export"


def _advice(first: str, second: str) -> str:
    one, other = parse_partitions(first), parse_partitions(second)
    arrow_types = infer_partition_types([one, other])
    differing = {key for key in one.keys() & other.keys() if one[key] != other[key]}
    if one.keys() != other.keys() or all(arrow_types[key] == pa.string() for key in differing):
        return "keep one row per contact in all files together, or pass only one file"
    folder = printable(second.rpartition("/")[0])
    return f"if they are exports of two days, pass the folder of one day, such as {folder}"


def _show(contact_id: object) -> str:
    text = contact_id.hex() if isinstance(contact_id, bytes) else str(contact_id)
    return text if len(text) <= _ID_LENGTH else text[:_ID_LENGTH] + "…"
