"""Output of the command that serves the API."""

from typing import TYPE_CHECKING

from segbatch.interfaces.cli.render.base import answering, err, out, plain, print_problems
from segbatch.text import counted

if TYPE_CHECKING:
    from segbatch.interfaces.api.server import Listening


def print_listening(listening: "Listening") -> None:
    """Print the address of the server to stdout. Problems of definitions go to stderr."""
    print_problems(listening.problems)
    if listening.is_open:
        err().print("[yellow]no keys: any local user has full access[/yellow]")
    with answering():
        out().print(plain(f"{counted(listening.segments, 'segment')} at {listening.url}/api/v1/contacts/segments"))
