"""Line numbers of places in a file of definitions."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from segbatch.definitions.strict_json import child_path

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],]|[^\s{}\[\]:,"]+')
_LAST_STEP = re.compile(r'(\.[^.\[\]]+|\[[0-9]+\]|\["(?:[^"\\]|\\.)*"\])$')


@dataclass(slots=True)
class _Container:
    """An object or a list that the scanner is in.

    Attributes:
        key: The key or index of the next value; None in an object before its next key.
        line: The line of that key.
    """

    path: str
    key: str | int | None
    line: int = 0


@dataclass(frozen=True)
class SourceText:
    """The content of a file of definitions. Lines are counted only when a message needs one.

    Attributes:
        content: The bytes of the file, which must be JSON that `strict_json.parse` accepts.
    """

    content: bytes

    def line_of(self, path: str) -> int | None:
        """Return the line of a place, counted from 1.

        Args:
            path: The place in JSONPath form. For a key that is missing, the line of its object is returned.

        Returns:
            The line; None for the file as a whole, and in a file that has only one line.
        """
        while path != "$":
            if path in self._lines:
                return self._lines[path]
            path, cut = _LAST_STEP.subn("", path)
            if not cut:
                break
        return None

    @cached_property
    def _lines(self) -> dict[str, int]:
        text = self.content.decode("utf-8-sig")
        return dict(_find_lines(text)) if "\n" in text.strip() else {}

    def __reduce__(self) -> tuple[type["SourceText"], tuple[bytes]]:
        """Pickle without the content, since problems get their lines before a plan is sent to another process."""
        return SourceText, (b"",)


def _find_lines(text: str) -> Iterator[tuple[str, int]]:
    """Yield the path and the line of every value; of a value in an object, the line of its key."""
    inside, line, counted = list[_Container](), 1, 0
    for token in _TOKEN.finditer(text):
        line += text.count("\n", counted, token.start())
        counted = token.start()
        here = inside[-1] if inside else None
        match token[0]:
            case "}" | "]":
                inside.pop()
            case "," if here is not None:
                here.key = here.key + 1 if isinstance(here.key, int) else None
            case word if here is not None and here.key is None:
                here.key, here.line = json.loads(word), line
            case word:
                path = "$" if here is None or here.key is None else child_path(here.path, here.key)
                yield path, here.line if here is not None and isinstance(here.key, str) else line
                if word in {"{", "["}:
                    inside.append(_Container(path, None if word == "{" else 0))
