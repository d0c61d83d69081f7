"""What a run on a cluster reports when input, output or workers are not as they should be."""

import json
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import segbatch
from builders import rule, write_segment
from segbatch.cluster import job as jobs
from segbatch.cluster.base import Produce, Reduce
from segbatch.cluster.loop import LoopCluster
from segbatch.cluster.payloads import decode_payloads, encode_error
from segbatch.cluster.report import BucketReport
from segbatch.cluster.splits import split_files
from segbatch.cluster.task_result import decode_result, encode_result
from segbatch.errors import ClusterError, SegbatchError
from segbatch.snapshot.open_snapshot import open_snapshot
from workspace import Workspace

pytestmark = pytest.mark.slow  # each makes runs on a cluster and on this machine

CLUSTER = LoopCluster(3)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path)
    workspace.contacts(**{f"c{number}": "pro" for number in range(20)})
    workspace.segment("pro")
    return workspace


def error_of(workspace: Workspace, **options: object) -> str:
    """Return the message of a run that fails, after checking that it left nothing."""
    before = _paths(workspace.output)
    with pytest.raises(SegbatchError) as caught:
        workspace.run(9, **options)
    assert _paths(workspace.output) - before <= {"lock", "runs"}
    return f"{type(caught.value).__name__}: {caught.value}"


def _paths(output: Path) -> set[str]:
    return {str(path.relative_to(output)) for path in output.rglob("*")}


@pytest.mark.parametrize(
    "ids",
    [
        ["a", None, "b", None],
        ["a", "", "b"],
        ["a", "b", "a", "b", "c"],
        [None, "", "a", "a"],
    ],
)
def test_invalid_ids_have_the_message_of_a_local_run(workspace: Workspace, ids: list[str | None]) -> None:
    pq.write_table(pa.table({"id": ids, "plan": ["pro"] * len(ids)}), workspace.folder / "contacts.parquet")
    expected = error_of(workspace)
    assert expected.startswith("SnapshotError")
    assert error_of(workspace, engine=CLUSTER) == expected
    assert error_of(workspace, engine=CLUSTER, dry_run=True) == expected


def test_equal_ids_in_two_files_meet_in_a_bucket(workspace: Workspace) -> None:
    folder = workspace.folder / "contacts.parquet"
    folder.unlink()
    folder.mkdir()
    for name in ("a", "b"):
        pq.write_table(pa.table({"id": [name, "both"], "plan": ["pro"] * 2}), folder / f"{name}.parquet")
    expected = error_of(workspace)
    assert "more than once" in expected
    assert error_of(workspace, engine=CLUSTER) == expected


def test_ids_of_another_type_are_refused_as_by_a_local_run(workspace: Workspace) -> None:
    workspace.run(0, engine=CLUSTER)
    pq.write_table(pa.table({"id": [1, 2], "plan": ["pro"] * 2}), workspace.folder / "contacts.parquet")
    expected = error_of(workspace)
    assert expected.startswith("UsageError")
    assert error_of(workspace, engine=CLUSTER) == expected


def test_an_id_that_does_not_fit_earlier_ids_is_named(workspace: Workspace) -> None:
    small, large = pa.array([1, 2], pa.int32()), pa.array([1, 2**63 + 5], pa.uint64())
    pq.write_table(pa.table({"id": small, "plan": ["pro"] * 2}), workspace.folder / "contacts.parquet")
    workspace.run(0, engine=CLUSTER)
    pq.write_table(pa.table({"id": large, "plan": ["pro"] * 2}), workspace.folder / "contacts.parquet")
    expected = error_of(workspace)
    assert "9223372036854775813" in expected
    assert error_of(workspace, engine=CLUSTER) == expected


def test_contacts_that_are_gone_stop_the_run(workspace: Workspace) -> None:
    workspace.crowd(4000, 100)
    workspace.run(0, engine=CLUSTER)
    workspace.crowd(1000, 100)
    expected = error_of(workspace)
    assert "3,000 of the 4,000 contacts of the last run are gone" in expected
    assert error_of(workspace, engine=CLUSTER) == expected
    assert error_of(workspace, engine=LoopCluster(40)) == expected


