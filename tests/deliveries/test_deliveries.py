"""Deliveries over several runs: what a receiver gets, and what happens if it or segbatch fails."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from segbatch import Keep, UsageError
from segbatch.deliveries.state import DeliveryState
from segbatch.runs.prune import prune_runs
from segbatch.storage.output_lock import FAIL_IF_LOCKED, lock_output

from .receiver import Deliver, Killed, Receiver, deliver_to, fail, killed, published, unconfirmed, well

if TYPE_CHECKING:
    from segbatch.deliveries.senders import Message
    from workspace import Workspace

ALL: dict[str, Any] = {"start": "all"}


def sent(receiver: Receiver) -> list[tuple[str, str, str, int, int]]:
    return [(one.segment_id, one.run_id, one.kind, one.entered, one.exited) for one in receiver.messages]


def test_from_now_on_nothing_is_sent_before_the_next_run(
    workspace: Workspace, receiver: Receiver, deliver: Deliver
) -> None:
    workspace.run(0)
    report = deliver()
    assert (report.started, receiver.messages) == ([("crm", "free"), ("crm", "pro")], [])
    workspace.contacts(ann="free", bob="pro", cem="free")
    workspace.run(1)
    assert deliver().started == []
    assert sent(receiver) == [("free", "night-1", "changes", 1, 0), ("pro", "night-1", "changes", 0, 1)]
    assert (receiver.members, deliver().deliveries) == ({"free": {"ann"}, "pro": set()}, [])


def test_all_members_are_sent_first_if_wanted(workspace: Workspace, receiver: Receiver, deliver: Deliver) -> None:
    workspace.run(0)
    deliver(**ALL)
    assert sent(receiver) == [("free", "night-0", "all", 1, 0), ("pro", "night-0", "all", 2, 0)]
    assert receiver.members == {"free": {"cem"}, "pro": {"ann", "bob"}}


def test_each_run_is_sent_in_order(four: Workspace, receiver: Receiver, deliver: Deliver) -> None:
    states = DeliveryState.of(four.output, "crm")
    deliver(**ALL)
    path = states.folder / "segments" / "pro.json"
    first = four.history().runs[0]
    position = {"segment_id": "pro", "delivered": {"run_id": "night-0", "folder": "night-0"}}
    position["delivered"]["started_at"] = first.run.started_at.isoformat()  # type: ignore[index]
    path.write_text(json.dumps(position))
    receiver.messages.clear()
    receiver.members["pro"] = {"ann", "bob"}
    deliver(**ALL)
    assert sent(receiver) == [
        ("pro", "night-1", "changes", 1, 1),
        ("pro", "night-2", "changes", 1, 1),
        ("pro", "night-3", "changes", 0, 1),
    ]
    assert receiver.members["pro"] == {"ann"}


def test_a_new_segment_enters_with_its_members(workspace: Workspace, receiver: Receiver, deliver: Deliver) -> None:
    workspace.run(0)
    deliver()
    workspace.segment("best", "pro")
    workspace.run(1)
    assert deliver().started == []
    assert sent(receiver) == [("best", "night-1", "changes", 2, 0)]


def test_a_segment_that_is_selected_later_starts_then(
    workspace: Workspace, receiver: Receiver, deliver: Deliver
) -> None:
    workspace.run(0)
    deliver(segments=["free"])
    workspace.run(1)
    assert deliver(segments=["free", "pro"]).started == [("crm", "pro")]
    assert receiver.messages == []


def test_a_deleted_segment_leaves_with_its_members(workspace: Workspace, receiver: Receiver, deliver: Deliver) -> None:
    workspace.run(0)
    deliver(**ALL)
    workspace.drop("pro")
    workspace.run(1)
    deliver(**ALL)
    assert receiver.present == published(workspace) == {"free": {"cem"}}
    assert DeliveryState.of(workspace.output, "crm").segment_ids() == ["free"]


@pytest.mark.parametrize("pruned", [False, True])
def test_a_renamed_segment_leaves_under_the_old_id_and_enters_under_the_new(
    workspace: Workspace, receiver: Receiver, deliver: Deliver, *, pruned: bool
) -> None:
    workspace.run(0)
    deliver(**ALL)
    workspace.contacts(ann="pro", bob="free", cem="free", dan="pro")
    workspace.run(1)
    workspace.drop("pro")
    workspace.segment("best", "pro", previous_ids=["pro"])
    workspace.run(2)
    workspace.contacts(ann="free", bob="free", cem="free", dan="pro", eve="pro")
    for number in range(3, 7):
        workspace.run(number)
    if pruned:
        prune_runs(workspace.output, Keep(2, 0), datetime.now(UTC))
    deliver(**ALL)
    assert receiver.present == published(workspace)
    assert [one for one in sent(receiver) if one[0] == "pro"] == [
        ("pro", "night-0", "all", 2, 0),
        ("pro", "night-1", "changes", 1, 1),
        ("pro", "night-2", "changes", 0, 2),
    ]
    assert DeliveryState.of(workspace.output, "crm").segment_ids() == ["best", "free"]


def test_a_run_that_was_made_again_is_compared_with_what_was_sent(
    two: Workspace, receiver: Receiver, deliver: Deliver
) -> None:
    deliver(**ALL)
    two.run(1)
    assert len(two.history().runs) == 2
    deliver(**ALL)
    assert sent(receiver)[2:] == [("free", "night-1", "changes", 0, 2), ("pro", "night-1", "changes", 2, 0)]
    assert receiver.present == published(two)


def test_rolled_back_runs_are_compared_with_what_was_sent(
    four: Workspace, receiver: Receiver, deliver: Deliver
) -> None:
    deliver(**ALL)
    four.contacts(ann="free", bob="pro", cem="pro")
    four.run(1, rewind=True)
    deliver(**ALL)
    assert receiver.present == published(four)


def test_members_that_are_gone_are_sent_again_on_request(two: Workspace, receiver: Receiver, deliver: Deliver) -> None:
    deliver(**ALL)
    two.run(1)
    shutil.rmtree(two.place("night-1"))
    report = deliver(**ALL)
    lost = "the files of run night-1, which the receiver has or may have, are gone; send all members again"
    assert [str(error) for error in report.errors] == [
        f"destination 'crm': segment '{name}': {lost}: segbatch deliver --resend --segment {name}"
        for name in ("free", "pro")
    ]
    assert len(receiver.messages) == 2
    deliver(resend=True, only=("pro",))
    assert sent(receiver)[2:] == [("pro", "night-1", "all", 3, 0)]
    assert receiver.members["pro"] == published(two)["pro"]
    assert len(deliver().errors) == 1


def test_a_resend_has_a_new_key_unless_it_was_not_confirmed(
    workspace: Workspace, receiver: Receiver, deliver: Deliver
) -> None:
    workspace.run(0)
    for _ in range(2):
        deliver(resend=True, only=("pro",))
    receiver.mishap = killed
    with pytest.raises(Killed):
        deliver(resend=True, only=("pro",))
    receiver.mishap = well
    deliver(resend=True, only=("pro",))
    first, second, third, fourth = (one.key for one in receiver.messages)
    assert len({first, second, third}) == 3
    assert third == fourth


@pytest.mark.parametrize("mishap", [unconfirmed, killed])
def test_a_delivery_that_was_not_written_down_is_repeated_with_its_key(
    workspace: Workspace, receiver: Receiver, deliver: Deliver, mishap: Any
) -> None:
    workspace.run(0)
    deliver(**ALL)
    workspace.contacts(ann="free", bob="pro", cem="free")
    workspace.run(1)
    receiver.mishap = mishap
    if mishap is killed:
        with pytest.raises(Killed):
            deliver(**ALL)
    else:
        assert len(deliver(**ALL).errors) == 2
    receiver.mishap = well
    workspace.contacts(ann="pro", bob="free", cem="free")
    workspace.run(1)  # made again, after the receiver may have applied the first attempt
    deliver(**ALL)
    free = [one for one in receiver.messages if one.segment_id == "free"][1:]
    assert [one.key == free[0].key for one in free] == [True, True, False]
    assert receiver.present == published(workspace) == {"pro": {"ann"}, "free": {"bob", "cem"}}


def test_first_members_of_a_run_that_is_gone_are_replaced_by_those_of_the_last(
    workspace: Workspace, receiver: Receiver, deliver: Deliver
) -> None:
    workspace.run(0)
    receiver.mishap = unconfirmed
    deliver(**ALL)
    workspace.run(0)
    shutil.rmtree(workspace.place("night-0"))
    receiver.mishap = well
    assert not deliver(**ALL).errors
    assert receiver.present == published(workspace)


def test_a_receiver_that_is_down_is_not_tried_for_every_segment(
    workspace: Workspace, receiver: Receiver, deliver: Deliver
) -> None:
    for number in range(5):
        workspace.segment(f"s{number}", "pro")
    workspace.run(0)
    receiver.mishap = fail("http://localhost:1 cannot be reached")
    report = deliver(**ALL)
    assert len(report.deliveries) == 3
    assert str(report.errors[0]) == "destination 'crm': segment 'free': http://localhost:1 cannot be reached"
    waiting = "4 segments not tried after 3 failures in a row (s1, s2, s3, s4)"
    assert str(report.errors[-1]) == f"destination 'crm': {waiting}; the next deliver tries again"
    receiver.mishap = well
    assert len(deliver(**ALL).deliveries) == 7


@pytest.mark.parametrize(("temporary", "attempts"), [(True, 3), (False, 1)])
def test_only_temporary_failures_are_tried_again(
    workspace: Workspace, receiver: Receiver, deliver: Deliver, *, temporary: bool, attempts: int
) -> None:
    workspace.run(0)
    tried = list[str]()

    def mishap(when: str, message: Message) -> None:
        tried.append(message.key)
        fail(temporary=temporary)(when, message)

    receiver.mishap = mishap
    deliver(**ALL, retries=2, segments=["pro"])
    assert len(tried) == attempts
    assert len(set(tried)) == 1


def test_a_dry_run_sends_and_writes_nothing(workspace: Workspace, receiver: Receiver, deliver: Deliver) -> None:
    workspace.run(0)
    report = deliver(dry_run=True, **ALL)
    assert [(one.segment_id, one.entered, one.status) for one in report.deliveries] == [
        ("free", 1, "not_sent"),
        ("pro", 2, "not_sent"),
    ]
    assert (receiver.messages, (workspace.output / "deliveries").exists()) == ([], False)


def test_segments_are_selected_by_tag_and_owner(workspace: Workspace, receiver: Receiver, deliver: Deliver) -> None:
    workspace.segment("best", "pro", tags=["vip", "ads"], owner="growth")
    workspace.segment("rest", "free", tags=["vip"], owner="sales")
    workspace.run(0)
    deliver(**ALL, tags=["vip"], owners=["growth"])
    assert list(receiver.members) == ["best"]
    report = deliver(**ALL, tags=["vip"], owners=["sales"])
    left = "destination 'crm': not selected any more, so the receiver keeps what it has: best"
    assert [str(one) for one in report.warnings] == [left]
    assert (list(receiver.members), report.errors) == (["best", "rest"], [])


def test_names_that_do_not_exist_are_errors(workspace: Workspace, deliver: Deliver) -> None:
    workspace.run(0)
    [wrong] = deliver(**ALL, segments=["fre", "pro"]).errors
    assert str(wrong) == "destination 'crm': run night-0 has no segment 'fre'; did you mean 'free'?"
    [wrong, *_] = deliver(**ALL, tags=["vip"]).errors
    assert str(wrong) == "destination 'crm': no segment of run night-0 has tag 'vip'"
    [wrong] = deliver(only=("fre",)).errors
    assert str(wrong) == "no destination gets a segment 'fre'; did you mean 'free'? (--segment)"


def test_another_deliver_owns_the_destination(workspace: Workspace, receiver: Receiver, deliver: Deliver) -> None:
    workspace.run(0)
    with lock_output(DeliveryState.of(workspace.output, "crm").lock, "deliver crm", FAIL_IF_LOCKED):
        report = deliver(**ALL)
    assert report.are_locked
    assert "deliver crm (process " in str(report.errors[0])
    assert receiver.messages == []
    assert not deliver(**ALL).are_locked


def test_a_damaged_state_is_an_error_of_its_segment(workspace: Workspace, receiver: Receiver, deliver: Deliver) -> None:
    workspace.run(0)
    deliver(**ALL)
    path = DeliveryState.of(workspace.output, "crm").folder / "segments" / "pro.json"
    path.write_text("{")
    workspace.contacts(ann="free", bob="free", cem="free")
    workspace.run(1)
    [error] = deliver(**ALL).errors
    remedy = "is damaged; remove it, and send all members with segbatch deliver --resend"
    assert str(error) == f"destination 'crm': segment 'pro': {path}: {remedy}"
    assert receiver.members["free"] == {"ann", "bob", "cem"}


def test_nothing_is_published(workspace: Workspace) -> None:
    with pytest.raises(UsageError, match="nothing is published there"):
        deliver_to(workspace, {})


@pytest.mark.parametrize("kind", ["ndjson", "parquet"])
def test_the_formats_have_the_same_rows(two: Workspace, receiver: Receiver, deliver: Deliver, kind: str) -> None:
    deliver(**ALL, format=kind)
    two.run(2)
    deliver(**ALL, format=kind)
    assert receiver.present == published(two)
    assert {one.path.suffix for one in receiver.messages} == {f".{kind}"}
