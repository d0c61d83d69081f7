"""Conversion of dotted paths to pointers for DuckDB's JSON functions."""

from segbatch.snapshot.fields.keys import splits


def ways_to_split(path: str | None) -> tuple[tuple[str, ...], ...]:
    """Return every way to split a path into keys, the longest keys first. None means the whole text."""
    return ((),) if path is None else tuple(splits(path))


def pointer_of(keys: tuple[str, ...]) -> str:
    """Return a JSON pointer (RFC 6901), or a JSON path if a key of digits would find a list element."""
    if any(key.isdecimal() for key in keys) and not {"", "*"} & {*keys}:
        return "$" + "".join('."' + key.replace("\\", "\\\\").replace('"', '\\"') + '"' for key in keys)
    return "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in keys)


def quoted(text: str) -> str:
    """Return a text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"
