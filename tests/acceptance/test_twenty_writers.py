"""Twenty concurrent writers over the API, the store, the commands and by hand: no change is lost.

SEGBATCH_WRITES is the total number of their changes; `make writers` sets it to 2,000.
"""

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from acceptance.writers import (
    ACTIVE,
    IN_PLACE,
    LISTED,
    PLAIN,
    PROJECT,
    ByApi,
    ByAsync,
    ByCommands,
    Done,
    Person,
    Writer,
    together,
)
from asking import serving
from segbatch.client import AsyncSegmentsClient, SegmentsClient
from segbatch.definitions.loader import load_definitions
from segbatch.definitions.store import SegmentStore
from segbatch.interfaces.api.keys.key_store import KeyRing

pytestmark = [pytest.mark.slow, pytest.mark.serial]

WRITES = int(os.environ.get("SEGBATCH_WRITES", "200"))
PATIENCE = 300.0
"""Seconds to wait for one response, so that no request is cut off with an unknown outcome on a slow computer."""

SCRIPT = "from pathlib import Path; from acceptance.writers import by_store; by_store(Path({!r}), {!r}, {}, Path({!r}))"


def share(part: float, writers: int) -> int:
    """Return the number of changes of each writer of a group that makes a part of all changes."""
    return max(1, round(WRITES * part / writers))


@pytest.fixture
def segments(tmp_path: Path) -> Path:
    folder = tmp_path / "segments"
    (folder / "team").mkdir(parents=True)
    for segment_id in [*PLAIN, *IN_PLACE]:
        (folder / f"{segment_id}.json").write_text(json.dumps(shared(segment_id), indent=2))
    (folder / "team" / "listed.json").write_text(json.dumps([shared(segment_id) for segment_id in LISTED]))
    return folder


def shared(segment_id: str) -> dict[str, object]:
    return {"id": segment_id, "project_id": PROJECT, "name": segment_id, "rules": [ACTIVE]}


def etags(segments: Path) -> dict[str, str]:
    return {entry.segment_id: entry.etag for entry in SegmentStore(segments).list()}


def test_concurrent_writers_lose_no_update_and_their_etags_form_one_chain(segments: Path, tmp_path: Path) -> None:
    first = etags(segments)
    _, secret = KeyRing(tmp_path / "keys.json").create([PROJECT])
    with (
        serving(tmp_path, "--keys", "keys.json") as server,
        asynchronous(server.base, secret) as by_async,
        client(server.base, secret) as by_api,
    ):
        workers: list[Writer | Person] = [*programs(segments, by_api, by_async), *people(segments)]
        with processes(segments, tmp_path) as notes:
            together(workers)
        served = {found.id: by_api.client.get_segment(found.id).etag for found in by_api.client.list_segments()}
    done = [one for worker in workers for one in worker.done]
    done += [Done(**one) for note in notes for one in json.loads(note.read_text())]
    assert len(done) >= WRITES * 0.95
    assert load_definitions(segments).broken == ()
    own = {worker.name for worker in workers}
    last = {segment_id: etag for segment_id, etag in etags(segments).items() if segment_id not in own}
    assert served == last
    check_chains(done, first, last, segments)
    assert not list(segments.rglob(".segbatch.new"))


def programs(segments: Path, by_api: ByApi, by_async: ByAsync) -> list[Writer]:
    return [
        *(Writer(f"api{number}", by_api, share(0.4, 6)) for number in range(6)),
        *(Writer(f"async{number}", by_async, share(0.2, 3)) for number in range(3)),
        *(Writer(f"command{number}", ByCommands(segments), share(0.05, 3)) for number in range(3)),
    ]


def people(segments: Path) -> list[Person]:
    files = [*PLAIN, *LISTED]
    return [
        *(Person(f"person{number}", segments, share(0.1, 2), files, in_place=False) for number in range(2)),
        *(Person(f"hasty{number}", segments, share(0.05, 2), IN_PLACE, in_place=True) for number in range(2)),
    ]


def check_chains(done: list[Done], first: dict[str, str], last: dict[str, str], segments: Path) -> None:
    """Check that the changes of each segment form one chain, from its first ETag to its current one."""
    by_segment = defaultdict[str, list[Done]](list)
    for one in done:
        by_segment[one.segment_id].append(one)
    store = SegmentStore(segments)
    for segment_id in {*by_segment, *first, *last}:
        links = {one.before: one for one in by_segment[segment_id]}
        assert len(links) == len(by_segment[segment_id]), f"{segment_id}: two replaced the same"
        at, marks = first.get(segment_id), list[str]()
        while at in links:
            link = links.pop(at)
            at = link.after
            marks += [link.mark] if link.mark else []
            if at is None:
                break
        assert links == {}, f"{segment_id}: what was done is not one after the other"
        assert at == last.get(segment_id), segment_id
        if segment_id in last:
            assert (store.get(segment_id).segment.description or "").split() == marks


@contextmanager
def client(base: str, secret: str) -> Iterator[ByApi]:
    with SegmentsClient(base, secret, timeout=PATIENCE) as found:
        yield ByApi(found)


@contextmanager
def asynchronous(base: str, secret: str) -> Iterator[ByAsync]:
    """Run a client for `async` in another thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    found = AsyncSegmentsClient(base, secret, timeout=PATIENCE)
    try:
        yield ByAsync(found, loop)
    finally:
        asyncio.run_coroutine_threadsafe(found.aclose(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextmanager
def processes(segments: Path, folder: Path) -> Iterator[Sequence[Path]]:
    """Run four writers that use the store in two other processes, next to the writers of this process."""
    notes = [folder / f"done-{number}" for number in range(2)]
    path = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
    started = list[subprocess.Popen[bytes]]()
    try:
        for number, note in enumerate(notes):
            names = [f"store{number}{letter}" for letter in "ab"]
            code = SCRIPT.format(str(segments), names, share(0.2, 4), str(note))
            started.append(subprocess.Popen([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": path}))
        yield notes
        assert [program.wait(1200) for program in started] == [0, 0]
    finally:
        for program in started:
            program.kill()
            program.wait()
