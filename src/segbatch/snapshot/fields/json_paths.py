"""From a dotted path to the ways in which DuckDB's JSON functions find it in a text."""

from segbatch.snapshot.fields.keys import splits

__all__ = ["pointer_of", "quoted", "ways_to_split"]


def ways_to_split(path: str | None) -> tuple[tuple[str, ...], ...]:
    """Return every way to split a path into keys, the longest keys first; None is the text as a whole."""
    return ((),) if path is None else tuple(splits(path))


def pointer_of(keys: tuple[str, ...]) -> str:
    """Return a JSON pointer (RFC 6901), or a JSON path where a key of digits would find the element of a list."""
    if any(key.isdecimal() for key in keys) and not {"", "*"} & {*keys}:
        return "$" + "".join('."' + key.replace("\\", "\\\\").replace('"', '\\"') + '"' for key in keys)
    return "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in keys)


def quoted(text: str) -> str:
    """Write a text for SQL."""
    return "'" + text.replace("'", "''") + "'"
