"""A file that knows the digest of what was written to it, so that nobody has to read it again."""

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["DigestingFile"]


class DigestingFile(io.RawIOBase):
    """A new file, written from its beginning to its end.

    Attributes:
        size: How many bytes were written.
        error: Why something could not be written, which a library that writes here may tell in words of its own.
    """

    def __init__(self, path: Path) -> None:
        """Make the file."""
        self._file = path.open("wb")
        self._digest = hashlib.sha256()
        self.size = 0
        self.error: OSError | None = None

    def writable(self) -> bool:
        """Tell that it can be written."""
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
    def telling(self) -> Iterator[None]:
        """Raise why this file could not be written, whatever the library that writes to it makes of that.

        The error is a new one: Arrow keeps that which it met until the process ends, and so all that its traceback
        leads to, for which other libraries then complain.

        Raises:
            OSError: It could not be written inside the block.
        """
        try:
            yield
        except Exception as error:
            if self.error is None:
                raise
            error.__traceback__ = self.error.__traceback__ = None
            raise OSError(self.error.errno, self.error.strerror) from None

    def flush(self) -> None:
        """Hand what was written to the operating system."""
        if not self._file.closed:
            self._file.flush()

    def close(self) -> None:
        """Complete the file."""
        self._file.close()
        super().close()

    @property
    def sha256(self) -> str:
        """The digest of all that was written, in hexadecimal."""
        return self._digest.hexdigest()
