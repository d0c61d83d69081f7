"""A program that synchronises and kills itself at a chosen point, as a power cut would.

`python killed_sync.py DATABASE OUTPUT POINT`: the point is `row:N` (after so many rows), `commit` (just before it),
`committed` (just after it), or `never`.
"""

import os
import signal
import sys
from unittest.mock import patch

import segbatch
from segbatch.exports.database.session import Session


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(database: str, output: str, point: str) -> None:
    name, _, number = point.partition(":")
    commit = Session.commit

    def killed_commit(session: Session) -> None:
        if name == "commit":
            kill()
        commit(session)
        if name == "committed":
            kill()

    def progress(done: int, _total: int) -> None:
        if name == "row" and done >= int(number):
            kill()

    with patch.object(Session, "commit", killed_commit):
        segbatch.sync(database, output, progress=progress)


if __name__ == "__main__":
    main(*sys.argv[1:])
