"""The columns of tables whose rows are not in `table_rows`, and the types of contact ids that Iceberg has."""

import pyarrow as pa

from segbatch.errors import UsageError
from segbatch.snapshot.arrow.polars_types import describe_arrow_type
from segbatch.storage.id_types import stored_type

_TEXT = pa.string()
_INSTEAD = "export them as text, or publish to a folder or plain Parquet files (--output)"

CURRENT_SCHEMA = pa.schema(
    [
        ("publication", _TEXT),
        ("publication_number", pa.int64()),
        ("run_number", pa.int64()),
        ("run_id", _TEXT),
        ("as_of", pa.timestamp("us")),
    ]
)


def ensure_supported(address: str, id_type: pa.DataType) -> None:
    """Check that an Iceberg table can have contact ids of a type.

    Args:
        address: The output, for the message.
        id_type: The type that the ids are kept in.

    Raises:
        UsageError: Iceberg has no such type.
    """
    own = stored_type(id_type)
    is_number = own == pa.int64() or pa.types.is_decimal128(own)
    is_bytes = pa.types.is_binary(own) or pa.types.is_fixed_size_binary(own)
    if not (is_number or is_bytes or own in {_TEXT, pa.uuid()}):
        message = f"an Iceberg table cannot have contact ids of the type {describe_arrow_type(own)}"
        raise UsageError(f"{address}: {message}; {_INSTEAD}")
