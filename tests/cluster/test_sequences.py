"""Runs on one machine and on clusters that follow each other, with other numbers of buckets."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import segbatch
from builders import rule, write_contacts, write_segment
from segbatch.cluster.loop import LoopCluster
from segbatch.runs.verify import verify
from workspace import Workspace

pytestmark = pytest.mark.slow  # each compares several runs on a cluster with runs on this machine

VIEWS = ("membership", "membership_changes", "membership_history", "segment_runs")
BUCKETS = (None, 3, 3, 5, None, 2, 1)
"""The number of buckets of each run; None for a run on one machine."""


def options(buckets: int | None) -> dict[str, Any]:
    return {} if buckets is None else {"engine": LoopCluster(), "buckets": buckets}


class Twins:
    """The same runs on one machine, and partly on a cluster."""

    def __init__(self, folder: Path) -> None:
        self.local, self.mixed = Workspace(folder / "local"), Workspace(folder / "mixed")
        self.number = 0
        for plan in ("pro", "team"):
            self.each("segment", plan)

    def each(self, method: str, *arguments: Any, **more: Any) -> None:
        for place in (self.local, self.mixed):
            getattr(place, method)(*arguments, **more)

    def break_segment(self, segment_id: str) -> None:
        for place in (self.local, self.mixed):
            write_segment(place.folder / "segments", segment_id, rule("no_such_field", "eq", "x"))

    def run(self, buckets: int | None, **more: Any) -> tuple[segbatch.RunReport, segbatch.RunReport]:
        local = self.local.run(self.number, **more)
        mixed = self.mixed.run(self.number, **options(buckets), **more)
        self.number += 1
        assert [(one.segment_id, one.status, one.member_count, one.entered, one.exited) for one in mixed.segments] == [
            (one.segment_id, one.status, one.member_count, one.entered, one.exited) for one in local.segments
        ]
        assert (mixed.run.contacts, mixed.run.memberships) == (local.run.contacts, local.run.memberships)
        return local, mixed

    def assert_equal(self) -> None:
        for view in VIEWS:
            sql = f"FROM {view} ORDER BY ALL"
            assert self.mixed.ask(sql) == self.local.ask(sql)


@pytest.fixture
def twins(tmp_path: Path) -> Twins:
    return Twins(tmp_path)


def plans(first: int, last: int, step: int) -> dict[str, str]:
    return {f"c{n:03}": ("pro", "team", "free")[n * step % 7 % 3] for n in range(first, last)}


def test_runs_follow_each_other_with_any_number_of_buckets(twins: Twins) -> None:
    for number, buckets in enumerate(BUCKETS):
        twins.each("contacts", **plans(5 * number, 150 + 3 * number, number + 1))
        if number == 2:
            twins.each("drop", "pro")
            twins.each("segment", "premium", "pro", previous_ids=["pro"])
        if number == 3:
            twins.break_segment("team")
        twins.run(buckets)
        twins.assert_equal()
    assert verify(twins.mixed.output, every_run=True).problems == []
    assert [past.buckets for past in twins.mixed.history().runs] == [*BUCKETS]
    assert len(twins.mixed.changes()) > 400
    assert not [path for path in twins.mixed.output.rglob("*") if "attempt" in path.name]


@pytest.mark.parametrize("before", [None, 3, 4])
def test_contacts_that_were_gone_already_are_not_counted_as_gone(twins: Twins, before: int | None) -> None:
    twins.each("contacts", **dict.fromkeys((f"c{n:03}" for n in range(400)), "team"))
    twins.run(before)
    twins.break_segment("team")
    twins.each("contacts", **dict.fromkeys((f"c{n:03}" for n in range(220)), "team"))
    twins.run(before)
    state = sum(file.rows for file in twins.mixed.manifest("night-1").files if "state" in file.path)
    assert state == 400, "the failed segment keeps all contacts"
    twins.each("contacts", **dict.fromkeys((f"c{n:03}" for n in range(120)), "team"))
    twins.run(3)
    twins.assert_equal()
    messages = []
    twins.each("contacts", c000="team")
    for place, more in ((twins.local, {}), (twins.mixed, options(3)), (twins.mixed, options(2))):
        with pytest.raises(segbatch.SnapshotError) as raised:
            place.run(3, **more)
        messages.append(str(raised.value).partition(": ")[2])
    assert "119 of the 120 contacts" in messages[0]
    assert len({*messages}) == 1


IDS = {
    "int32": pa.array(range(90), pa.int32()),
    "uint64": pa.array([2**63 + number for number in range(90)], pa.uint64()),
    "text": pa.array([f"é{number}" for number in range(90)], pa.large_string()),
    "encoded": pa.array([f"c{number}" for number in range(90)]).dictionary_encode(),
    "uuid": pa.ExtensionArray.from_storage(pa.uuid(), pa.array([bytes([n]) * 16 for n in range(90)], pa.binary(16))),
    "decimal": pa.array(range(90), pa.decimal128(20, 0)),
    "binary": pa.array([bytes([n, 0, n]) for n in range(90)], pa.binary()),
}


@pytest.mark.parametrize(
    "kind", [kind if kind == "text" else pytest.param(kind, marks=pytest.mark.slow) for kind in IDS]
)
def test_ids_of_all_types_are_found_again(twins: Twins, kind: str) -> None:
    ids = IDS[kind]
    for number, buckets in enumerate((None, 3, 3, 2, None)):
        rows = [n for n in range(90) if n % 11 != number]
        for place in (twins.local, twins.mixed):
            columns = {
                "id": ids.take(pa.array(rows[::-1])),
                "plan": ["pro" if n % (number + 2) else "team" for n in rows],
            }
            write_contacts(place.folder / "contacts.parquet", columns)
        twins.run(buckets)
        twins.assert_equal()


@pytest.mark.parametrize("wider", [3, 2, None])
def test_ids_may_become_wider_integers(twins: Twins, wider: int | None) -> None:
    for buckets, id_type in ((3, pa.int32()), (wider, pa.int64()), (3, pa.int16())):
        for place in (twins.local, twins.mixed):
            columns = {"id": pa.array(range(50), id_type), "plan": ["pro" if n % 2 else "team" for n in range(50)]}
            write_contacts(place.folder / "contacts.parquet", columns)
        twins.run(buckets)
        twins.assert_equal()
    assert twins.mixed.changes() == []


def test_a_run_without_segments_or_contacts_is_followed(twins: Twins) -> None:
    twins.each("contacts")
    twins.run(3, allow_empty=True)
    twins.each("contacts", **plans(0, 30, 1))
    twins.run(3)
    for plan in ("pro", "team"):
        twins.each("drop", plan)
    twins.each("segment", "none-yet", "no-plan", enabled=False)
    twins.run(3, allow_empty=True)
    twins.run(3, allow_empty=True)
    twins.run(2, allow_empty=True)
    twins.each("segment", "pro")
    twins.run(4)
    twins.run(None)
    twins.assert_equal()


def test_there_are_no_more_buckets_than_contacts(twins: Twins) -> None:
    for contacts in (8, 5, 6):
        twins.each("contacts", **dict.fromkeys((f"c{number}" for number in range(contacts)), "pro"))
        twins.run(6)
        twins.assert_equal()
    assert [past.buckets for past in twins.mixed.history().runs] == [6, 5, 6]
