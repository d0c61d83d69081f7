"""Files that a command writes, checked before its work."""

import errno
from pathlib import Path

import pytest

from segbatch.errors import UsageError
from segbatch.platform.files import resolve_destination


@pytest.mark.parametrize("method", ["stat", "is_symlink"])
def test_a_disk_error_at_a_destination_is_an_error_of_the_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    def fail(_: Path) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Path, method, fail)
    with pytest.raises(UsageError, match=r"cannot be written: Input/output error \(--to\)"):
        resolve_destination(tmp_path / "file.csv", "--to")
