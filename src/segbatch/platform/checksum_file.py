"""A file that computes its checksum while it is written, so that it need not be read again."""

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CHUNK = 1 << 18
"""Bytes that are written at once. With each write, other threads go on and this one waits for its turn again, which
would cost a tenth of the time for the 20 KB that a segment has in a batch."""


class DigestingFile(io.RawIOBase):
    """A new file that is written sequentially, with its SHA-256.

    Attributes:
        error: The last write error from the operating system. A library that writes here may report it in other words.
    """

    def __init__(self, path: Path) -> None:
        """Create the file."""
        self._file = path.open("wb")
        self._digest = hashlib.sha256()
        self._waiting, self._waiting_size = list[bytes](), 0
        self.size = 0
        self.error: OSError | None = None

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, data: bytes | bytearray | memoryview) -> int:  # type: ignore[override]
        """Write bytes. Small parts wait until there are many, so an error may be that of an earlier part."""
        view = memoryview(data)
        self.size += view.nbytes
        if view.nbytes >= _CHUNK:
            self._write_waiting()
            self._write_now(view)
            return view.nbytes
        self._waiting.append(bytes(view))  # a copy, as the memory may be used again
        self._waiting_size += view.nbytes
        if self._waiting_size >= _CHUNK:
            self._write_waiting()
        return view.nbytes

    def _write_waiting(self) -> None:
        chunk = b"".join(self._waiting)
        self._waiting, self._waiting_size = [], 0
        self._write_now(chunk)

    def _write_now(self, chunk: bytes | memoryview) -> None:
        self._digest.update(chunk)
        try:
            self._file.write(chunk)
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
            self._write_waiting()
            self._file.flush()

    def close(self) -> None:
        """Write what waits, unless a write failed before, and close the file."""
        try:
            if self.error is None and not self._file.closed:
                self._write_waiting()
        finally:
            try:
                self._file.close()
            finally:
                super().close()

    @property
    def sha256(self) -> str:
        """The SHA-256 of all bytes of the file, in hexadecimal, once it is flushed or closed."""
        return self._digest.hexdigest()