def test_a_damaged_file_stops_the_run(workspace: Workspace) -> None:
    path = workspace.folder / "contacts.parquet"
    content = bytearray(path.read_bytes())
    content[20:60] = bytes(40)
    path.write_bytes(content)
    assert error_of(workspace, engine=CLUSTER).startswith(f"SnapshotError: {path}: ")


def test_a_file_that_is_written_during_the_run_stops_it(workspace: Workspace) -> None:
    class Cluster(LoopCluster):
        def exchange(self, produce: Produce, items: Sequence[bytes], reduce: Reduce, buckets: int) -> list[bytes]:
            workspace.contacts(other="pro", another="pro")
            return super().exchange(produce, items, reduce, buckets)

    assert "was written while it was read" in error_of(workspace, engine=Cluster())


def test_a_file_that_is_written_after_its_evaluation_stops_the_run(workspace: Workspace) -> None:
    class Cluster(LoopCluster):
        def call(self, function: Callable[[bytes], bytes], items: Sequence[bytes]) -> list[bytes]:
            workspace.contacts(other="pro", another="pro")
            return super().call(function, items)

    assert "was written while it was read" in error_of(workspace, engine=Cluster())


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        ({"segbatch": "0.0.1"}, "has segbatch 0.0.1, and this machine has "),
        ({"Python": "3.1"}, "has Python 3.1, and this machine has "),
        ({"polars": None}, "does not have polars installed, and this machine has "),
    ],
)
@pytest.mark.parametrize("dry_run", [True, False])
def test_a_worker_with_other_versions_refuses_the_work(
    workspace: Workspace, versions: dict[str, str | None], expected: str, *, dry_run: bool
) -> None:
    own = {name: found for name, found in (jobs.installed_versions() | versions).items() if found is not None}

    class Cluster(LoopCluster):
        def exchange(self, produce: Produce, items: Sequence[bytes], reduce: Reduce, buckets: int) -> list[bytes]:
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(jobs, "installed_versions", lambda: own)
                return super().exchange(produce, items, reduce, buckets)

    message = error_of(workspace, engine=Cluster(), dry_run=dry_run)
    assert message.startswith("ClusterError: the worker ")
    assert expected in message


def test_a_worker_that_does_not_see_the_output_refuses_the_work(workspace: Workspace) -> None:
    class Cluster(LoopCluster):
        def exchange(self, produce: Produce, items: Sequence[bytes], reduce: Reduce, buckets: int) -> list[bytes]:
            [folder] = (workspace.output / "runs").iterdir()
            folder.rename(folder.with_name(".elsewhere"))
            try:
                return super().exchange(produce, items, reduce, buckets)
            finally:
                folder.with_name(".elsewhere").rename(folder)

    message = error_of(workspace, engine=Cluster())
    assert message.startswith("ClusterError: the worker ")
    assert "does not see the folder" in message


def test_a_damaged_state_stops_the_run(workspace: Workspace) -> None:
    workspace.run(0, engine=CLUSTER)
    state = workspace.place("night-0") / "state" / "00001.arrow"
    state.write_bytes(state.read_bytes()[:-100])
    assert str(state) in error_of(workspace, engine=CLUSTER)


def test_a_cluster_that_loses_contacts_is_found_out(workspace: Workspace) -> None:
    class Cluster(LoopCluster):
        def exchange(self, produce: Produce, items: Sequence[bytes], reduce: Reduce, buckets: int) -> list[bytes]:
            results = super().exchange(produce, items, reduce, buckets)
            assert isinstance(decode_result(results[0]), BucketReport)
            return [encode_result(lambda: BucketReport(0)), *results[1:]]

    message = error_of(workspace, engine=Cluster(3))
    assert message.startswith("ClusterError: ")
    assert "of 20 contacts came back from the workers" in message


