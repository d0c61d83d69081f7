"""Repeat each locked package that has extras for each way in which another package may require it.

    python requirements/repeat_extras.py requirements/*.txt

pip before 23.3 takes `moto`, `moto[s3]` and `moto[s3,server]` for three requirements. If a package of the tree requires
one of them and the lock file pins another, pip looks for its newest release, and refuses it as not pinned.
"""

import re
import sys
from itertools import combinations
from pathlib import Path

PINNED = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?:\[(?P<extras>[^]]*)\])?==.*?(?=^\S|\Z)", re.MULTILINE | re.DOTALL)
"""A package with its version, its hashes and the comment that follows."""


def repeat_extras(lock: str) -> str:
    """Repeat the packages of a lock file that have extras with every choice of these extras.

    Args:
        lock: The text of the file, also one that this function returned.

    Returns:
        Its new text.
    """
    full: dict[str, list[str]] = {}
    for found in PINNED.finditer(lock):
        extras = [extra.strip() for extra in (found["extras"] or "").split(",") if extra.strip()]
        full[found["name"]] = sorted({*full.get(found["name"], []), *extras})

    done: set[str] = set()

    def repeat(found: re.Match[str]) -> str:
        name = found["name"]
        if not full[name]:
            return found[0]
        if name in done:
            return ""
        done.add(name)
        pinned = found[0][found[0].index("==") :]
        choices = [choice for size in range(len(full[name]) + 1) for choice in combinations(full[name], size)]
        return "".join(f"{name}[{','.join(choice)}]{pinned}" if choice else f"{name}{pinned}" for choice in choices)

    return PINNED.sub(repeat, lock)


if __name__ == "__main__":
    for file in map(Path, sys.argv[1:]):
        file.write_text(repeat_extras(file.read_text()))
