"""A file that computes its checksum while it is written."""

import errno
import hashlib
from pathlib import Path

import numpy as np
import pytest

from segbatch.platform import checksum_file
from segbatch.platform.checksum_file import DigestingFile


@pytest.mark.parametrize("chunk", [1, 7, 1 << 18])
def test_the_checksum_is_that_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(checksum_file, "_CHUNK", chunk)
    numbers = np.arange(9, dtype=np.uint16)
    with DigestingFile(tmp_path / "file") as file:
        assert [file.write(part) for part in (b"abc", b"", numbers.data, bytearray(b"de"))] == [3, 0, 18, 2]
        numbers[:] = 0  # the memory of a caller may be used again
        file.flush()
        assert (tmp_path / "file").stat().st_size == file.size == 23
        file.write(b"f")
    content = (tmp_path / "file").read_bytes()
    assert content == b"abc" + np.arange(9, dtype=np.uint16).tobytes() + b"def"
    assert (file.size, file.sha256) == (24, hashlib.sha256(content).hexdigest())
    file.close()
    file.flush()


def test_a_small_file_on_a_full_disk_is_an_error_when_it_is_closed(tmp_path: Path) -> None:
    (tmp_path / "file").symlink_to("/dev/full")
    file = DigestingFile(tmp_path / "file")
    file.write(b"abc")
    with pytest.raises(OSError, match="No space left") as raised:
        file.close()
    assert raised.value.errno == errno.ENOSPC
    assert file.closed


def test_the_first_error_is_the_one_that_is_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checksum_file, "_CHUNK", 1)
    (tmp_path / "file").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left") as raised, DigestingFile(tmp_path / "file") as file:
        file.write(bytes(1 << 17))
    assert file.error is raised.value
