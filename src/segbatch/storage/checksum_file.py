"""A file that computes its checksum while it is written, so that it need not be read again."""

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class DigestingFile(io.RawIOBase):
    """A new file that is written sequentially, with its SHA-256.

    Attributes:
        error: The last write error from the operating system. A library that writes here may report it in other words.
    """

    def __init__(self, path: Path) -> None:
        """Create the file."""
        self._file = path.open("wb")
        self._digest = hashlib.sha256()
        self.size = 0
        self.error: OSError | None = None

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Write bytes."""
        view = memoryview(data)
        self._digest.update(view)
        self.size += view.nbytes
        try:
            return self._file.write(view)
        except OSError as error:
            self.error = error
            raise

    @contextmanager
    def translate_errors(self) -> Iterator[None]:
        """Raise the original write error of this file, whatever exception the writing library makes of it.

        A new exception is raised. Arrow keeps the original one until the process ends, along with everything that its
        traceback refers to, and other libraries complain about that.

        Raises:
            OSError: The file could not be written inside the block.
        """
        try:
            yield
        except Exception as error:
            if self.error is None:
                raise
            error.__traceback__ = self.error.__traceback__ = None
            raise OSError(self.error.errno, self.error.strerror) from None

    def flush(self) -> None:
        """Flush the written bytes to the operating system."""
        if not self._file.closed:
            self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()

    @property
    def sha256(self) -> str:
        """The SHA-256 of all written bytes, in hexadecimal."""
        return self._digest.hexdigest()
