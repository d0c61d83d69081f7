"""What a cluster promises to its caller, with functions that know nothing of segments."""

import json
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from time import monotonic

import pytest

from segbatch.cluster.spark import SparkCluster
from segbatch.errors import ClusterError
from spark.functions import (
    count_threads,
    encode,
    fail,
    fail_to_reduce,
    import_missing_module,
    join,
    join_with_lost_executor,
    kill_worker,
    to_upper,
    words_by_length,
    words_with_lost_executor,
)
from spark.servers import HAS_SAIL, LOOPBACK, run_sail

TEXTS = ["the quick brown fox", "jumps over", "", "the lazy dog again and again"]
ITEMS = [encode(number, text) for number, text in enumerate(TEXTS)]
BUCKETS = 7
EXPECTED = [
    [0],
    [1],
    [2],
    [3, "the", "fox", "the", "dog", "and"],
    [4, "over", "lazy"],
    [5, "quick", "brown", "jumps", "again", "again"],
    [6],
]


def exchange(cluster: SparkCluster, produce: object = words_by_length, reduce: object = join) -> list[list[object]]:
    results = cluster.exchange(produce, ITEMS, reduce, BUCKETS)  # type: ignore[arg-type]
    return [json.loads(result) for result in results]


def test_results_are_in_the_order_of_the_items(cluster: SparkCluster) -> None:
    items = [f"item {number}".encode() for number in range(20)]
    assert cluster.call(to_upper, items) == [item.upper() for item in items]


def test_no_items_need_no_work(cluster: SparkCluster) -> None:
    assert cluster.call(to_upper, []) == []


def test_payloads_reach_their_buckets_in_the_order_of_their_numbers(cluster: SparkCluster) -> None:
    assert exchange(cluster) == EXPECTED


def test_all_buckets_are_reduced_without_any_item(cluster: SparkCluster) -> None:
    assert [json.loads(result) for result in cluster.exchange(words_by_length, [], join, 3)] == [[0], [1], [2]]


def test_many_payloads_arrive_in_order(cluster: SparkCluster) -> None:
    words = ["x" * 5, "y" * 5, "z" * 5]
    text = " ".join(words * 500)
    [*_, result, _] = cluster.exchange(words_by_length, [encode(0, text), encode(1, text)], join, BUCKETS)
    assert json.loads(result) == [5, *words * 1_000]


def test_a_cluster_has_slots(cluster: SparkCluster) -> None:
    assert cluster.count_slots() == (1 if HAS_SAIL else 2)


@pytest.mark.skipif(HAS_SAIL, reason="Sail's tasks are threads of one process, which share one pool")
def test_a_task_has_as_many_threads_as_cores(cluster: SparkCluster) -> None:
    assert cluster.call(count_threads, [b"", b""]) == [b"1", b"1"]


def test_a_failed_task_is_one_error_of_one_line(cluster: SparkCluster) -> None:
    with pytest.raises(ClusterError) as caught:
        cluster.call(fail, [b"an item"])
    expected = "a task on the cluster failed: ValueError: cannot read an item, and this is a second line"
    assert str(caught.value) == expected


def test_a_failed_reduction_names_its_cause(cluster: SparkCluster) -> None:
    with pytest.raises(ClusterError, match=r"^a task on the cluster failed: ValueError: bucket \d of \d payloads$"):
        exchange(cluster, reduce=fail_to_reduce)


def test_a_package_that_workers_lack_is_named(cluster: SparkCluster) -> None:
    with pytest.raises(ClusterError, match="the workers of the cluster lack the Python package module_that_is_nowhere"):
        cluster.call(import_missing_module, [b""])


def test_a_session_does_more_work_after_a_failure(cluster: SparkCluster) -> None:
    with pytest.raises(ClusterError):
        cluster.call(fail, [b"an item"])
    assert exchange(cluster) == EXPECTED


@pytest.mark.skipif(HAS_SAIL, reason="the task would end Sail itself, in whose process it runs")
def test_a_killed_python_worker_is_explained(cluster: SparkCluster) -> None:
    with pytest.raises(ClusterError, match=r"^a worker of the cluster ran out of memory, or its Python was killed; "):
        cluster.call(kill_worker, [b""])


@pytest.mark.parametrize("lost_in", ["map", "reduce"])
def test_an_executor_may_be_lost(
    lost_in: str, cluster: SparkCluster, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if "standalone" not in request.node.name:
        pytest.skip("this cluster has no executor of its own")
    marker = tmp_path / "killed"
    if lost_in == "map":
        found = exchange(cluster, produce=partial(words_with_lost_executor, str(marker)))
    else:
        found = exchange(cluster, reduce=partial(join_with_lost_executor, str(marker)))
    assert found == EXPECTED
    assert marker.exists()


def test_a_server_that_is_not_there_cannot_be_reached() -> None:
    with SparkCluster(remote="sc://127.0.0.1:1") as cluster, pytest.raises(ClusterError, match="cannot be reached"):
        cluster.call(to_upper, [b""])


@pytest.mark.parametrize(("parameters", "advice"), [("", "is a Spark Connect server"), ("/;token=secret", "uses TLS")])
def test_another_server_is_not_asked_for_minutes(parameters: str, advice: str) -> None:
    with ThreadingHTTPServer((LOOPBACK, 0), BaseHTTPRequestHandler) as server:
        Thread(target=server.serve_forever).start()
        remote = f"sc://{LOOPBACK}:{server.server_port}"
        with SparkCluster(remote=remote + parameters) as cluster, pytest.raises(ClusterError) as caught:
            cluster.call(to_upper, [b""])
        server.shutdown()
    assert f"{remote}{parameters[:1]} cannot be reached; " in str(caught.value)
    assert f"that it {advice}" in str(caught.value)


@pytest.mark.skipif(not HAS_SAIL, reason="a task ends its server only if it runs in the process of the server")
def test_a_server_that_ends_is_not_asked_for_minutes(tmp_path: Path) -> None:
    with run_sail(tmp_path) as remote, SparkCluster(remote=remote) as cluster:
        assert cluster.call(to_upper, [b"a"]) == [b"A"]
        started = monotonic()
        with pytest.raises(ClusterError, match=f"{remote} cannot be reached; .*; nothing was published"):
            cluster.call(kill_worker, [b""])
        cluster.close()
        assert monotonic() - started < 120
