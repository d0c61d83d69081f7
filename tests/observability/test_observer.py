"""Observing a run: every outcome is reported, and errors of the user are not raised."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from segbatch.errors import NothingToPublishError, Problem, SegbatchError, SnapshotError
from segbatch.observability.events import RunStarted
from segbatch.observability.hooks import Hooks
from segbatch.observability.observer import RunObserver, observe_run
from segbatch.observability.run_outcome import HookEnded, Notice, Outcome, RunEnded, RunFailed
from segbatch.platform.shutdown import SignalEnd, shutdown

STARTED = RunStarted("tonight", "c", "s", "o", None, "UTC", None, dry_run=False)


class Log:
    """A log that keeps all notices."""

    def __init__(self) -> None:
        self.heard: list[Notice] = []
        self.last_words: list[Notice] = []

    def __call__(self, notice: Notice) -> None:
        self.heard.append(notice)

    def handle_in_signal(self, notice: Notice) -> None:
        self.last_words.append(notice)

    @property
    def outcome(self) -> Outcome:
        [ended] = [notice.outcome for notice in (*self.heard, *self.last_words) if isinstance(notice, RunEnded)]
        return ended

    @property
    def failures(self) -> list[str]:
        return [str(problem) for notice in self.heard if isinstance(notice, RunFailed) for problem in notice.problems]


def observe(log: Log, error: BaseException | None = None, hooks: Hooks | None = None, **more: Any) -> RunObserver:
    """Observe something that starts like a run and raises an error."""
    with observe_run(log, Path("output"), hooks or Hooks(), None, **more) as observer:
        observer.check()
        observer.handle(STARTED)
        if error:
            raise error
    return observer


ENDED = {
    "nothing": (None, 0, []),
    "an error": (SnapshotError("no such file"), 1, ["no such file"]),
    "several problems": (NothingToPublishError([Problem("a"), Problem("b", file="b.json")]), 1, ["a", "b.json: b"]),
    "a file": (OSError(28, "No space left on device", "log"), 1, ["log: No space left on device"]),
    "no file": (OSError(5, "Input/output error"), 1, ["segbatch: Input/output error"]),
    "Ctrl-C in a program without signals": (KeyboardInterrupt(), 130, ["interrupted; nothing was published"]),
}


@pytest.mark.parametrize(("error", "exit_status", "failures"), ENDED.values(), ids=list(ENDED))
def test_errors_of_the_user_are_reported_and_not_raised(
    error: BaseException | None, exit_status: int, failures: list[str]
) -> None:
    log = Log()
    assert observe(log, error).exit_status == exit_status
    assert log.failures == failures
    assert (log.outcome.run_id, log.outcome.exit_status) == ("tonight", exit_status)
    assert log.outcome.message == "\n".join(failures)


def test_a_closed_pipe_is_reported_and_raised() -> None:
    log = Log()
    with pytest.raises(BrokenPipeError):
        observe(log, BrokenPipeError())
    assert (log.outcome.exit_status, log.failures) == (141, [])


def test_a_bug_is_reported_without_its_message_and_raised() -> None:
    log = Log()
    with pytest.raises(ValueError, match="of ann"):
        observe(log, ValueError("of ann"))
    assert log.outcome.exit_status == 1
    assert log.outcome.message == "a bug in segbatch: ValueError; see its log"


def test_messages_use_the_terms_of_the_interface() -> None:
    log = Log()
    error = SegbatchError("no such id, ann (--a)", without_ids="no such id (--a)")
    observe(log, error, wording=lambda message: message.replace("--a", "A_SETTING"))
    assert log.failures == ["no such id, ann (A_SETTING)"]
    assert log.outcome.message == "no such id (A_SETTING)"


def test_ids_are_reported_only_on_request() -> None:
    log = Log()
    observe(log, SegbatchError("no such id, ann", without_ids="no such id"), Hooks(ids=True))
    assert log.outcome.message == "no such id, ann"


def test_a_hook_that_is_not_asked_for_is_not_run(tmp_path: Path) -> None:
    log, mark = Log(), tmp_path / "mark"
    observe(log, SegbatchError("no"), Hooks(on_success=f"touch {mark}"))
    assert not [notice for notice in log.heard if isinstance(notice, HookEnded)]
    assert not mark.exists()


def test_a_hook_s_own_status_of_a_timeout_is_its_status() -> None:
    log = Log()
    observe(log, None, Hooks(on_success="exit 124"))
    assert [notice.exit_status for notice in log.heard if isinstance(notice, HookEnded)] == [124]


def test_hooks_that_cannot_be_started_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(SegbatchError, match="the hooks cannot be started: Cannot allocate memory"):
        Hooks(on_failure="true").start_runner()


def test_a_signal_is_heralded_by_the_run_that_is_watched() -> None:
    log = Log()
    with observe_run(log, Path("output"), Hooks(), None) as observer:
        observer.handle(STARTED)
        shutdown.report(SignalEnd("terminated; nothing was published", 143))
        assert (log.outcome.status, log.outcome.run_id) == ("terminated", "tonight")
        assert isinstance(log.last_words[0], RunFailed)
        log.last_words.clear()
    shutdown.report(SignalEnd("of nobody", 143))
    assert log.last_words == []


def test_a_signal_after_the_end_adds_its_words_alone() -> None:
    log = Log()
    with observe_run(log, Path("output"), Hooks(), None) as observer:
        observer.handle(STARTED)
        observer.end()
        observer.end_by_signal(SignalEnd("interrupted; run tonight is published", 130))
        assert [type(notice) for notice in log.last_words] == [RunFailed]
