"""A random sequence of runs, each with an engine that is drawn, compared with the model of runs."""

import random
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from oracle.runs import Model
from oracle.walks import Walk
from oracle.worlds import World
from run_walks import Place, small_batches, walk
from segbatch.cluster.base import Cluster
from segbatch.cluster.splits import split_files
from segbatch.engine.base import Engine


def walk_on(engines: Sequence[Engine | Cluster], steps: Walk, seed: int) -> None:
    """Walk through the runs, with small batches and splits."""
    chosen = random.Random(seed)  # noqa: S311 - a test

    def choose_engine() -> Engine | Cluster:
        return chosen.choice(engines)

    with TemporaryDirectory() as name, small_batches(), pytest.MonkeyPatch.context() as patched:
        patched.setattr(split_files, "__defaults__", (5,))
        folder = Path(name).resolve()
        world = World(steps.kind)
        for edit in steps.first:
            edit.change(world)
        model = Model(str(folder / "segments"), prunes=steps.prunes)
        walk(Place(folder, world, model, choose_engine), steps)
