"""The bytes of a file of definitions once one of them is changed or gone."""

from collections.abc import Mapping
from typing import Any

from segbatch.definitions.store import editing
from segbatch.definitions.store.entries import Entry
from segbatch.definitions.strict_json import parse

__all__ = ["with_definition", "without"]

_BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"


def with_definition(content: bytes, entry: Entry, definition: Mapping[str, Any]) -> bytes:
    """Put another definition in the place of an entry; all else in the file keeps its text."""
    mark, text = _text(content)
    index = _index(entry)
    rewritten = (mark + editing.change(text, index, definition)).encode()
    data, problems = parse(rewritten)
    if problems or not editing.same(data if index is None else data[index], dict(definition)):
        raise AssertionError(rewritten)
    return rewritten


def without(content: bytes, entry: Entry) -> bytes | None:
    """Take an entry out of its file; None where nothing else is in the file and it is to go."""
    mark, text = _text(content)
    index = _index(entry)
    return None if index is None else (mark + editing.remove(text, index)).encode()


def _text(content: bytes) -> tuple[str, str]:
    """Return the byte order mark, if there is one, and the text behind it."""
    text = content.decode()
    return (_BOM, text[1:]) if text.startswith(_BOM) else ("", text)


def _index(entry: Entry) -> int | None:
    """Tell which item of its file's list an entry is; None where it is all of the file."""
    return None if entry.path == "$" else int(entry.path.removeprefix("$[").removesuffix("]"))
