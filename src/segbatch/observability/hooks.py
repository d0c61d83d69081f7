"""Hooks: commands of the user that run after a run, whether it succeeded, failed or was killed.

A small separate process runs them. It receives the outcome, or notices that this process is gone.
"""

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segbatch.errors import SegbatchError, UsageError
from segbatch.model.column_marks import HookVariable, columns_with
from segbatch.observability.hook_runner import TOO_LATE
from segbatch.observability.run_outcome import HookEnded, Outcome
from segbatch.platform.portability import HAS_SHELL
from segbatch.text import cut

HOOK_TIMEOUT = 60.0
"""The default timeout of a hook, in seconds."""

MIN_HOOK_TIMEOUT = 0.1
"""The minimum timeout. 0, which means no limit elsewhere, would end every hook immediately."""

_GRACE = 10.0
"""Additional seconds to wait for the process that ends the hook."""

_LONGEST_MESSAGE = 10_000
"""The operating system does not start a program with a much longer variable. Standard input has the full message."""

_STDERR = 2
_RUNNER = Path(__file__).with_name("hook_runner.py")


@dataclass(frozen=True, slots=True)
class Hooks:
    """The commands to run after a run.

    Attributes:
        on_success: The command to run if everything was published.
        on_failure: The command to run otherwise.
        timeout: The timeout of each command, in seconds.
        ids: Whether the commands may receive contact ids.
    """

    on_success: str | None = None
    on_failure: str | None = None
    timeout: float = HOOK_TIMEOUT
    ids: bool = False

    def check(self) -> None:
        """Check that the commands are not empty, and that this system can run them.

        Raises:
            UsageError: A command is empty, or the system has no POSIX shell.
        """
        if not HAS_SHELL and (self.on_success or self.on_failure):
            raise UsageError(
                "hooks are run by /bin/sh, which this system does not have; leave out --on-success and --on-failure"
            )
        for option, command in (("--on-success", self.on_success), ("--on-failure", self.on_failure)):
            if command is not None and not command.strip():
                raise UsageError(f"the command of the hook is empty; is a variable not set? ({option})")

    def start_runner(self) -> "HookRunner | None":
        """Start the process that runs the hooks; return None if no hook is set.

        Raises:
            SegbatchError: The process cannot be started.
        """
        if not any(command and command.strip() for command in (self.on_success, self.on_failure)):
            return None
        try:
            return HookRunner(self)
        except OSError as error:
            raise SegbatchError(f"the hooks cannot be started: {error.strerror}") from None

    def command_for(self, outcome: Outcome) -> tuple[str, str] | None:
        """Return the option and the command for an outcome; None if that command is not set."""
        is_good = outcome.exit_status == 0
        option, command = ("--on-success", self.on_success) if is_good else ("--on-failure", self.on_failure)
        return (option, command) if command and command.strip() else None

    def request(self, outcome: Outcome) -> dict[str, Any] | None:
        """Return the data for the process that runs the hooks; None if no command is set for the outcome."""
        chosen = self.command_for(outcome)
        if chosen is None:
            return None
        data = outcome.to_json(ids=self.ids)
        option, command = chosen
        variables = _variables(outcome, option.removeprefix("--"))
        return {"command": command, "timeout": self.timeout, "environment": variables, "report": data}


def _variables(outcome: Outcome, hook: str) -> Mapping[str, str]:
    """Return the environment variables of the hook."""
    from segbatch.model.manifest import RunRecord  # noqa: PLC0415 - loads Pydantic; the help of a run needs no models

    run = outcome.report.run if outcome.report else None
    variables = columns_with(RunRecord, HookVariable)
    return {
        "SEGBATCH_HOOK": hook,
        "SEGBATCH_RUN_ID": outcome.run_id or "",
        "SEGBATCH_STATUS": outcome.status,
        "SEGBATCH_EXIT_STATUS": str(outcome.exit_status),
        "SEGBATCH_PUBLISHED": "yes" if outcome.is_published else "no",
        "SEGBATCH_OUTPUT": outcome.output,
        "SEGBATCH_MESSAGE": cut("; ".join(outcome.message.splitlines()), _LONGEST_MESSAGE),
        "SEGBATCH_SECONDS": f"{outcome.seconds:.1f}",
        **{variable.name: str(getattr(run, column)) if run else "" for column, variable in variables.items()},
    }


class HookRunner:
    """The separate process that runs the hooks."""

    def __init__(self, hooks: Hooks) -> None:
        """Start the process."""
        self._hooks = hooks
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-I", str(_RUNNER)],
            stdin=subprocess.PIPE,
            stdout=_STDERR,
            start_new_session=True,  # survives signals to the process group of this process
            bufsize=0,
        )

    def announce(self, outcome: Outcome) -> None:
        """Send the outcome to report if this process ends without sending another one."""
        self._write(self._hooks.request(outcome))

    def end(self, outcome: Outcome) -> HookEnded | None:
        """Send the outcome of the run, and wait for the hook.

        Returns:
            The result of the hook; None if no hook was run.
        """
        chosen, begun = self._hooks.command_for(outcome), time.monotonic()
        self._write(self._hooks.request(outcome))
        with suppress(OSError):
            self._pipe.close()
        try:
            ended: int | None = self._process.wait(self._hooks.timeout + _GRACE)
        except subprocess.TimeoutExpired:
            ended = None
        if chosen is None:
            return None
        seconds = time.monotonic() - begun
        if ended == TOO_LATE and seconds >= self._hooks.timeout:  # not the hook's own status
            ended = None
        if ended is not None and ended < 0:  # ended by a signal; shells report 128 plus its number
            ended = 128 - ended
        return HookEnded(chosen[0], ended, seconds)

    @property
    def _pipe(self) -> Any:
        return self._process.stdin

    def _write(self, request: dict[str, Any] | None) -> None:
        line = b"\n" + json.dumps(request, default=str).encode() + b"\n"  # first end a line that a signal cut short
        with suppress(OSError, ValueError):
            while line:
                line = line[self._pipe.write(line) :]
