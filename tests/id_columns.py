"""Contact ids of each type that snapshots may have."""

from decimal import Decimal
from uuid import UUID

import pyarrow as pa

UUIDS = [UUID(int=number << 64).bytes for number in range(1, 4)]

ID_COLUMNS: dict[str, pa.Array] = {
    "text": pa.array(["a", "ü ' \\", "\t"]),
    "dictionary": pa.array(["a", "b", "c"]).dictionary_encode(),
    "int64": pa.array([-(2**63), 0, 2**63 - 1], pa.int64()),
    "int32": pa.array([1, 2, 3], pa.int32()),
    "uint16": pa.array([1, 2, 65_535], pa.uint16()),
    "uuid": pa.ExtensionArray.from_storage(pa.uuid(), pa.array(UUIDS, pa.binary(16))),
    "16 bytes": pa.array(UUIDS, pa.binary(16)),
    "bytes": pa.array([b"\0", b"\xff", b"abc"], pa.binary()),
    "5 bytes": pa.array([b"\0" * 5, b"\xff" * 5, b"abcde"], pa.binary(5)),
}
LARGE_NUMBERS: dict[str, pa.Array] = {
    "uint64": pa.array([1, 2, 2**64 - 1], pa.uint64()),
    "decimal": pa.array([Decimal(1), Decimal(2), Decimal(10**37)], pa.decimal128(38, 0)),
}
