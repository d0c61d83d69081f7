"""Writers that share a folder of definitions: programs over the API, the store and the commands, and people.

Each adds marks to the descriptions of segments, creates segments and removes them, as a careful client does: it reads,
changes, and writes only if no other writer has written meanwhile. Each change is recorded with the ETag it replaced.
"""

import asyncio
import fcntl
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from segbatch.client import ApiError, AsyncSegmentsClient, NotFoundError, SegmentsClient, StaleError
from segbatch.definitions.store import SegmentStore
from segbatch.definitions.store.files import LOCK
from segbatch.errors import BrokenSegmentError
from segbatch.errors import NotFoundError as NoSuchSegmentError
from segbatch.errors import StaleError as ChangedSinceError

PROJECT = "proj-1"
PLAIN = [f"plain-{number}" for number in range(80)]
LISTED = [f"listed-{number}" for number in range(8)]
IN_PLACE = [f"in-place-{number}" for number in range(8)]
"""People save these in place, so that they are invalid for a moment; still, no change is lost."""

SHARED = [*PLAIN, *LISTED, *IN_PLACE]
ACTIVE = {"field": "status", "operator": "eq", "value": "active"}
MADE = "Made"

_Result = TypeVar("_Result")


class AgainError(Exception):
    """Another writer was faster, or the segment is being saved: read it again."""


class GoneError(Exception):
    """Another writer removed the segment."""


@dataclass(frozen=True)
class Done:
    """A change: the ETags of the old and the new definition.

    Attributes:
        segment_id: The segment.
        before: The ETag of the replaced definition; None if the segment was created.
        after: The ETag of the new definition; None if the segment was removed.
        mark: The text that was added to its description.
    """

    segment_id: str
    before: str | None
    after: str | None
    mark: str = ""


class Way(Protocol):
    """A way to read and change segments."""

    def get(self, segment_id: str) -> tuple[str, str]:
        """Return a segment's description and ETag."""

    def update(self, segment_id: str, description: str, etag: str) -> str:
        """Change the description of a segment, and return its new ETag."""

    def create(self, name: str) -> tuple[str, str]:
        """Create a segment, and return its id and ETag."""

    def delete(self, segment_id: str, etag: str) -> None:
        """Remove a segment."""

    def made(self) -> list[str]:
        """Return the ids of the segments that any writer created."""


def new(name: str) -> dict[str, Any]:
    return {"name": name, "rules": [ACTIVE]}


class ByApi:
    """Access by the client."""

    def __init__(self, client: SegmentsClient) -> None:
        self.client = client

    def get(self, segment_id: str) -> tuple[str, str]:
        with translate_errors(segment_id):
            found = self.client.get_segment(segment_id)
        return found.description or "", found.etag or ""

    def update(self, segment_id: str, description: str, etag: str) -> str:
        with translate_errors(segment_id):
            return self.client.update_segment(segment_id, {"description": description}, if_match=etag).etag or ""

    def create(self, name: str) -> tuple[str, str]:
        with translate_errors():
            made = self.client.create_segment(new(name))
        return made.id, made.etag or ""

    def delete(self, segment_id: str, etag: str) -> None:
        with translate_errors(segment_id):
            self.client.delete_segment(segment_id, if_match=etag)

    def made(self) -> list[str]:
        with translate_errors():
            return seen([(segment.id, segment.name) for segment in self.client.list_segments()])


class ByAsync:
    """Access by one shared client for `async`."""

    def __init__(self, client: AsyncSegmentsClient, loop: asyncio.AbstractEventLoop) -> None:
        self.client = client
        self.loop = loop

    def wait(self, call: Coroutine[Any, Any, _Result]) -> _Result:
        return asyncio.run_coroutine_threadsafe(call, self.loop).result()

    def get(self, segment_id: str) -> tuple[str, str]:
        with translate_errors(segment_id):
            found = self.wait(self.client.get_segment(segment_id))
        return found.description or "", found.etag or ""

    def update(self, segment_id: str, description: str, etag: str) -> str:
        with translate_errors(segment_id):
            changes = {"description": description}
            return self.wait(self.client.update_segment(segment_id, changes, if_match=etag)).etag or ""

    def create(self, name: str) -> tuple[str, str]:
        with translate_errors():
            made = self.wait(self.client.create_segment(new(name)))
        return made.id, made.etag or ""

    def delete(self, segment_id: str, etag: str) -> None:
        with translate_errors(segment_id):
            self.wait(self.client.delete_segment(segment_id, if_match=etag))

    def made(self) -> list[str]:
        with translate_errors():
            return seen([(segment.id, segment.name) for segment in self.wait(self.client.list_segments())])


