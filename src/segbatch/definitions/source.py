"""The location of the definitions, without the files and folders that are excluded or never contain definitions."""

import os
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from segbatch.errors import UsageError
from segbatch.text import shown

_NEVER = {"node_modules"}
_OF_OUTPUT = {"current", "lock", "segbatch.duckdb"}
_OF_RUN = {"manifest.json", "history.json", "state.arrow", "state/00000.arrow", "membership"}
_ENOUGH = 2
"""Number of files that identify the folder of a run, even if a copy lacks the others."""

_RUNS = "runs"
_PART = re.compile(r"(?P<stars>\*\*/?)|(?P<star>\*)|(?P<one>\?)|(?P<list>\[!?\]?[^\]/]*\])|(?P<plain>[^*?\[])")
_LIKE = "write a path below --segments such as 'drafts/**', or a name such as '*.schema.json'"


@dataclass(frozen=True, slots=True)
class Source:
    """The location of the definitions.

    Attributes:
        path: A JSON file, or a folder.
        exclude: Glob patterns of the files and folders in it that are not read, validated by `read_patterns`.
    """

    path: Path
    exclude: tuple[str, ...] = ()

    @classmethod
    def of(cls, source: "str | Path | Source", exclude: Iterable[str] = ()) -> "Source":
        """Create a source from a path; a source is returned unchanged.

        Raises:
            UsageError: A pattern is not valid.
        """
        if isinstance(source, Source):
            return source
        return cls(Path(source), read_patterns(exclude))

    @property
    def lists(self) -> Path:
        """The default folder of the lists that rules name: `lists`, next to the file or folder."""
        return self.path.parent / "lists" if self.path.name else self.path / ".." / "lists"

    def excludes(self, relative: str) -> bool:
        """Return whether a file or folder is excluded; `relative` is its path from this folder, with slashes."""
        return any(re.fullmatch(_to_regex(pattern), relative, re.DOTALL) for pattern in self.exclude)


def read_patterns(patterns: Iterable[str]) -> tuple[str, ...]:
    """Validate glob patterns.

    Raises:
        UsageError: A pattern is empty, leads out of the folder, or is not a glob.
    """
    checked = tuple(patterns)
    for pattern in checked:
        reason = _reason_against(pattern)
        if reason:
            raise UsageError(f"invalid pattern {shown(pattern)}: {reason} (--exclude)")
    return checked


def _reason_against(pattern: str) -> str | None:
    if not pattern.strip("/ "):
        return f"it is empty; {_LIKE}"
    if "\0" in pattern or "\\" in pattern:
        return f"it has a backslash or a NUL; {_LIKE}"
    if pattern.startswith("!"):
        return "a pattern cannot include files again; exclude fewer files instead"
    if pattern.startswith(("/", "~")) or re.match(r"[A-Za-z]:", pattern) or ".." in pattern.split("/"):
        return f"it leads out of the folder; {_LIKE}"
    if any("**" in part and part != "**" for part in pattern.split("/")):
        return "'**' matches whole folders, between slashes; write 'a/**' or '*'"
    try:
        re.compile(_to_regex(pattern))
    except (re.error, IndexError):
        return "its '[' is not closed, or not a list of characters; write '[[]' for the character itself"
    return None


def _to_regex(pattern: str) -> str:
    """Translate a glob to a regular expression. A glob without a slash matches a name in any folder.

    A trailing `/**` is dropped, because a folder that matches is excluded with all its content.
    """
    plain = pattern.removeprefix("./").rstrip("/").removesuffix("/**") or "**"
    plain = plain if "/" in plain or plain == "**" else f"**/{plain}"
    written, position = "", 0
    while position < len(plain):
        found = _PART.match(plain, position)
        if found is None:
            raise IndexError(position)
        written += _part(found)
        position = found.end()
    return written


def _part(found: "re.Match[str]") -> str:
    match found.lastgroup, found.group():
        case "stars", "**/":
            return "(?:[^/]+/)*"
        case "stars", _:
            return ".*"
        case "star", _:
            return "[^/]*"
        case "one", _:
            return "[^/]"
        case "list", text:
            negated, inner = text[1] == "!", text[1:-1].removeprefix("!")
            escaped = inner.replace("[", r"\[").replace("]", r"\]").replace("^", r"\^")
            return f"[{'^/' if negated else ''}{escaped}]"
        case _:
            return re.escape(found.group())


def is_never_read(name: str, siblings: Collection[str], folder: str) -> bool:
    """Return whether a folder never contains definitions: it is hidden, a package manager's, or has published runs.

    Args:
        name: The name of the folder.
        siblings: The names of all entries of its parent folder.
        folder: The path of the folder.
    """
    if name.startswith(".") or name in _NEVER:
        return True
    if name == _RUNS and not _OF_OUTPUT.isdisjoint(siblings):
        return True
    return sum(os.path.lexists(os.path.join(folder, marker)) for marker in _OF_RUN) >= _ENOUGH  # noqa: PTH118 - fast
