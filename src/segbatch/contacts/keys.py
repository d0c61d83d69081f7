"""How a dotted path is split into keys."""

from collections.abc import Container

__all__ = ["longest_key"]


def longest_key(path: str, keys: Container[str]) -> tuple[str | None, str]:
    """Split a dotted path into the longest leading part that is a key, and what follows it."""
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        head = ".".join(parts[:length])
        if head in keys:
            return head, ".".join(parts[length:])
    return None, path
