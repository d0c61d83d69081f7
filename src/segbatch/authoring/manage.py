"""Saved segments, listed with what the last run made of them, made, changed and removed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segbatch.definitions.discovery import reason
from segbatch.definitions.exclusions import Source
from segbatch.definitions.loader import read_content
from segbatch.definitions.rule_syntax import read_rules
from segbatch.definitions.selection import read_stdin
from segbatch.definitions.store import Entry, SegmentStore, Stored
from segbatch.definitions.strict_json import parse
from segbatch.errors import BrokenSegmentError, DefinitionError, Problem, PublishError, UsageError
from segbatch.model.operators import MatchName
from segbatch.model.share import read_share
from segbatch.platform.files import Warn, warn_caller
from segbatch.storage.layout import RUNS
from segbatch.storage.manifest_io import published_folder, read_manifest
from segbatch.text import did_you_mean, printable, shown

if TYPE_CHECKING:
    from segbatch.model.manifest import Manifest, SegmentRecord

__all__ = ["Listed", "Listing", "create_segment", "list_segments", "read_options", "update_segment"]

_CLEARABLE = ("project_id", "description", "match", "list_id", "max_change", "$schema")


@dataclass(frozen=True, slots=True)
class Listed:
    """A saved segment, and what became of it.

    Attributes:
        entry: The segment, broken or not.
        last: What the last run made of it; None where it was not in that run, or there was none.
    """

    entry: Entry
    last: "SegmentRecord | None"


@dataclass(frozen=True, slots=True)
class Listing:
    """Saved segments.

    Attributes:
        segments: The segments, ordered by id.
        run_id: The last run; None where there is none.
        warnings: Why the last run cannot be read, if so.
    """

    segments: tuple[Listed, ...]
    run_id: str | None
    warnings: tuple[Problem, ...] = ()

    @property
    def problems(self) -> list[Problem]:
        """What is wrong with those that are broken."""
        return [problem for listed in self.segments for problem in listed.entry.problems]


def list_segments(segments: Path | Source, output: Path, project: str | None = None) -> Listing:
    """List saved segments; a last run that cannot be read is a warning.

    Args:
        segments: Where they are.
        output: Where runs publish; it need not be there.
        project: The project whose segments (and those of none) are listed; None lists all.
    """
    entries = SegmentStore(segments).list(project)
    manifest, warnings = None, list[Problem]()
    try:
        manifest = _last_manifest(output)
    except PublishError as error:
        warnings.append(Problem(str(error), severity="warning"))
    last = {record.segment_id: record for record in manifest.segments} if manifest else {}
    listed = tuple(Listed(entry, last.get(entry.segment_id)) for entry in entries)
    return Listing(listed, manifest.run.run_id if manifest else None, tuple(warnings))


def _last_manifest(output: Path) -> "Manifest | None":
    folder = published_folder(output)
    return None if folder is None else read_manifest(output / RUNS / folder)


def read_options(
    texts: Mapping[str, str | None],
    rules: Sequence[str] = (),
    match: MatchName | None = None,
    max_change: str | None = None,
    clear: Iterable[str] = (),
) -> dict[str, Any]:
    """Read what options say of a segment.

    Args:
        texts: Keys of a definition that are texts; None where an option was not given.
        rules: Its rules, as `rule_text` reads them.
        match: How they are joined.
        max_change: A share such as `0.3` or `30%`.
        clear: Keys to take away.

    Raises:
        UsageError: There is no such key, or no such share.
        DefinitionError: Rules are wrong.
    """
    changes: dict[str, Any] = {key: text for key, text in texts.items() if text is not None}
    if rules:
        changes["rules"] = read_rules(rules).segment.to_json()["rules"]
    if match is not None:
        changes["match"] = match
    if max_change is not None:
        changes["max_change"] = read_share(max_change)
    for key in clear:
        if key not in _CLEARABLE:
            near = did_you_mean(key, _CLEARABLE) or f"; there are {', '.join(_CLEARABLE)}"
            raise UsageError(f"{shown(key)} is no key that can be taken away{near} (--clear)")
        if changes.setdefault(key, None) is not None:
            raise UsageError(f"{shown(key)} is given and taken away; leave one out (--clear)")
    return changes


def create_segment(
    segments: Path | Source, choice: str | None, options: Mapping[str, Any], *, warn: Warn = warn_caller
) -> Stored:
    """Save a new segment.

    Args:
        segments: The folder.
        choice: A JSON file with its definition, or `-` for standard input, if any.
        options: Keys that stand above those of the definition.
        warn: Takes warnings.

    Raises:
        UsageError: Nothing is said of it.
        DefinitionError: It is no right definition.
        StoreError: It cannot be saved.
    """
    sent = {**_read(choice), **options}
    if not sent:
        raise UsageError("say what the segment is: a JSON file, - for standard input, or --name and --rule")
    with _naming(choice):
        return SegmentStore(segments, warn=warn).create(sent)


def update_segment(
    segments: Path | Source,
    segment_id: str,
    choice: str | None,
    options: Mapping[str, Any],
    *,
    if_match: str | None = None,
    project: str | None = None,
    warn: Warn = warn_caller,
) -> Stored:
    """Change what is said of a saved segment, and nothing else.

    Args:
        segments: The folder, or the file that has it.
        segment_id: Which segment.
        choice: A JSON file with keys of a definition, or `-` for standard input, if any.
        options: Keys that stand above those.
        if_match: The ETag that the segment has to have.
        project: The project whose segments (and those of none) alone are there.
        warn: Takes warnings.

    Raises:
        UsageError: Nothing is said.
        DefinitionError: It would be no right definition any more.
        StoreError: It cannot be saved.
    """
    changes = {**_read(choice), **options}
    if not changes:
        raise UsageError("say what to change: a JSON file, - for standard input, or options such as --name and --rule")
    with _naming(choice):
        return SegmentStore(segments, warn=warn).update(segment_id, changes, if_match, project=project)


def _read(choice: str | None) -> dict[str, Any]:
    if choice is None:
        return {}
    name = _name(choice)
    try:
        content = read_stdin() if choice == "-" else read_content(Path(choice))
    except OSError as error:
        raise UsageError(f"{name}: {reason(error)}") from None
    data, problems = parse(content)
    if not problems and not isinstance(data, dict):
        problems = [Problem(f"one segment is saved at a time, a JSON object; found {shown(data)}", path="$")]
    if problems:
        raise DefinitionError(replace(problem, file=name) for problem in problems)
    return dict(data)


@contextmanager
def _naming(choice: str | None) -> Iterator[None]:
    """Name the file in which stands what is wrong."""
    try:
        yield
    except BrokenSegmentError:
        raise
    except DefinitionError as error:
        if choice is None:
            raise
        raise DefinitionError(replace(problem, file=_name(choice)) for problem in error.problems) from None


def _name(choice: str) -> str:
    return "stdin" if choice == "-" else printable(choice)
