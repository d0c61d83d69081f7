"""The progress of deliveries, in small files next to the published runs.

```
OUTPUT/deliveries/NAME/lock                    the process that delivers to the destination, if any
OUTPUT/deliveries/NAME/start.json              the run after which all selected segments have a file
OUTPUT/deliveries/NAME/segments/SEGMENT.json   the run whose members the receiver has, and the delivery in progress
```

A delivery is written down before it is sent. If the process dies after sending, the same delivery with the same key is
sent again, also if other runs were published or rolled back in the meantime.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ValidationError

from segbatch.errors import ExportError
from segbatch.model.manifest import PastRun
from segbatch.model.record import Record
from segbatch.platform.files import remove_file, replace_file, temporary_file

Kind = Literal["changes", "all"]
"""`changes` since the delivery before, or `all` members, which replace what the receiver has."""

_FOLDER = "deliveries"
_SEGMENTS = "segments"
_START = "start.json"
_LOCK = "lock"
_SUFFIX = ".json"

_Model = TypeVar("_Model", bound=BaseModel)


class RunRef(Record):
    """A published run. A run that is made again has the same id, and may have the same folder.

    Attributes:
        folder: The name of its folder.
    """

    run_id: str
    folder: str
    started_at: AwareDatetime

    @classmethod
    def of(cls, past: PastRun) -> "RunRef":
        """Return the reference to a run of the history."""
        return cls(run_id=past.run.run_id, folder=past.folder, started_at=past.run.started_at)


class Pending(Record):
    """A delivery that the receiver may have.

    Attributes:
        run: The run whose members the receiver has after it.
        key: The idempotency key.
    """

    run: RunRef
    kind: Kind
    key: str


class Position(Record):
    """The progress of a segment.

    Attributes:
        delivered: The run whose members the receiver has; None if it has none.
        pending: The delivery that was begun and not completed.
    """

    format: Literal[1] = 1
    segment_id: str
    delivered: RunRef | None = None
    pending: Pending | None = None


class _Start(Record):
    format: Literal[1] = 1
    run: RunRef


@dataclass(frozen=True, slots=True)
class DeliveryState:
    """The progress of a destination.

    Attributes:
        folder: The folder of its files, which may be missing.
    """

    folder: Path

    @classmethod
    def of(cls, output: Path, destination: str) -> "DeliveryState":
        """Return the progress of a destination of an output folder."""
        return cls(output / _FOLDER / destination)

    @property
    def lock(self) -> Path:
        """The lock file."""
        return self.folder / _LOCK

    def segment_ids(self) -> list[str]:
        """Return the segments that have a position, sorted."""
        return sorted(path.name.removesuffix(_SUFFIX) for path in (self.folder / _SEGMENTS).glob(f"*{_SUFFIX}"))

    def read(self, segment_id: str) -> Position | None:
        """Return the position of a segment; None if nothing was delivered or begun.

        Raises:
            ExportError: The file is damaged.
        """
        return _read(self._path(segment_id), Position)

    def write(self, position: Position) -> None:
        """Write the position of a segment.

        Raises:
            ExportError: The file cannot be written.
        """
        _write(self._path(position.segment_id), position)

    def remove(self, segment_id: str) -> None:
        """Remove the position of a deleted segment."""
        with _translate_errors(path := self._path(segment_id)):
            if path.exists():
                remove_file(path)

    def read_start(self) -> RunRef | None:
        """Return the run after which all selected segments have a position; None before the first delivery."""
        found = _read(self.folder / _START, _Start)
        return found.run if found else None

    def write_start(self, run: RunRef) -> None:
        """Write the run after which all selected segments have a position."""
        _write(self.folder / _START, _Start(run=run))

    def _path(self, segment_id: str) -> Path:
        return self.folder / _SEGMENTS / f"{segment_id}{_SUFFIX}"


def _read(path: Path, model: type[_Model]) -> _Model | None:
    try:
        return model.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError:
        message = "is damaged; remove it, and send all members with segbatch deliver --resend"
        raise ExportError(f"{path}: {message}") from None
    except OSError as error:
        raise ExportError(f"{path}: cannot be read: {error.strerror}") from None


def _write(path: Path, record: Record) -> None:
    with _translate_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary_file(path) as new:
            new.write_text(record.model_dump_json(indent=2) + "\n", encoding="utf-8")
            replace_file(new, path)


@contextmanager
def _translate_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        message = f"cannot be written: {error.strerror}; what was sent last may be sent again, with the same key"
        raise ExportError(f"{path}: {message}") from None
