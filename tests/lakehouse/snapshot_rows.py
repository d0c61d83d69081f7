"""Contacts for tables of both formats, and the rows that segbatch reads of a table."""

from typing import Any

import pyarrow as pa

from segbatch.snapshot.open_snapshot import open_snapshot


def contacts(*ids: str, **columns: Any) -> pa.Table:
    return pa.table({"id": list(ids), **columns})


def rows(address: str, *names: str) -> list[tuple[Any, ...]]:
    snapshot = open_snapshot(address)
    batches = list(snapshot.batches([*names], 1000))
    assert sum(len(batch.ids) for batch in batches) == snapshot.rows
    found = [batch.frame.select("id", *names).rows() for batch in batches]
    return sorted((row for batch in found for row in batch), key=str)
