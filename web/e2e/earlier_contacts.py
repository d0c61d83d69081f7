"""Write the sample contacts as they could have been some days earlier: `earlier_contacts.py SOURCE TARGET DAYS`.

There are fewer of them, some have the values of another contact, and a few have these on that day alone.
"""

import sys

import polars as pl

KEPT = ("id", "project_id", "name", "first_name", "last_name", "email")
"""Columns that do not change."""

source, target, days = sys.argv[1], sys.argv[2], int(sys.argv[3])
number = pl.int_range(pl.len())
is_new = number * 7919 % 1000 < 2 * days
has_changed = (number * 4567 % 1000 < 5 * days) | (days > 0) & ((number * 31 + days * 101) % 150 == 0)
contacts = pl.read_parquet(source)
earlier = (
    pl.when(has_changed).then(pl.col(name).shift(1)).otherwise(pl.col(name)).alias(name)
    for name in contacts.columns
    if name not in KEPT
)
contacts.with_columns(*earlier).filter(~is_new).write_parquet(target)
