"""Fields without a value for any contact, found in the footers of files or by reading until a value is found."""

from collections.abc import Mapping

from segbatch.snapshot.fields.resolution import Field
from segbatch.snapshot.fields.types import Kind
from segbatch.snapshot.parquet.files import leaves_with_values
from segbatch.snapshot.snapshot import Snapshot

_BATCH = 10_000


def find_empty(snapshot: Snapshot, fields: Mapping[str, Field]) -> frozenset[str]:
    """Return the fields that have no value for any contact.

    Raises:
        SnapshotError: A file cannot be read, or is damaged.
    """
    waiting = {name: field for name, field in fields.items() if field.kind is not Kind.NOTHING}
    unknown = {name: field for name, field in waiting.items() if name not in snapshot.schema.derived}
    for file in snapshot.files if unknown else ():
        found = leaves_with_values(file, {field.leaf for field in unknown.values()})
        unknown = {name: field for name, field in unknown.items() if field.leaf not in found}
        if not unknown:
            break
    return frozenset(fields.keys() - waiting.keys()) | _without_values(snapshot, unknown)


def _without_values(snapshot: Snapshot, fields: Mapping[str, Field]) -> frozenset[str]:
    """Return the fields without a value in the data. Reading stops when each field has shown a value."""
    waiting = dict(fields)
    batches = snapshot.batches({field.leaf for field in fields.values()}, _BATCH)
    while waiting and (batch := next(batches, None)) is not None:
        found = batch.frame.select(field.expr.is_not_null().any().alias(name) for name, field in waiting.items())
        waiting = {name: field for name, field in waiting.items() if not found.item(0, name)}
    return frozenset(waiting)