@contextmanager
def translate_errors(segment_id: str = "") -> Iterator[None]:
    """Translate an error of the API into what the writer has to do."""
    try:
        yield
    except StaleError:
        raise AgainError from None
    except NotFoundError:
        raise AgainError from None if segment_id in IN_PLACE else GoneError
    except ApiError as error:
        if error.code == "busy" or (error.code == "broken-segment" and segment_id in IN_PLACE):
            raise AgainError from None
        raise


def seen(named: list[tuple[str, str | None]]) -> list[str]:
    """Return the created segments; all others must exist, except those that are being saved in place."""
    missing = {*PLAIN, *LISTED} - {segment_id for segment_id, _ in named}
    assert not missing, missing
    return [segment_id for segment_id, name in named if (name or "").startswith(MADE)]


class ByStore:
    """Access by the store, in any process."""

    def __init__(self, folder: Path) -> None:
        self.store = SegmentStore(folder, timeout=300)

    @contextmanager
    def translate_errors(self) -> Iterator[None]:
        try:
            yield
        except (ChangedSinceError, BrokenSegmentError):
            raise AgainError from None
        except NoSuchSegmentError:
            raise GoneError from None

    def get(self, segment_id: str) -> tuple[str, str]:
        with self.translate_errors():
            found = self.store.get(segment_id)
        return found.segment.description or "", found.etag

    def update(self, segment_id: str, description: str, etag: str) -> str:
        with self.translate_errors():
            return self.store.update(segment_id, {"description": description}, etag).etag

    def create(self, name: str) -> tuple[str, str]:
        with self.translate_errors():
            made = self.store.create({**new(name), "project_id": PROJECT})
        return made.segment_id, made.etag

    def delete(self, segment_id: str, etag: str) -> None:
        with self.translate_errors():
            self.store.delete(segment_id, etag)

    def made(self) -> list[str]:
        return seen([(entry.segment_id, entry.name) for entry in self.store.list()])


