"""Tasks that reduce a bucket: retried, late and failing ones, and payloads that are cut in other ways."""

import errno
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pytest

import segbatch
from builders import write_contacts
from segbatch.cluster.base import Produce, Reduce
from segbatch.cluster.loop import LoopCluster
from segbatch.cluster.payloads import decode_payload, encode_payload
from segbatch.cluster.reduce_task import count_invalid
from segbatch.cluster.report import BucketReport
from segbatch.cluster.task_result import decode_result, encode_result
from segbatch.errors import ClusterError
from segbatch.platform.checksum_file import DigestingFile
from workspace import Workspace

pytestmark = pytest.mark.slow  # each makes runs on a cluster

VIEWS = ("membership", "membership_changes")


class FaultyCluster(LoopCluster):
    """A cluster that calls `reduce` in a way of its own."""

    def __init__(self, way: Callable[[Reduce, int, list[bytes]], bytes]) -> None:
        super().__init__()
        object.__setattr__(self, "way", way)

    def exchange(self, produce: Produce, items: Sequence[bytes], reduce: Reduce, buckets: int) -> list[bytes]:
        def reduced(bucket: int, payloads: Sequence[bytes]) -> bytes:
            return self.way(reduce, bucket, [*payloads])  # type: ignore[attr-defined,no-any-return]

        return super().exchange(produce, items, reduced, buckets)


def report_of(result: bytes) -> BucketReport:
    report = decode_result(result)
    assert isinstance(report, BucketReport)
    return report


def digests(report: BucketReport) -> dict[str, tuple[int, str]]:
    """Return the rows and checksums of files. The same ids may have other buffers in a state, which Arrow writes."""
    return {
        file.path: (file.rows, file.sha256 if file.path.endswith(".parquet") else "") for file in report.recorded.files
    }


def one_contact_each(payloads: list[bytes]) -> list[bytes]:
    """Cut payloads into payloads of one contact."""
    found = []
    for payload in map(decode_payload, payloads):
        rows = payload.rows
        found += [encode_payload(payload.kind, rows.slice(n, 1), payload.details) for n in range(rows.num_rows)]
    return found


@pytest.fixture
def place(workspace: Workspace) -> Workspace:
    """A run with three buckets, and other contacts for the next one."""
    workspace.contacts(**{f"c{n:02}": ("pro", "free")[n % 2] for n in range(50)})
    workspace.run(0, engine=LoopCluster(), buckets=3)
    workspace.contacts(**{f"c{n:02}": ("pro", "free", "team")[n % 3] for n in range(10, 60)})
    return workspace


def run(place: Workspace, way: Callable[[Reduce, int, list[bytes]], bytes], buckets: int = 3) -> segbatch.RunReport:
    return place.run(1, engine=FaultyCluster(way), buckets=buckets)


def test_files_do_not_depend_on_how_payloads_are_cut(place: Workspace) -> None:
    compared = []

    def twice(reduce: Reduce, bucket: int, payloads: list[bytes]) -> bytes:
        first, second = (report_of(reduce(bucket, part)) for part in (payloads, one_contact_each(payloads)))
        assert digests(first) == digests(second)
        assert first.attempt != second.attempt
        compared.append(first.contacts)
        return encode_result(lambda: second)

    for buckets in (3, 2):  # with states where they are, and in payloads
        run(place, twice, buckets)
    assert (sum(compared[:3]), sum(compared[3:])) == (50, 50)
    files = [path.name for path in (place.output / "runs").rglob("*") if path.is_file() and "~2" in str(path)]
    assert len([name for name in files if name.startswith("bucket-")]) == 2


def test_a_late_attempt_hurts_nobody(place: Workspace, tmp_path: Path) -> None:
    late = list[Callable[[], bytes]]()

    def start_another(reduce: Reduce, bucket: int, payloads: list[bytes]) -> bytes:
        late.append(lambda: reduce(bucket, payloads))
        return reduce(bucket, payloads)

    run(place, start_another)
    before = sorted(path for path in tmp_path.rglob("*") if "output" in str(path))
    views = [place.ask(f"FROM {view} ORDER BY ALL") for view in VIEWS]
    for attempt in late:
        with pytest.raises(ClusterError, match="does not see the folder"):
            decode_result(attempt())
    assert sorted(path for path in tmp_path.rglob("*") if "output" in str(path)) == before
    assert [place.ask(f"FROM {view} ORDER BY ALL") for view in VIEWS] == views


