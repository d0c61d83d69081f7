"""Sending a delivery to a command of the user, which gets the rows on its standard input."""

import os
import subprocess
from dataclasses import dataclass

from segbatch.deliveries.sender import Message, SendError
from segbatch.observability.hook_runner import NOT_FOR_HOOKS, end_command
from segbatch.platform.shutdown import shutdown

_STDERR = 2
_NOT_FOR_COMMANDS = (*NOT_FOR_HOOKS, "SEGBATCH_DELIVER")
"""Variables that the command does not get. A command that runs segbatch would otherwise trigger itself endlessly."""


@dataclass(frozen=True, slots=True)
class CommandSender:
    """Runs a command with `/bin/sh` for each delivery.

    Attributes:
        timeout: The time limit, in seconds.
    """

    command: str
    timeout: float

    def send(self, message: Message) -> None:
        """Run the command, and wait for it. Exit status 0 confirms the delivery."""
        inherited = {name: value for name, value in os.environ.items() if name not in _NOT_FOR_COMMANDS}
        with message.path.open("rb") as rows:
            process = subprocess.Popen(  # noqa: S603 - the command is set by the user
                ["/bin/sh", "-c", self.command],
                stdin=rows,
                stdout=_STDERR,
                env=inherited | variables_of(message),
                process_group=0,
            )
        with shutdown.cleanup(lambda: _end_if_running(process)):
            try:
                ended = process.wait(self.timeout)
            except subprocess.TimeoutExpired:
                end_command(process)
                raise SendError(f"the command took longer than {self.timeout:g} s and was ended") from None
        if ended:
            raise SendError(f"the command ended with {ended if ended > 0 else 128 - ended}")


def _end_if_running(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        end_command(process)


def variables_of(message: Message) -> dict[str, str]:
    """Return the environment variables of a delivery."""
    return {
        "SEGBATCH_DESTINATION": message.destination,
        "SEGBATCH_SEGMENT_ID": message.segment_id,
        "SEGBATCH_RUN_ID": message.run_id,
        "SEGBATCH_DELIVERY": message.kind,
        "SEGBATCH_IDEMPOTENCY_KEY": message.key,
        "SEGBATCH_ENTERED": str(message.entered),
        "SEGBATCH_EXITED": str(message.exited),
        "SEGBATCH_DELIVERY_FILE": str(message.path),
    }
