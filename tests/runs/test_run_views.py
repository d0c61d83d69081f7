"""Answers about published runs, compared with plain sets of contacts."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import combinations, permutations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import rule, write_contacts, write_segment
from segbatch import Keep, PublishError, UsageError
from segbatch.errors import ContactNotFoundError, MembersPrunedError, RunNotFoundError, SegmentNotFoundError
from segbatch.model.views import RunRow
from segbatch.runs import views
from segbatch.runs.overlap import OverlapCounts, count_overlaps
from segbatch.runs.views import RunViews
from segbatch.storage.id_types import stored_type
from segbatch.storage.state import State
from workspace import FIRST_RUN, Workspace

SEGMENTS = tuple("abcdefg")
Members = Mapping[str, frozenset[int]]
"""The members of each segment in a run: the oracle."""


class Labels:
    """A workspace whose segments have the contacts with a label, so that any membership can be made."""

    def __init__(self, folder: Path) -> None:
        self.place = Workspace(folder)
        for name in SEGMENTS:
            write_segment(folder / "segments", name, rule("labels", "contains", name))

    def run(self, number: int, members: Members, contacts: int = 99) -> None:
        labels = [[name for name in SEGMENTS if contact in members[name]] for contact in range(contacts)]
        columns = {"id": pa.array(range(contacts)), "labels": pa.array(labels, pa.list_(pa.string()))}
        write_contacts(self.place.folder / "contacts.parquet", columns)
        self.place.run(number)

    @property
    def views(self) -> RunViews:
        return RunViews(self.place.output)


any_members = st.lists(st.frozensets(st.integers(0, 98)), min_size=len(SEGMENTS), max_size=len(SEGMENTS)).map(
    lambda sets: dict(zip(SEGMENTS, sets, strict=True))
)
nested_members = any_members.map(
    lambda found: {**found, "b": found["a"] | found["b"], "c": found["a"], "d": found["a"] | {7}, "e": frozenset()}
)
"""Memberships with segments that are equal, inside others, almost equal and empty."""


def jaccard(one: frozenset[int], other: frozenset[int]) -> float:
    return len(one & other) / max(len(one | other), 1)


@given(st.one_of(any_members, nested_members))
def test_overlaps_are_those_of_sets(members: Members) -> None:
    with TemporaryDirectory() as folder:
        made = Labels(Path(folder))
        made.run(0, members)
        found = made.views.overlap("current", None, None, len(SEGMENTS))
    assert {one.id: one.member_count for one in found.segments} == {name: len(members[name]) for name in SEGMENTS}
    names = [one.id for one in found.segments]
    assert names == sorted(SEGMENTS, key=lambda name: (-len(members[name]), name))
    assert [list(row) for row in found.counts] == [[len(members[a] & members[b]) for b in names] for a in names]
    pairs = {frozenset((one.a, one.b)): one.jaccard for one in found.near_duplicates}
    shares = {frozenset(pair): jaccard(*(members[one] for one in pair)) for pair in combinations(SEGMENTS, 2)}
    assert pairs == {pair: share for pair, share in shares.items() if share >= 0.9}
    assert list(pairs.values()) == sorted(pairs.values(), reverse=True)
    assert {(one.inner, one.outer) for one in found.inside} == {
        (inner, outer)
        for inner, outer in permutations(SEGMENTS, 2)
        if members[inner] and members[inner] < members[outer]
    }


@pytest.mark.slow
@given(st.lists(any_members, min_size=1, max_size=4))
def test_runs_movers_sizes_and_entries_are_those_of_sets(runs: list[Members]) -> None:
    with TemporaryDirectory() as folder:
        made = Labels(Path(folder))
        for number, members in enumerate(runs):
            made.run(number, members)
        answers = made.views
        rows = answers.runs(None, 30)
        for number, members in enumerate(runs):
            check_run(answers, number, runs)
            assert rows[len(runs) - 1 - number].membership_count == sum(map(len, members.values()))
        for contact in (0, 7, 98):
            check_contact(answers, contact, runs)
    assert [row.id for row in rows] == [f"night-{number}" for number in reversed(range(len(runs)))]
    assert [row.is_current for row in rows] == [True, *[False] * (len(runs) - 1)]


def check_run(answers: RunViews, number: int, runs: list[Members]) -> None:
    now, before = runs[number], runs[number - 1] if number else None
    entered = {name: len(now[name] - before[name]) if before else 0 for name in SEGMENTS}
    left = {name: len(before[name] - now[name]) if before else 0 for name in SEGMENTS}
    found = answers.run(f"night-{number}", None)
    moved = [name for name in SEGMENTS if entered[name] + left[name]]
    moved.sort(key=lambda name: (-entered[name] - left[name], name))
    assert [(one.id, one.member_count, one.entered, one.left) for one in found.movers] == [
        (name, len(now[name]), entered[name], left[name]) for name in moved
    ]
    totals = (sum(entered.values()), sum(left.values())) if before else (None, None)
    assert (found.entered, found.left, found.contact_count) == (*totals, 99)
    page = answers.segments(f"night-{number}", None, 3)
    shown = range(max(number - 2, 0), number + 1)
    assert [one.as_of for one in page.history] == [FIRST_RUN + timedelta(days=one) for one in shown]
    assert {row.id: row.sizes for row in page.segments} == {
        name: tuple(len(runs[one][name]) for one in shown) for name in SEGMENTS
    }
    details = answers.segment(f"night-{number}", "a", None, 2)
    assert [(one.run_id, one.member_count) for one in details.runs] == [
        (f"night-{one}", len(runs[one]["a"])) for one in range(max(number - 1, 0), number + 1)
    ]


def check_contact(answers: RunViews, contact: int, runs: list[Members]) -> None:
    found = answers.contact("current", str(contact), None)
    assert found.contact_id == contact
    assert {one.id: one.since for one in found.segments} == {
        name: FIRST_RUN + timedelta(days=since(name, contact, runs)) for name in SEGMENTS if contact in runs[-1][name]
    }


def since(name: str, contact: int, runs: list[Members]) -> int:
    """Return the first run of the last unbroken series of runs that have the contact in the segment."""
    number = len(runs) - 1
    while number and contact in runs[number - 1][name]:
        number -= 1
    return number


def make_runs(place: Workspace) -> None:
    """Make three runs in which segments are added, removed, edited, renamed, broken, held and disabled."""
    place.contacts(**{f"c{number:03}": "pro" if number < 120 else "free" for number in range(200)})
    for name in ("pro", "free", "gone", "held", "old"):
        place.segment(name, {"gone": "free", "held": "pro", "old": "free"}.get(name))
    place.run(0)
    place.drop("gone")
    place.drop("old")
    place.segment("new", "free", previous_ids=["old"])
    place.segment("added", "pro")
    place.segment("free", "pro")
    place.run(1)
    place.contacts(**{f"c{number:03}": "team" if number < 120 else "free" for number in range(200)})
    write_segment(place.folder / "segments", "free", rule("nothing", "eq", 1))
    place.segment("added", "team", enabled=False)
    place.segment("names", "team")
    write_segment(place.folder / "segments", "names", {"operator": "in_segment", "value": "new"})
    place.run(2)


def test_a_run_shows_what_differs_from_the_previous_one(tmp_path: Path) -> None:
    place = Workspace(tmp_path)
    make_runs(place)
    answers = RunViews(place.output)
    first, second, third = (answers.run(f"night-{number}", None) for number in range(3))
    assert (first.previous_run_id, first.added, first.removed, first.movers) == (None, (), (), ())
    assert (second.previous_run_id, second.added, second.removed) == ("night-0", ("added",), ("gone",))
    assert second.redefined == ("free", "new")  # a renamed segment has another definition
    assert (second.entered, second.left) == (120 + 120, 80 + 80)
    assert [(one.id, one.entered, one.left) for one in second.movers] == [("free", 120, 80), ("added", 120, 0)]
    assert (third.status, third.segments_failed, third.segments_held) == ("partial", 1, 2)
    assert [one.id for one in third.failed] == ["free"]
    assert "no column 'nothing'" in third.failed[0].message
    assert [one.id for one in third.held] == ["held", "pro"]
    assert "120" in third.held[0].reason
    assert (third.entered, third.left) == (80, 120)
    assert [past.changes for past in place.history().runs] == [0, 240 + 160, 80 + 120]
    assert (second.segment_names, set(third.segment_names)) == (
        {"added": "Added", "free": "Free", "gone": "Gone", "new": "New"},
        {"names", "added", "free", "held", "pro"},
    )
    assert [row.duration_seconds >= 0 for row in answers.runs(None, 30)] == [True] * 3


def test_segments_of_a_run_have_their_earlier_sizes_under_their_present_ids(tmp_path: Path) -> None:
    place = Workspace(tmp_path)
    make_runs(place)
    answers = RunViews(place.output)
    page = answers.segments("current", None, 30)
    assert page.run_id == "night-2"
    assert {row.id: (row.status, row.sizes) for row in page.segments} == {
        "added": ("disabled", (None, 120, 0)),
        "free": ("failed", (80, 120, 120)),
        "held": ("held", (120, 120, 120)),
        "names": ("ok", (None, None, 80)),
        "new": ("ok", (80, 80, 80)),
        "pro": ("held", (120, 120, 120)),
    }
    assert [one.run_id for one in answers.segments("night-1", None, 1).history] == ["night-1"]
    assert [row.id for row in answers.segments("night-0", None, 1).segments] == ["free", "gone", "held", "new", "pro"]


def test_a_segment_has_its_results_and_references(tmp_path: Path) -> None:
    place = Workspace(tmp_path)
    make_runs(place)
    answers = RunViews(place.output)
    new = answers.segment("current", "new", None, 30)
    assert (new.names, new.named_by, new.segment_names, new.message) == ((), ("names",), {"names": "Names"}, None)
    assert new.definition["rules"] == [{"field": "plan", "operator": "eq", "value": "free"}]
    assert [(one.run_id, one.segment_id, one.member_count, one.entered) for one in new.runs] == [
        ("night-0", "new", 80, None),
        ("night-1", "new", 80, 0),
        ("night-2", "new", 80, 0),
    ]
    fingerprints = place.ask("SELECT fingerprint FROM segment_runs WHERE segment_id = 'new' ORDER BY as_of")
    assert [(one.fingerprint,) for one in new.runs] == fingerprints
    assert answers.segment("current", "names", None, 1).names == ("new",)
    assert answers.segment("night-1", "new", None, 1).named_by == ()
    assert "no column" in (answers.segment("current", "free", None, 1).message or "")


def test_a_project_sees_only_its_segments_and_numbers_of_these(tmp_path: Path) -> None:
    place, columns = Workspace(tmp_path), {"id": ["a", "b", "c"], "plan": ["pro"] * 3, "project_id": ["p", "q", "q"]}
    write_contacts(tmp_path / "contacts.parquet", columns)
    for name in ("one", "two"):
        write_segment(tmp_path / "segments", name, rule("plan", "exists"), project_id="p" if name == "one" else "q")
    write_segment(tmp_path / "segments", "both", {"operator": "in_segment", "value": "one"})
    place.run(0)
    place.drop("both")
    write_contacts(tmp_path / "contacts.parquet", {name: values[1:] for name, values in columns.items()})
    place.run(1)
    answers = RunViews(place.output)
    assert counts_of(answers.runs("p", 30)[0]) == (None, 0, 1, 0, 1)
    assert counts_of(answers.runs("q", 30)[0]) == (None, 2, 1, 0, 0)
    assert counts_of(answers.runs(None, 30)[0]) == (2, 2, 2, 0, 2)
    assert answers.run("current", "p").removed == ()
    assert answers.run("current", None).removed == ("both",)
    assert answers.segment("night-0", "one", "p", 1).named_by == ()
    assert answers.segment("night-0", "one", None, 1).named_by == ("both",)
    assert answers.run("current", None).segment_names == {"both": "Both"}
    assert answers.run("current", "p").segment_names == {}
    assert [one.id for one in answers.overlap("current", "q", None, 40).segments] == ["two"]
    for ask in (
        lambda: answers.segment("current", "one", "q", 1),
        lambda: answers.overlap("current", "q", ["two", "one"], 40),
    ):
        with pytest.raises(SegmentNotFoundError, match="run night-1 does not have the segment 'one'"):
            ask()
    assert [one.id for one in answers.contact("night-0", "b", "q").segments] == ["two"]
    with pytest.raises(ContactNotFoundError, match="run night-0 does not have the contact 'b'"):
        answers.contact("night-0", "b", "p")


def counts_of(row: RunRow) -> tuple[Any, ...]:
    return (row.contact_count, row.membership_count, row.segment_count, row.entered, row.left)


def test_a_run_of_one_project_has_contacts_of_that_project_alone(workspace: Workspace) -> None:
    workspace.segment("pro", project_id="p")
    workspace.contacts(ann="pro", dan="team")
    workspace.run(0, project="p")
    answers = RunViews(workspace.output)
    assert counts_of(answers.runs("p", 1)[0])[:3] == (2, 1, 1)
    assert answers.contact("current", "dan", "p").segments == ()


def test_runs_are_listed_in_pages(four: Workspace) -> None:
    answers = RunViews(four.output)
    assert [row.id for row in answers.runs(None, 2)] == ["night-3", "night-2"]
    assert [row.id for row in answers.runs(None, 3, before="night-2")] == ["night-1", "night-0"]
    assert answers.runs(None, 3, before="night-0") == []


def test_a_published_run_is_seen_at_once(two: Workspace) -> None:
    answers = RunViews(two.output)
    assert answers.run("current", None).id == "night-1"
    assert [one.id for one in answers.contact("current", "ann", None).segments] == ["free"]
    two.run(2)
    assert answers.run("current", None).id == "night-2"
    assert not answers.run("night-1", None).is_current
    assert [one.id for one in answers.contact("current", "ann", None).segments] == ["pro"]


def test_the_segments_to_compare_can_be_chosen(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace.segment("any", "pro", match="any", rules=[rule("plan", "exists")])
    workspace.segment("off", "pro", enabled=False)
    workspace.run(0)
    monkeypatch.setattr(views, "MOST_COMPARED", 2)
    found = RunViews(workspace.output).overlap("current", None, ["off", "free", "any", "free"], 1)
    assert [one.id for one in found.segments] == ["off", "free", "any"]
    assert found.counts == ((0, 0, 0), (0, 1, 1), (0, 1, 3))
    assert [(one.inner, one.outer) for one in found.inside] == [("pro", "any")]  # of the two largest segments
    assert found.near_duplicates == ()
    assert found.segment_names == {"any": "Any", "pro": "Pro"}


def test_overlaps_are_counted_once_per_run(two: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = list[Sequence[str]]()

    def count(state: State, segment_ids: Sequence[str]) -> OverlapCounts:
        counted.append(segment_ids)
        return count_overlaps(state, segment_ids)

    monkeypatch.setattr(views, "count_overlaps", count)
    answers = RunViews(two.output)
    first = answers.overlap("current", None, None, 40)
    assert answers.overlap("night-1", None, None, 40) == first
    assert answers.overlap("night-1", None, ["pro"], 40).counts == ((1,),)
    assert len(counted) == 1
    answers.overlap("night-0", None, None, 40)
    assert len(counted) == 2


def test_unknown_runs_segments_and_contacts_are_reported(two: Workspace) -> None:
    answers = RunViews(two.output)
    with pytest.raises(RunNotFoundError, match="run 'night-2' does not exist; did you mean 'night-1'"):
        answers.run("night-2", None)
    with pytest.raises(RunNotFoundError, match="run 'x' does not exist; list the runs with segbatch runs"):
        answers.runs(None, 1, before="x")
    with pytest.raises(SegmentNotFoundError, match="run night-1 does not have the segment 'proo'; did you mean 'pro'"):
        answers.segment("current", "proo", None, 1)
    with pytest.raises(ContactNotFoundError, match="run night-1 does not have the contact 'eve'"):
        answers.contact("current", "eve", None)


def test_nothing_published_is_reported(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing is published there"):
        RunViews(tmp_path).runs(None, 1)


def test_a_pruned_run_keeps_all_but_overlaps_and_contacts(four: Workspace) -> None:
    four.run(4, keep=Keep(2, 0))
    answers = RunViews(four.output)
    assert [row.keeps_members for row in answers.runs(None, 5)] == [True, True, False, False, False]
    assert answers.segment("night-0", "pro", None, 1).member_count == 2
    for ask in (
        lambda: answers.overlap("night-0", None, None, 40),
        lambda: answers.contact("night-0", "ann", None),
    ):
        with pytest.raises(MembersPrunedError, match="the members of run night-0 were removed; choose a later run"):
            ask()
    assert [one.since for one in answers.contact("night-4", "ann", None).segments] != []


def test_a_run_with_a_lost_manifest_is_left_out_of_others(four: Workspace) -> None:
    (four.place("night-1") / "manifest.json").write_text("{}")
    answers = RunViews(four.output)
    assert answers.segments("current", None, 3).segments[1].sizes == (None, 2, 1)
    assert [one.run_id for one in answers.segment("current", "pro", None, 3).runs] == ["night-2", "night-3"]
    assert (answers.run("night-2", None).previous_run_id, answers.run("night-2", None).entered) == (None, None)
    with pytest.raises(PublishError, match=r"night-1/manifest.json: is missing or damaged"):
        answers.run("night-1", None)


@pytest.mark.parametrize("damage", ["lost", "cut"])
def test_the_time_of_an_entry_is_unknown_if_changes_are_lost(four: Workspace, damage: str) -> None:
    four.contacts(ann="pro", bob="free", cem="free", fay="pro")
    four.run(4)
    path = four.place("night-3") / "changes.parquet"
    path.unlink()
    if damage == "cut":
        path.write_bytes(b"PAR1")
    since = {
        contact: [one.since for one in RunViews(four.output).contact("current", contact, None).segments]
        for contact in ("ann", "fay")
    }
    assert since == {"ann": [None], "fay": [FIRST_RUN + timedelta(days=4)]}


@pytest.mark.parametrize(
    "id_type", [pa.string(), pa.int32(), pa.binary(), pa.uuid(), pa.dictionary(pa.int8(), pa.string())], ids=str
)
def test_contacts_are_found_by_ids_of_each_type(tmp_path: Path, id_type: pa.DataType) -> None:
    place = Workspace(tmp_path)
    place.segment("pro")
    numbers = pa.array([1, 2, 8], pa.int32())
    octets = pa.array([bytes([0xF0 + number] * 16) for number in (1, 2, 8)], pa.binary(16))
    has_octets = id_type in {pa.binary(), pa.uuid()}
    ids = octets.cast(id_type) if has_octets else numbers.cast(stored_type(id_type)).cast(id_type)
    for run, plans in enumerate((["pro", "free", "free"], ["pro"] * 3)):
        write_contacts(tmp_path / "contacts.parquet", {"id": ids, "plan": plans})
        place.run(run)
    for number, entry in ((1, 0), (2, 1), (8, 1)):
        wanted = f"f{number}" * 16 if has_octets else str(number)
        found = RunViews(place.output).contact("current", wanted, None)
        assert str(found.contact_id).replace("-", "") == wanted
        assert [one.since for one in found.segments] == [FIRST_RUN + timedelta(days=entry)]
    for unknown in ("no such id", "9", "ff" * 16):
        with pytest.raises(ContactNotFoundError):
            RunViews(place.output).contact("current", unknown, None)