def test_an_attempt_at_work_while_the_run_is_published_leaves_nothing_in_it(place: Workspace) -> None:
    open_files = []

    def leave_open(reduce: Reduce, bucket: int, payloads: list[bytes]) -> bytes:
        report = report_of(reduce(bucket, payloads))
        attempts = next((place.output / "runs").glob(".tmp-*/attempts"))
        (attempts / "bucket-00000.late").mkdir(exist_ok=True)
        open_files.append((attempts / "bucket-00000.late" / f"{bucket}").open("wb"))
        return encode_result(lambda: report)

    run(place, leave_open)
    for file in open_files:
        file.write(b"late")
        file.close()
    assert sorted(path.name for path in (place.output / "runs").iterdir()) == ["night-0", "night-1"]
    names = sorted(path.name for path in place.place("night-1").iterdir())
    assert names == ["changes", "history.json", "manifest.json", "membership", "state"]


def test_a_file_that_is_cut_on_the_shared_disk_is_an_error(place: Workspace) -> None:
    def cut(reduce: Reduce, bucket: int, payloads: list[bytes]) -> bytes:
        report = report_of(reduce(bucket, payloads))
        [attempt] = (place.output / "runs").glob(f".tmp-*/attempts/{report.attempt}")
        (attempt / "changes.parquet").write_bytes(b"x")
        return encode_result(lambda: report)

    message = r"changes.parquet: has 1 bytes instead of the [\d,]+ that a worker wrote; check the disk"
    with pytest.raises(segbatch.PublishError, match=message):
        run(place, cut)
    assert sorted(path.name for path in (place.output / "runs").iterdir()) == ["night-0"]


def test_a_full_disk_of_a_worker_is_one_message(place: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(file: DigestingFile, _: object) -> None:
        file.error = OSError(errno.ENOSPC, "No space left on device")
        raise file.error

    monkeypatch.setattr(DigestingFile, "_write_now", refuse)
    with pytest.raises(
        segbatch.PublishError, match="cannot be written: No space left on device; nothing was published"
    ):
        run(place, lambda reduce, bucket, payloads: reduce(bucket, payloads))
    assert sorted(path.name for path in (place.output / "runs").iterdir()) == ["night-0"]


def test_a_lost_state_of_a_bucket_is_an_error(place: Workspace) -> None:
    path = place.place("night-0") / "state" / "00001.arrow"

    def lose(reduce: Reduce, bucket: int, payloads: list[bytes]) -> bytes:
        path.unlink(missing_ok=True)
        return reduce(bucket, payloads)

    with pytest.raises(
        segbatch.PublishError, match=f"{path}: is missing; restore it from a copy, and publish on a disk"
    ):
        run(place, lose)


@pytest.mark.parametrize(
    ("ids", "invalid"),
    [
        (pa.array(["a", "b"]), 0),
        (pa.array(["a", None, "", "a", "b", "a"]), 4),
        (pa.array([None, None], pa.int64()), 3),
        (pa.array([1, 2, 1], pa.uint64()), 1),
        (pa.array([], pa.string()), 0),
    ],
)
def test_ids_that_are_missing_or_occur_again_are_counted(ids: pa.Array, invalid: int) -> None:
    parts = [ids.slice(0, 1), ids.slice(1)]
    found = count_invalid(pa.chunked_array(parts, ids.type))
    assert bool(found) == bool(invalid)
    assert found == invalid


@pytest.mark.parametrize("buckets", [1, 4])
def test_invalid_ids_are_refused_with_the_message_of_a_local_run(workspace: Workspace, buckets: int) -> None:
    for ids in (["a", "b", "a"], ["a", None, "b"], ["", "b", "c"]):
        columns = {"id": pa.array(ids, pa.string()), "plan": ["pro"] * 3}
        write_contacts(workspace.folder / "contacts.parquet", columns)
        messages = []
        for more in ({}, {"engine": LoopCluster(), "buckets": buckets}):
            with pytest.raises(segbatch.SnapshotError) as raised:
                workspace.run(0, **more)
            messages.append(str(raised.value))
        assert messages[0] == messages[1]
