"""A run on a Spark Connect server whose driver kills itself at a step: python driver.py REMOTE FOLDER STEP."""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from segbatch.cluster.base import Produce, Reduce
from segbatch.cluster.spark import SparkCluster
from workspace import Workspace

REMOTE, FOLDER, STEP = sys.argv[1:]


class DyingCluster(SparkCluster):
    """A cluster whose driver dies before or after it exchanges payloads."""

    def exchange(self, produce: Produce, items: Sequence[bytes], reduce: Reduce, buckets: int) -> list[bytes]:
        die_at("before the exchange")
        results = super().exchange(produce, items, reduce, buckets)
        die_at("after the exchange")
        return results


def die_at(step: str) -> None:
    if step == STEP:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    with DyingCluster(remote=REMOTE) as cluster:
        run = Workspace(Path(FOLDER)).run
        run(1, engine=cluster, buckets=3, events=lambda event: die_at(getattr(event, "phase", "")))
