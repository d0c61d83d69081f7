"""The differences between the bitmaps of two runs."""

import polars as pl

from segbatch.storage.bitmap import BITS


def differences(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Compare the bits of the same contacts in two runs.

    Args:
        before: The bits in the previous run, one column per byte.
        after: The bits in this run, with at least as many columns.

    Returns:
        One row per changed bit, ordered by place and contact. `place` is the bit index, `contact` is the row number,
        and `entered` is true if the bit is now set.
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
    """Return the bytes of a column that differ. A column that is missing in `before` counts as empty there."""
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
