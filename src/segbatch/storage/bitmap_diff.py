"""What differs between the bits of two nights."""

import polars as pl

from segbatch.storage.bitmap import BITS

__all__ = ["differences"]


def differences(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Compare the bits of the same contacts on two nights.

    Args:
        before: Their bits then, a column a byte.
        after: Their bits now, as many columns or more.

    Returns:
        A row for each bit that is not the same, ordered by place and contact: `place` of the bit, `contact` as its row
        number, and whether it `entered`.
    """
    changed = [_changed(column, before, int(column.name)) for column in after.iter_columns()]
    bytes_ = pl.concat(changed)
    bits = [
        bytes_.filter(pl.col("change") & pl.lit(1 << bit, pl.UInt8) != 0).select(
            pl.col("octet") * BITS + bit,
            pl.col("contact"),
            entered=pl.col("now") & pl.lit(1 << bit, pl.UInt8) != 0,
        )
        for bit in range(BITS)
    ]
    return pl.concat(bits).rename({"octet": "place"}).sort("place", "contact")


def _changed(now: pl.Series, before: pl.DataFrame, octet: int) -> pl.DataFrame:
    """Return the bytes of a column that are not the same; those of a column that was not there then were empty."""
    change = now ^ before.get_column(now.name) if now.name in before.columns else now
    rows = (change != 0).arg_true()
    return pl.DataFrame(
        {
            "octet": pl.repeat(octet, len(rows), dtype=pl.UInt32, eager=True),
            "contact": rows,
            "change": change.gather(rows),
            "now": now.gather(rows),
        }
    )