class ByCommands:
    """Access by the commands, each in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *arguments: str) -> Any:
        command = [sys.executable, "-m", "segbatch", "segments", *arguments, "--segments", str(self.folder), "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        match done.returncode:
            case 0:
                return json.loads(done.stdout)
            case 6 | 75:
                raise AgainError
            case 4:
                raise GoneError
            case 2 if arguments[1] in IN_PLACE:
                raise AgainError
            case _:
                raise AssertionError(done.stderr)

    def get(self, segment_id: str) -> tuple[str, str]:
        found = self.run("get", segment_id)
        return found["definition"].get("description", ""), found["etag"]

    def update(self, segment_id: str, description: str, etag: str) -> str:
        return str(self.run("update", segment_id, "--description", description, "--if-match", etag)["etag"])

    def create(self, name: str) -> tuple[str, str]:
        made = self.run("create", "--name", name, "--rule", "status eq active", "--project-id", PROJECT)
        return made["id"], made["etag"]

    def delete(self, segment_id: str, etag: str) -> None:
        self.run("delete", segment_id, "--yes", "--if-match", etag)

    def made(self) -> list[str]:
        return seen([(entry["id"], entry["name"]) for entry in self.run("list")])


@dataclass
class Writer:
    """Makes its share of the changes, in one way.

    Attributes:
        name: The prefix of its marks.
        way: How it reads and changes segments.
        share: The number of its changes.
        done: The changes it made.
    """

    name: str
    way: Way
    share: int
    done: list[Done] = field(default_factory=list)

    def __call__(self) -> None:
        rng = random.Random(self.name)  # noqa: S311 - the same changes each time
        while len(self.done) < self.share:
            mark = f"{self.name}n{len(self.done)}"
            match rng.randrange(10):
                case 0:
                    self.create(f"{MADE} {mark}")
                case 1:
                    self.remove_one(rng)
                case _:
                    self.append(rng.choice(SHARED), mark)

    def create(self, name: str) -> None:
        try:
            segment_id, etag = self.way.create(name)
        except AgainError:
            return
        self.done.append(Done(segment_id, None, etag))

    def remove_one(self, rng: random.Random) -> None:
        """Remove a segment that any writer created; other writers may try to remove the same one."""
        try:
            made = self.way.made()
            if not made:
                return
            segment_id = rng.choice(made)
            _, etag = self.way.get(segment_id)
            self.way.delete(segment_id, etag)
        except (AgainError, GoneError):
            return
        self.done.append(Done(segment_id, etag, None))

    def append(self, segment_id: str, mark: str) -> None:
        while True:
            try:
                marks, etag = self.way.get(segment_id)
                after = self.way.update(segment_id, f"{marks}{mark} ", etag)
            except AgainError:
                continue
            self.done.append(Done(segment_id, etag, after, mark))
            return


@dataclass
class Person:
    """Edits files by hand: shared files under the lock, as documented, and an own file without it.

    Attributes:
        name: The prefix of their marks, and the name of their own file.
        folder: The definitions.
        share: The number of their edits.
        ids: The segments whose files they edit.
        in_place: Whether they overwrite a file, in two halves, or replace it by another.
        done: The changes they made.
    """

    name: str
    folder: Path
    share: int
    ids: list[str]
    in_place: bool
    done: list[Done] = field(default_factory=list)

    def __call__(self) -> None:
        rng = random.Random(self.name)  # noqa: S311 - as above
        own = self.folder / f"{self.name}.json"
        while len(self.done) < self.share:
            text = json.dumps({**new("Mine"), "description": "x" * rng.randrange(99)})
            own.write_text(text[: rng.choice([None, 10])])
            self.edit(rng.choice(self.ids), f"{self.name}n{len(self.done)}", rng.choice([None, 1, 2, 4]))
            time.sleep(0.02)  # people are slow
        own.write_text(json.dumps(new("Mine")))

    def edit(self, segment_id: str, mark: str, indent: int | None) -> None:
        descriptor = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        before = self.etag(segment_id)
        file = self.folder / ("team/listed.json" if segment_id in LISTED else f"{segment_id}.json")
        data: Any = json.loads(file.read_text())
        for item in data if isinstance(data, list) else [data]:
            if item["id"] == segment_id:
                item["description"] = f"{item.get('description', '')}{mark} "
        self.save(file, json.dumps(data, indent=indent))
        self.done.append(Done(segment_id, before, self.etag(segment_id), mark))
        os.close(descriptor)

    def save(self, file: Path, text: str) -> None:
        if self.in_place:
            with file.open("w") as opened:
                opened.write(text[: len(text) // 2])
                opened.flush()
                time.sleep(0.001)
                opened.write(text[len(text) // 2 :])
        else:
            saved = file.with_name(f".{file.name}.swp")
            saved.write_text(text)
            saved.replace(file)

    def etag(self, segment_id: str) -> str:
        return SegmentStore(self.folder).get(segment_id).etag


def together(workers: Sequence[Writer | Person]) -> None:
    """Run all writers concurrently; an error of one is raised."""
    failed = list[BaseException]()

    def work(worker: Writer | Person) -> None:
        try:
            worker()
        except BaseException as error:  # noqa: BLE001 - a thread's error would be lost
            failed.append(error)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


def by_store(folder: Path, names: list[str], share: int, note: Path) -> None:
    """Run writers that share one store, in a process of their own."""
    way = ByStore(folder)
    writers = [Writer(name, way, share) for name in names]
    together(writers)
    done = [vars(one) for writer in writers for one in writer.done]
    note.write_text(json.dumps(done))
