"""Twenty writers at once, in processes and threads, with people editing the same folder: no change is lost."""

import fcntl
import json
import os
import random
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from segbatch.definitions.loader import load_definitions
from segbatch.definitions.store import SegmentStore
from segbatch.definitions.store.files import LOCK
from segbatch.errors import AlreadyThereError, NotFoundError, StaleError

from .making import ACTIVE, definition, put

pytestmark = [pytest.mark.slow, pytest.mark.serial]

PROCESSES, THREADS, OPERATIONS = 4, 4, 115
"""With four people, twenty writers and about two thousand operations."""

ONES = [f"one-{number}" for number in range(24)]
LISTED = [f"listed-{number}" for number in range(6)]
IDS = [*ONES, *LISTED]
SCRIPT = "from pathlib import Path; from store.test_many_writers import work; work(Path({!r}), {})"


def append(store: SegmentStore, segment_id: str, mark: str) -> None:
    """Add a mark to a segment's description, as a careful client does: read, change, write if no other writer has."""
    while True:
        found = store.get(segment_id)
        marks = found.segment.description or ""
        try:
            store.update(segment_id, {"description": f"{marks}{mark} "}, found.etag)
        except StaleError:
            continue
        return


def write(store: SegmentStore, writer: int, note: Path) -> None:
    """Do a writer's share, and note what is done."""
    rng = random.Random(writer)  # noqa: S311 - the same work each time
    done = list[str]()
    for number in range(OPERATIONS):
        segment_id, mark = rng.choice(IDS), f"w{writer}n{number}"
        match rng.randrange(10):
            case 0:
                made = store.create({"name": f"Made {mark}", "rules": [ACTIVE]})
                assert store.get(made.segment_id) == made
            case 1:
                contended(store, rng)
            case 2:
                assert {entry.segment_id for entry in store.list()} >= set(IDS)
            case _:
                append(store, segment_id, mark)
                done.append(f"{segment_id} {mark}")
    note.write_text("\n".join(done))


def contended(store: SegmentStore, rng: random.Random) -> None:
    """Make and remove what others make and remove too."""
    segment_id = f"contended-{rng.randrange(3)}"
    try:
        store.create(definition("Contended", id=segment_id))
        store.delete(segment_id)
    except (AlreadyThereError, NotFoundError):
        pass


def work(folder: Path, process: int) -> None:
    """Be so many threads that write, with one store for all."""
    store, failed = SegmentStore(folder / "segments"), list[BaseException]()

    def one(writer: int) -> None:
        try:
            write(store, writer, folder / f"done-{writer}")
        except BaseException as error:  # noqa: BLE001 - a thread's error would be lost
            failed.append(error)

    threads = [threading.Thread(target=one, args=(process * THREADS + thread,)) for thread in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


class Person(threading.Thread):
    """Edits by hand until told to stop: files of their own in place, and files of others under the lock."""

    def __init__(self, folder: Path, number: int, stop: threading.Event) -> None:
        super().__init__()
        self.folder, self.number, self.stop = folder, number, stop
        self.rng = random.Random(100 + number)  # noqa: S311 - as above
        self.done = list[str]()
        self.edits = 0

    def run(self) -> None:
        while not self.stop.wait(0.02):
            own = self.folder / f"person-{self.number}.json"
            own.write_text(json.dumps(definition("Mine", description="x" * self.rng.randrange(99)))[: self.cut()])
            segment_id = self.rng.choice(IDS)
            mark = f"p{self.number}n{self.edits}"
            self.edit(segment_id, mark)
            self.done.append(f"{segment_id} {mark}")
            self.edits += 1
        own.write_text(json.dumps(definition("Mine")))

    def cut(self) -> int | None:
        return self.rng.choice([None, 10])

    def edit(self, segment_id: str, mark: str) -> None:
        descriptor = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        file = self.folder / (f"{segment_id}.json" if segment_id.startswith("one") else "team/listed.json")
        data: Any = json.loads(file.read_text())
        for item in data if isinstance(data, list) else [data]:
            if item["id"] == segment_id:
                item["description"] = f"{item.get('description', '')}{mark} "
        saved = file.with_name(f".{file.name}.swp")
        saved.write_text(json.dumps(data, indent=self.rng.choice([None, 1, 2, 4])))
        saved.replace(file)
        os.close(descriptor)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for segment_id in ONES:
        put(tmp_path / "segments" / f"{segment_id}.json", definition("One", id=segment_id))
    listed = [definition("Listed", id=segment_id) for segment_id in LISTED]
    put(tmp_path / "segments" / "team" / "listed.json", listed)
    return tmp_path


def test_no_update_is_lost_and_no_file_broken(folder: Path) -> None:
    stop = threading.Event()
    people = [Person(folder / "segments", number, stop) for number in range(4)]
    tests = Path(__file__).parents[1]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tests), *sys.path])}
    programs = [
        subprocess.Popen([sys.executable, "-c", SCRIPT.format(str(folder), process)], env=environment)
        for process in range(PROCESSES)
    ]
    for person in people:
        person.start()
    codes = [program.wait(600) for program in programs]
    stop.set()
    for person in people:
        person.join()
    assert codes == [0] * PROCESSES
    expected = Counter(line for person in people for line in person.done)
    for note in folder.glob("done-*"):
        expected.update(note.read_text().splitlines())
    found = load_definitions(folder / "segments")
    assert found.broken == ()
    kept = [(entry.segment.id, (entry.segment.description or "").split()) for entry in found.good]
    assert Counter(f"{segment_id} {mark}" for segment_id, marks in kept for mark in marks) == expected
    made = sum(1 for entry in found.good if entry.segment.name.startswith("Made"))
    assert made + sum(expected.values()) > 1000
    assert not list((folder / "segments").rglob(".segbatch.new"))
