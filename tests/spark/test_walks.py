"""Random sequences of runs, each on this machine or on the cluster, agree with the model of runs."""

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
from segbatch.cluster.spark import SparkCluster
from segbatch.cluster.splits import split_files
from segbatch.engine.base import Engine
from segbatch.engine.local import LocalEngine
from spark.servers import HAS_SAIL


@settings(max_examples=8 if HAS_SAIL else 2)
@given(steps=walks(), seed=st.integers(0, 1000))
def test_runs_on_changing_engines_agree_with_the_model(cluster: SparkCluster, steps: Walk, seed: int) -> None:
    chosen = random.Random(seed)  # noqa: S311 - a test

    def choose_engine() -> Engine | Cluster:
        return chosen.choice((cluster, cluster, LocalEngine()))

    with TemporaryDirectory() as name, small_batches(), pytest.MonkeyPatch.context() as patched:
        patched.setattr(split_files, "__defaults__", (5,))
        folder = Path(name).resolve()
        world = World(steps.kind)
        for edit in steps.first:
            edit.change(world)
        model = Model(str(folder / "segments"), prunes=steps.prunes)
        walk(Place(folder, world, model, choose_engine), steps)
