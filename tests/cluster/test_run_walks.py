"""Random sequences of runs, each on this machine or on a cluster with any number of buckets, agree with the model."""

from hypothesis import given
from hypothesis import strategies as st

from changing_engines import walk_on
from oracle.walks import Walk, walks
from segbatch.cluster.loop import LoopCluster
from segbatch.engine.local import LocalEngine

ENGINES = (LocalEngine(), LoopCluster(1), LoopCluster(2), LoopCluster(5), LoopCluster(16))


@given(steps=walks(), seed=st.integers(0, 1000))
def test_runs_on_changing_engines_agree_with_the_model(steps: Walk, seed: int) -> None:
    walk_on(ENGINES, steps, seed)
