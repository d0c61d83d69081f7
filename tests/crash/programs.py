"""The real program in other processes, with code that is executed first."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

HOLD_UP = """
import segbatch.pipeline.evaluation
records = segbatch.pipeline.evaluation.segment_records
def hold_up(outcome):
    print("at work", flush=True)
    sys.stdin.readline()
    return records(outcome)
segbatch.pipeline.evaluation.segment_records = hold_up
"""
"""Makes a run wait for a line on standard input after it has evaluated all segments."""


def start(
    *arguments: object, prepare: str = "", limit: Callable[[], None] | None = None, **options: object
) -> subprocess.Popen[str]:
    code = f"import sys\nsys.argv[0] = 'segbatch'\n{prepare}\nfrom segbatch.__main__ import main\nmain()"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, text=True, preexec_fn=limit, **pipes, **options)  # type: ignore[call-overload, no-any-return]  # noqa: PLW1509 - only sets a limit


def run(*arguments: object, limit: Callable[[], None] | None = None) -> tuple[int, str, str]:
    """Run the program, and return its exit status, stdout and stderr."""
    program = start(*arguments, limit=limit)
    out, err = program.communicate(timeout=120)
    return program.returncode, out, err


def tree(folder: Path) -> dict[str, bytes | None]:
    """Return all files of a folder with their contents, but without the owner of the lock."""
    return {
        str(path.relative_to(folder)): None if path.is_dir() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.name != "lock"
    }
