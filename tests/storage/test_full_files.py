"""Writing the membership to a full disk."""

import errno
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from segbatch import PublishError
from segbatch.platform.bitmaps import full_bitmap
from segbatch.storage.run_writers import MembershipWriter
from segbatch.storage.write_errors import translate_write_errors


@pytest.mark.parametrize("contacts", [10, 2_000, 4_000, 6_000, 20_000])
@pytest.mark.parametrize("id_type", [pa.string(), pa.int64()])
def test_a_full_disk_is_reported_as_the_error_of_the_system(
    tmp_path: Path, contacts: int, id_type: pa.DataType
) -> None:
    ids = pa.array(range(contacts)).cast(id_type)
    writer = MembershipWriter(tmp_path, id_type, {"run_id": "night"})
    (tmp_path / "membership" / "part-00000.parquet").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left on device") as raised:
        writer.write(0, ids, ["s"], full_bitmap(contacts).reshape(1, -1), np.ones(contacts, dtype=bool))
    assert raised.value.errno == errno.ENOSPC


DUCKDB_SAYS = {
    "Detached database 'catalogue', but CHECKPOINT during DETACH failed": "is the disk full?",
    'Failed to commit: Could not write file "x.wal": No space left on device': "No space left on device",
    "Catalog Error: something else\nmore of it": "Catalog Error: something else",
}


@pytest.mark.parametrize(("message", "reason"), DUCKDB_SAYS.items(), ids=list(DUCKDB_SAYS.values()))
def test_a_full_disk_in_duckdb_is_reported_as_a_full_disk(message: str, reason: str) -> None:
    with pytest.raises(PublishError) as raised, translate_write_errors(Path("output")):
        raise duckdb.Error(message)
    assert str(raised.value) == f"output: cannot be written: {reason}; nothing was published"