def test_files_in_a_relative_folder_are_found_by_workers(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    class Cluster(LoopCluster):
        def exchange(self, produce: Produce, items: Sequence[bytes], reduce: Reduce, buckets: int) -> list[bytes]:
            with pytest.MonkeyPatch.context() as patched:
                patched.chdir(elsewhere)
                return super().exchange(produce, items, reduce, buckets)

        def call(self, function: Callable[[bytes], bytes], items: Sequence[bytes]) -> list[bytes]:
            with pytest.MonkeyPatch.context() as patched:
                patched.chdir(elsewhere)
                return super().call(function, items)

    monkeypatch.chdir(workspace.folder)
    for day in range(2):
        folders = "contacts.parquet", "segments", "output"
        report = segbatch.run(*folders, as_of=f"2026-01-0{day + 1}T00:00:00Z", run_id=f"r{day}", engine=Cluster(2))
        assert report.run.memberships == 20


def test_held_segments_keep_their_members(workspace: Workspace) -> None:
    workspace.crowd(2000, 1000)
    workspace.run(0, engine=CLUSTER)
    workspace.crowd(2000, 100)
    guard = segbatch.Guard(max_change=0.1)
    expected = workspace.run(1, guard=guard, dry_run=True)
    report = workspace.run(1, guard=guard, engine=CLUSTER)
    assert [(one.status, one.member_count) for one in report.segments] == [("held", 1000)]
    assert report.segments == expected.segments


def test_the_manifest_records_the_buckets(workspace: Workspace) -> None:
    workspace.run(0, engine=CLUSTER)
    buckets = workspace.manifest("night-0").buckets
    assert buckets is not None
    assert (buckets.number, buckets.hash, sum(buckets.contacts)) == (3, "sb1", 20)
    local = workspace.run(1)
    assert workspace.manifest("night-1").buckets is None
    assert local.segments[0].entered == local.segments[0].exited == 0


def test_a_run_keeps_the_number_of_buckets_if_it_suits(workspace: Workspace) -> None:
    numbers = []
    for day, slots in enumerate((4, 5, 9, 2, 1)):
        workspace.run(day, engine=LoopCluster(slots))
        buckets = workspace.manifest(f"night-{day}").buckets
        assert buckets is not None
        numbers.append(buckets.number)
    assert numbers == [4, 4, 9, 2, 2]


def test_splits_pickle_small(workspace: Workspace) -> None:
    snapshot = open_snapshot(str(workspace.folder / "contacts.parquet"), "id")
    assert len(pickle.dumps(split_files(snapshot))) < 2_000


def test_a_segment_that_fails_keeps_contacts_that_are_gone(workspace: Workspace) -> None:
    workspace.run(0, engine=CLUSTER)
    write_segment(workspace.folder / "segments", "pro", rule("plam", "eq", "pro"))
    workspace.segment("others", "free")
    workspace.contacts(**{f"c{number}": "pro" for number in range(5, 20)})
    workspace.run(1, engine=CLUSTER)
    assert len(workspace.members("pro")) == 20
    workspace.run(2, engine=LoopCluster(8))
    assert len(workspace.members("pro")) == 20
    workspace.run(3)
    assert len(workspace.members("pro")) == 20
    assert json.loads((workspace.place("night-2") / "manifest.json").read_text())["buckets"]["number"] == 8


def test_errors_of_tasks_are_raised_as_they_were() -> None:
    error = ClusterError("the id 7 is wrong", without_ids="an id is wrong")

    def fail() -> None:
        raise error

    def read_payload() -> None:
        decode_payloads([encode_error(error)])

    def read_result() -> None:
        decode_result(encode_result(fail))

    for read in (read_payload, read_result):
        with pytest.raises(ClusterError, match="the id 7 is wrong") as caught:
            read()
        assert caught.value.without_ids == "an id is wrong"
