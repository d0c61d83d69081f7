"""A killed writer leaves the old or the new file, and does not block other writers."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from segbatch.definitions.definition import Definition
from segbatch.definitions.store import SegmentStore

from .making import definition, put

pytestmark = pytest.mark.slow

STEPS = {"open", "os.rename", "os.link", "os.remove", "os.chmod"}
MOST_STEPS = 12

CHANGES = {
    "create": lambda store: store.create(definition("New", id="new")),
    "update": lambda store: store.update("a", {"name": "New"}),
    "delete": lambda store: store.delete("a"),
    "delete of a list": lambda store: store.delete("b"),
}

SCRIPT = "import sys; from pathlib import Path; from store.test_crashes import die; die(Path(sys.argv[1]), sys.argv[2])"


def die(folder: Path, change: str) -> None:
    """Make a change in folder after folder, each time in a process that is killed one step later."""
    for step in range(1, MOST_STEPS):
        child = os.fork()
        if not child:
            die_at(step, folder / str(step))
            CHANGES[change](SegmentStore(folder / str(step)))
            os._exit(0)
        os.waitpid(child, 0)


def die_at(step: int, folder: Path) -> None:
    left = [step]

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        if event in STEPS and str(folder) in str(arguments[0]):
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)


@pytest.mark.parametrize("change", CHANGES)
def test_a_killed_writer_leaves_the_old_or_the_new_file(tmp_path: Path, change: str) -> None:
    for step in range(1, MOST_STEPS):
        put(tmp_path / str(step) / "a.json", definition("Old", id="a"))
        put(tmp_path / str(step) / "list.json", [definition("B", id="b"), definition("C", id="c")])
    path = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
    subprocess.run([sys.executable, "-c", SCRIPT, tmp_path, change], env=os.environ | {"PYTHONPATH": path}, check=True)
    left = list[set[tuple[str, str | None]]]()
    for step in range(1, MOST_STEPS):
        store = SegmentStore(tmp_path / str(step), timeout=1)
        assert all(isinstance(entry, Definition) for entry in store.list())
        left.append({(entry.segment_id, entry.name) for entry in store.list()})
        store.update("c", {"name": "Goes on"})
        assert not (tmp_path / str(step) / ".segbatch.new").exists()
    old = {("a", "Old"), ("b", "B"), ("c", "C")}
    new = {
        "create": old | {("new", "New")},
        "update": {("a", "New"), ("b", "B"), ("c", "C")},
        "delete": old - {("a", "Old")},
        "delete of a list": old - {("b", "B")},
    }[change]
    assert left[0] == old
    assert left[-1] == new
    assert all(found in (old, new) for found in left)
