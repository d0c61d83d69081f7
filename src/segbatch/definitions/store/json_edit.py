"""In-place changes of JSON text: unchanged parts keep their text, so that git diffs are minimal."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from segbatch.definitions.definition import Entry
from segbatch.definitions.json_layout import Layout, key_rank, write
from segbatch.definitions.strict_json import parse

_BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"


def replace_definition(content: bytes, entry: Entry, definition: Mapping[str, Any]) -> bytes:
    """Replace the definition of an entry; the rest of the file keeps its text."""
    mark, text = _text(content)
    index = _index(entry)
    rewritten = (mark + change(text, index, definition)).encode()
    data, problems = parse(rewritten)
    if problems or not is_same_json(data if index is None else data[index], dict(definition)):
        raise AssertionError(rewritten)
    return rewritten


def remove_definition(content: bytes, entry: Entry) -> bytes | None:
    """Remove an entry from its file; return None if the file contains nothing else and must be removed."""
    mark, text = _text(content)
    index = _index(entry)
    return None if index is None else (mark + remove(text, index)).encode()


def _text(content: bytes) -> tuple[str, str]:
    """Return the byte order mark, if any, and the text after it."""
    text = content.decode()
    return (_BOM, text[1:]) if text.startswith(_BOM) else ("", text)


def _index(entry: Entry) -> int | None:
    """Return the index of an entry in its file's list; None if the entry is the whole file."""
    return None if entry.path == "$" else int(entry.path.removeprefix("$[").removesuffix("]"))


_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\r\n]*")
_INDENT = re.compile(r"\n([ \t]+)\S")


@dataclass(frozen=True, slots=True)
class _Part:
    """A member of an object or an item of a list, by its position in the text.

    Attributes:
        key: The member's key; empty for an item.
        start: The start of the key, or of the item.
        value: The start of the value.
        end: The end of the value.
    """

    key: str
    start: int
    value: int
    end: int


def is_same_json(one: object, other: object) -> bool:
    """Return whether two pieces of JSON data are the same; 1, 1.0 and true are three different values."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def change(text: str, index: int | None, new: Mapping[str, Any]) -> str:
    """Replace the content of a definition.

    Args:
        text: The JSON of a file: an object, or a list of them.
        index: The index of the item in the list; None if the file contains one object.

    Returns:
        The file's new text. Parts that are the same in old and new keep their text.
    """
    start, end = _place(text, index)
    return text[:start] + _Editor(text).changed(start, end, dict(new)) + text[end:]


def remove(text: str, index: int) -> str:
    """Remove an item from a file's list; everything else keeps its text."""
    parts, _ = _parts(text, _skip(text, 0))
    gone = parts[index]
    if index:
        return text[: parts[index - 1].end] + text[gone.end :]
    return text[: gone.start] + text[parts[1].start if len(parts) > 1 else gone.end :]


def _place(text: str, index: int | None) -> tuple[int, int]:
    start = _skip(text, 0)
    if index is None:
        return start, _DECODER.raw_decode(text, start)[1]
    part = _parts(text, start)[0][index]
    return part.start, part.end


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _parts(text: str, start: int) -> tuple[list[_Part], int]:
    """Return the members of an object or the items of a list, and the position of the closing bracket."""
    parts = list[_Part]()
    at = _skip(text, start + 1)
    while text[at] not in "}]":
        key, value = "", at
        if text[start] == "{":
            key, colon = _DECODER.raw_decode(text, at)
            value = _skip(text, _skip(text, colon) + 1)
        _, end = _DECODER.raw_decode(text, value)
        parts.append(_Part(key, at, value, end))
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return parts, at


def _equal_items(old: Sequence[object], new: Sequence[object]) -> int:
    """Return the number of equal items at the beginning."""
    number = 0
    for one, other in zip(old, new, strict=False):
        if not is_same_json(one, other):
            break
        number += 1
    return number


class _Editor:
    """Writes new values into a text, in the style of the text."""

    def __init__(self, text: str) -> None:
        self._text = text
        indent = _INDENT.search(text)
        self._layout = Layout(indent[1] if indent else "  ", "\r\n" if "\r\n" in text else "\n")

    def changed(self, start: int, end: int, new: object) -> str:
        """Return the text of a value after its change to `new`."""
        text = self._text[start:end]
        old = json.loads(text)
        if is_same_json(old, new):
            return text
        parts, close = _parts(self._text, start) if isinstance(old, dict | list) else ([], start)
        if parts and isinstance(old, dict) and isinstance(new, dict):
            return self._object(start, parts, close, new)
        if parts and isinstance(old, list) and isinstance(new, list):
            return self._list(start, parts, close, (old, new))
        return self._written(start, new)

    def _object(self, start: int, parts: list[_Part], close: int, new: dict[str, Any]) -> str:
        kept = [(part, self.changed(part.value, part.end, new[part.key])) for part in parts if part.key in new]
        if len(kept) == len(parts) == len(new):
            return self._in_place(start, close, [(part.value, part.end, value) for part, value in kept])
        members = [(part.key, self._text[part.start : part.value] + value) for part, value in kept]
        for key in sorted(new.keys() - {part.key for part in parts}, key=key_rank):
            before = [place for place, (other, _) in enumerate(members) if key_rank(other) < key_rank(key)]
            written = f"{json.dumps(key, ensure_ascii=False)}: {self._written(parts[0].start, new[key])}"
            members.insert(before[-1] + 1 if before else 0, (key, written))
        return self._joined(start, parts, close, [text for _, text in members])

    def _list(self, start: int, parts: list[_Part], close: int, data: tuple[list[Any], list[Any]]) -> str:
        old, new = data
        if len(old) == len(new):
            pairs = zip(parts, new, strict=True)
            return self._in_place(
                start, close, [(part.start, part.end, self.changed(part.start, part.end, item)) for part, item in pairs]
            )
        head = _equal_items(old, new)
        tail = _equal_items(old[head:][::-1], new[head:][::-1])
        texts = [self._text[part.start : part.end] for part in parts]
        fresh = [self._written(parts[0].start, item) for item in new[head : len(new) - tail]]
        return self._joined(start, parts, close, texts[:head] + fresh + texts[len(texts) - tail :])

    def _in_place(self, start: int, close: int, edits: list[tuple[int, int, str]]) -> str:
        pieces, at = list[str](), start
        for begin, end, text in edits:
            pieces += [self._text[at:begin], text]
            at = end
        return "".join(pieces) + self._text[at : close + 1]

    def _joined(self, start: int, parts: list[_Part], close: int, texts: list[str]) -> str:
        """Join members or items with the white space that surrounds the first of them."""
        lead, trail = self._text[start + 1 : parts[0].start], self._text[parts[-1].end : close]
        between = f",{lead}" if "\n" in lead else ", "
        if len(parts) > 1:
            between = self._text[parts[0].end : parts[1].start]
        if not texts:
            return f"{self._text[start]}{self._text[close]}"
        return self._text[start] + lead + between.join(texts) + trail + self._text[close]

    def _written(self, at: int, value: object) -> str:
        line = self._text[self._text.rfind("\n", 0, at) + 1 : at]
        return write(value, self._layout, line[: len(line) - len(line.lstrip(" \t"))])
