"""The columns of the two large tables, and the types of contact ids that a Delta table can have."""

import pyarrow as pa

from segbatch.errors import UsageError
from segbatch.snapshot.arrow.polars_types import describe_arrow_type
from segbatch.storage.id_types import stored_type

_TEXT = pa.string()
_INSTEAD = "export them as text, or publish to a folder or plain Parquet files (--output)"


def ensure_supported(address: str, id_type: pa.DataType) -> None:
    """Check that a Delta table can have contact ids of a type.

    Args:
        address: The output, for the message.
        id_type: The type that the ids are kept in.

    Raises:
        UsageError: Delta has no such type.
    """
    own = stored_type(id_type)
    is_number = own == pa.int64() or pa.types.is_decimal128(own)
    if not (is_number or own == _TEXT or pa.types.is_binary(own)):
        message = f"each contact id is {describe_arrow_type(own)}, which a Delta table cannot store"
        raise UsageError(f"{address}: {message}; {_INSTEAD}")


def ensure_same(address: str, schema: pa.Schema, id_type: pa.DataType) -> None:
    """Check that a table has contact ids of a type.

    Args:
        address: The output, for the message.
        schema: The columns of `membership`.
        id_type: The type that the run keeps its ids in.

    Raises:
        UsageError: The table has another type.
    """
    was, now = schema.field("contact_id").type, stored_type(id_type)
    if was != now:
        message = f"each contact id in the tables is {describe_arrow_type(was)}, and in this run"
        remedy = "export them as before, or publish elsewhere (--output)"
        raise UsageError(f"{address}: {message} {describe_arrow_type(now)}; {remedy}")
