"""Random sequences of runs: the tables agree with the model after each run, and a refused run changes nothing."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given

from oracle.runs import Model
from oracle.walks import Walk, walks
from oracle.worlds import World
from run_walks import Place, small_batches, walk

pytestmark = pytest.mark.slow


@given(steps=walks())
def test_the_tables_agree_with_the_model(steps: Walk) -> None:
    with TemporaryDirectory() as name, small_batches():
        folder = Path(name).resolve()
        world = World(steps.kind)
        for edit in steps.first:
            edit.change(world)
        walk(Place(folder, world, Model(str(folder / "segments"), prunes=steps.prunes)), steps)
