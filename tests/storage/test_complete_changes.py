"""Runs whose digests collide: the changes are those of runs whose digests do not."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import segbatch
from builders import rule, write_segment
from segbatch.cluster.loop import LoopCluster
from segbatch.errors import ChangesMismatchError
from segbatch.observability.events import Warned
from segbatch.platform.bitmaps import Bitmaps
from segbatch.storage import comparison
from segbatch.storage.bit_matrix import Memory
from segbatch.storage.complete_changes import Sizes, ensure_complete
from workspace import Workspace

VIEWS = ("membership", "membership_changes", "membership_history", "segment_runs")
WARNING = "the changes did not match the numbers of members"
MOVED: dict[str, str | None] = {"c02": "pro"}
"""A contact that enters `pro` and exits `team`. All changes are of this kind, so no bucket has some that balance."""

Change = Callable[[Workspace], None]


def colliding(digest: int) -> Callable[[Sequence[Bitmaps], int, Memory], npt.NDArray[np.uint64]]:
    return lambda _groups, contacts, _memory: np.full(contacts, digest, dtype=np.uint64)


def plans(more: dict[str, str | None] | None = None) -> dict[str, str]:
    """Return 20 contacts, some with another plan than at first. Those whose plan is None are not there."""
    found: dict[str, str | None] = {f"c{number:02}": ("free", "pro", "team")[number % 3] for number in range(20)}
    return {name: plan for name, plan in (found | (more or {})).items() if plan is not None}


def contacts(**more: str | None) -> Change:
    return lambda place: place.contacts(**plans({**MOVED, **more}))


def in_another_order(place: Workspace) -> None:
    place.contacts(**dict(reversed(plans({**MOVED, "c03": "pro"}).items())))


def broken(place: Workspace) -> None:
    write_segment(place.folder / "segments", "team", rule("no_such_field", "eq", "x"))
    place.contacts(**plans({**MOVED, "c05": None, "c03": "pro"}))


def renamed(place: Workspace) -> None:
    place.drop("pro")
    place.segment("premium", "pro", previous_ids=["pro"])
    place.contacts(**plans({**MOVED, "c03": "pro"}))


def deleted(place: Workspace) -> None:
    place.drop("pro")
    place.contacts(**plans(MOVED))


def disabled(place: Workspace) -> None:
    place.segment("pro", enabled=False)
    place.contacts(**plans(MOVED))


def new(place: Workspace) -> None:
    place.segment("free")
    place.contacts(**plans(MOVED))


KINDS: dict[str, Change] = {
    "a contact enters": contacts(c03="pro"),
    "a contact exits": contacts(c05="free"),
    "a contact enters one and exits another": contacts(c05="pro"),
    "contacts are new": contacts(x1="pro", x2="team", x3="free"),
    "contacts are gone": contacts(c05=None, c06=None, c08=None),
    "everything at once": contacts(c03="pro", c05="free", x1="pro", c08=None),
    "in another order": in_another_order,
    "a segment keeps its members": broken,
    "a segment is new": new,
    "a segment is deleted": deleted,
    "a segment is disabled": disabled,
    "a segment is renamed": renamed,
}
CHANGES = [
    pytest.param(change, id=name, marks=() if name == "everything at once" else pytest.mark.slow)
    for name, change in KINDS.items()
]
ENGINES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "local": ({}, {}),
    "cluster": ({"engine": LoopCluster(), "buckets": 2}, {"engine": LoopCluster(), "buckets": 2}),
    "more buckets": ({"engine": LoopCluster(), "buckets": 1}, {"engine": LoopCluster(), "buckets": 2}),
}
WAYS = [
    pytest.param(ENGINES["local"], 0, id="local"),
    *(pytest.param(ENGINES[name], 7, id=name, marks=pytest.mark.slow) for name in ("cluster", "more buckets")),
]


def two_runs(place: Workspace, change: Change, engines: tuple[dict[str, Any], dict[str, Any]]) -> segbatch.RunReport:
    for plan in ("pro", "team"):
        place.segment(plan)
    place.contacts(**plans())
    place.run(0, **engines[0])
    change(place)
    return place.run(1, **engines[1])


@pytest.mark.parametrize(("engines", "digest"), WAYS)
@pytest.mark.parametrize("change", CHANGES)
def test_changes_are_complete_if_all_digests_are_the_same(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Change,
    engines: tuple[dict[str, Any], dict[str, Any]],
    digest: int,
) -> None:
    usual, spoiled = Workspace(tmp_path / "usual"), Workspace(tmp_path / "spoiled")
    expected = two_runs(usual, change, engines)
    monkeypatch.setattr(comparison, "digest_contacts", colliding(digest))
    found = two_runs(spoiled, change, engines)
    for view in VIEWS:
        assert spoiled.ask(f"FROM {view} ORDER BY ALL") == usual.ask(f"FROM {view} ORDER BY ALL")
    assert len(spoiled.changes()) > 1
    assert [WARNING in str(warning) for warning in found.warnings].count(True) == 1
    assert not any(WARNING in str(warning) for warning in expected.warnings)
    assert any(WARNING in warning for warning in spoiled.manifest("night-1").warnings)


def test_contacts_that_change_places_are_compared_if_other_changes_are_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "digest_contacts", colliding(0))
    place = Workspace(tmp_path)
    two_runs(place, contacts(c01="team", c03="pro"), ENGINES["local"])
    changes = [(contact, segment, change) for _, segment, contact, change in place.changes()]
    assert sorted(changes) == [
        ("c01", "pro", "exited"),
        ("c01", "team", "entered"),
        ("c02", "pro", "entered"),
        ("c02", "team", "exited"),
        ("c03", "pro", "entered"),
    ]


def test_a_run_without_changes_is_recorded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "digest_contacts", colliding(0))
    report = two_runs(Workspace(tmp_path), lambda place: place.contacts(**plans()), ENGINES["local"])
    assert not any(WARNING in str(warning) for warning in report.warnings)


def test_a_dry_run_finds_all_changes_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, events = Workspace(tmp_path), list[object]()
    two_runs(place, contacts(c01="team"), ENGINES["local"])
    monkeypatch.setattr(comparison, "digest_contacts", colliding(0))
    place.contacts(**plans({"c03": "pro"}))
    report = place.run(2, dry_run=True, events=events.append)
    assert [(one.segment_id, one.entered, one.exited) for one in report.segments] == [("pro", 2, 1), ("team", 1, 1)]
    assert [WARNING in str(event.problem) for event in events if isinstance(event, Warned)].count(True) == 1


@pytest.mark.parametrize("engines", [ENGINES["local"], ENGINES["cluster"]], ids=["local", "cluster"])
def test_nothing_is_published_if_changes_are_missing_without_digests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engines: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    place = Workspace(tmp_path)
    two_runs(place, contacts(), engines)
    before = place.folders()
    monkeypatch.setattr(comparison, "slices_of", lambda _changed: [])
    contacts(c03="pro", c05=None)(place)
    message = "had [0-9] members?, 0 entered and 0 exited, but it has .*; check the last run with segbatch verify"
    with pytest.raises(ChangesMismatchError, match=message):
        place.run(2, **engines[1])
    assert (place.history().runs[-1].run.run_id, place.folders()) == ("night-1", before)


@pytest.mark.parametrize("engines", [ENGINES["local"], ENGINES["cluster"]], ids=["local", "cluster"])
def test_a_state_of_other_members_is_not_compared_with(
    tmp_path: Path, engines: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    place, other = Workspace(tmp_path / "place"), Workspace(tmp_path / "other")
    two_runs(place, contacts(), engines)
    two_runs(other, contacts(c03="pro"), engines)
    for state in other.place("night-1").rglob("*.arrow"):
        (place.place("night-1") / state.relative_to(other.place("night-1"))).write_bytes(state.read_bytes())
    with pytest.raises(ChangesMismatchError, match="the segment 'pro' had 8 members, 0 entered and 1 exited, but"):
        place.run(2, **engines[1])
    place.drop("pro")
    with pytest.raises(ChangesMismatchError, match="'pro' had 8 members, 0 entered and 9 exited, but it has 0"):
        place.run(2, **engines[1])


def test_the_first_segment_whose_changes_do_not_match_is_named() -> None:
    complete = [Sizes("a", 3, 2, 1, 4), Sizes("b", 0, 0, 0, 0)]
    ensure_complete(complete)
    with pytest.raises(ChangesMismatchError, match=r"'c' had 1,000 members, 5 .* it has 1 member \(and 1 more\);"):
        ensure_complete([*complete, Sizes("c", 1000, 5, 0, 1), Sizes("d", 0, 1, 0, 0)])
