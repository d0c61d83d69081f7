"""Random sequences of runs, each on this machine or on the cluster, agree with the model of runs."""

from hypothesis import given, settings
from hypothesis import strategies as st

from changing_engines import walk_on
from oracle.walks import Walk, walks
from segbatch.cluster.spark import SparkCluster
from segbatch.engine.local import LocalEngine
from spark.servers import HAS_SAIL


@settings(max_examples=8 if HAS_SAIL else 2)
@given(steps=walks(), seed=st.integers(0, 1000))
def test_runs_on_changing_engines_agree_with_the_model(cluster: SparkCluster, steps: Walk, seed: int) -> None:
    walk_on((cluster, cluster, LocalEngine()), steps, seed)
