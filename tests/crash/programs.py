"""The real program in processes of its own, with something prepared in it first."""

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
"""Lets a run wait for a line on its standard input when it has evaluated everything."""


def start(
    *arguments: object, prepare: str = "", limit: Callable[[], None] | None = None, **options: object
) -> subprocess.Popen[str]:
    code = f"import sys\nsys.argv[0] = 'segbatch'\n{prepare}\nfrom segbatch.__main__ import main\nmain()"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, text=True, preexec_fn=limit, **pipes, **options)  # type: ignore[call-overload, no-any-return]  # noqa: PLW1509 - sets a limit alone


def run(*arguments: object, limit: Callable[[], None] | None = None) -> tuple[int, str, str]:
    """Run the program and return its exit status, what it printed, and its errors."""
    program = start(*arguments, limit=limit)
    out, err = program.communicate(timeout=120)
    return program.returncode, out, err


def tree(folder: Path) -> dict[str, bytes | None]:
    """Return all files of a folder with their content, but not who held the lock last."""
    return {
        str(path.relative_to(folder)): None if path.is_dir() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.name != "lock"
    }
