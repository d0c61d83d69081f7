"""Random sequences of runs, each on this machine or on a cluster with any number of buckets, agree with the model."""

import random
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.runs import Model
from oracle.walks import Walk, walks
from oracle.worlds import World
from run_walks import Place, small_batches, walk
from segbatch.cluster.base import Cluster
from segbatch.cluster.loop import LoopCluster
from segbatch.cluster.splits import split_files
from segbatch.engine.base import Engine
from segbatch.engine.local import LocalEngine

ENGINES = (LocalEngine(), LoopCluster(1), LoopCluster(2), LoopCluster(5), LoopCluster(16))


def walk_with(steps: Walk, seed: int) -> None:
    chosen = random.Random(seed)  # noqa: S311 - a test

    def choose_engine() -> Engine | Cluster:
        return chosen.choice(ENGINES)

    with TemporaryDirectory() as name, small_batches(), pytest.MonkeyPatch.context() as patched:
        patched.setattr(split_files, "__defaults__", (5,))
        folder = Path(name).resolve()
        world = World(steps.kind)
        for edit in steps.first:
            edit.change(world)
        walk(Place(folder, world, Model(str(folder / "segments"), prunes=steps.prunes), choose_engine), steps)


@settings(max_examples=5)
@given(steps=walks(), seed=st.integers(0, 1000))
def test_runs_on_changing_engines_agree_with_the_model(steps: Walk, seed: int) -> None:
    walk_with(steps, seed)


@pytest.mark.slow
@given(steps=walks(), seed=st.integers(0, 1000))
def test_many_runs_on_changing_engines_agree_with_the_model(steps: Walk, seed: int) -> None:
    walk_with(steps, seed)
