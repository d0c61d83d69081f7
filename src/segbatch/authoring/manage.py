"""Listing saved segments with their result in the last run, and creating and changing them."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segbatch.definitions.definition import Definition, Entry
from segbatch.definitions.discovery import read_failure
from segbatch.definitions.loader import read_content
from segbatch.definitions.rule_syntax import read_rules
from segbatch.definitions.segment_filter import ALL_SEGMENTS, SegmentFilter
from segbatch.definitions.selection import read_stdin
from segbatch.definitions.source import Source
from segbatch.definitions.store.segment_store import SegmentStore
from segbatch.definitions.strict_json import parse
from segbatch.errors import BrokenSegmentError, DefinitionError, Problem, PublishError, UsageError
from segbatch.model.share import read_share
from segbatch.platform.files import Warn, warn_caller
from segbatch.storage.layout import RUNS
from segbatch.storage.manifest_io import published_folder, read_manifest
from segbatch.text import did_you_mean, one_of, printable, shown

if TYPE_CHECKING:
    from segbatch.model.manifest import Manifest, SegmentRecord

_CLEARABLE = (
    "project_id",
    "description",
    "match",
    "list_id",
    "max_change",
    "enabled",
    "owner",
    "tags",
    "expires_at",
    "examples",
    "$schema",
)


@dataclass(frozen=True, slots=True)
class ListedSegment:
    """A saved segment and its result in the last run.

    Attributes:
        entry: The segment, valid or broken.
        last: The segment's record in the last run; None if it was not in that run, or no run is published.
    """

    entry: Entry
    last: "SegmentRecord | None"


@dataclass(frozen=True, slots=True)
class Listing:
    """Saved segments.

    Attributes:
        segments: The segments, ordered by id.
        run_id: The last run; None if no run is published.
        warnings: A warning if the last run cannot be read.
    """

    segments: tuple[ListedSegment, ...]
    run_id: str | None
    warnings: tuple[Problem, ...] = ()

    @property
    def problems(self) -> list[Problem]:
        """Return the problems of the broken segments."""
        return [problem for listed in self.segments for problem in listed.entry.problems]


def list_segments(
    segments: Path | Source, output: Path, project: str | None = None, only: SegmentFilter = ALL_SEGMENTS
) -> Listing:
    """List saved segments. If the last run cannot be read, add a warning.

    Args:
        segments: The location of the definitions.
        output: The folder that runs publish in; it may be missing.
        project: List the segments of this project and those without a project; None lists all.

    Raises:
        UsageError: A part of the filter is unknown, or no segment meets it.
    """
    entries = only.select(SegmentStore(segments).list(project))
    manifest, warnings = None, list[Problem]()
    try:
        manifest = _last_manifest(output)
    except PublishError as error:
        warnings.append(Problem(str(error), severity="warning"))
    last = {record.segment_id: record for record in manifest.segments} if manifest else {}
    listed = tuple(ListedSegment(entry, last.get(entry.segment_id)) for entry in entries)
    return Listing(listed, manifest.run.run_id if manifest else None, tuple(warnings))


def _last_manifest(output: Path) -> "Manifest | None":
    folder = published_folder(output)
    return None if folder is None else read_manifest(output / RUNS / folder)


def read_options(given: Mapping[str, Any], clear: Iterable[str] = ()) -> dict[str, Any]:
    """Convert command line options to keys of a definition.

    Args:
        given: The values of keys; None or an empty list for an option that was not given. Rules are in the syntax of
            `rule_syntax`, and the share of `max_change` is a text.

    Raises:
        UsageError: A key or the share is not valid, or a key is both set and removed.
        DefinitionError: The rules are not valid.
    """
    changes = {key: value for key, value in given.items() if value is not None and value != []}
    if "rules" in changes:
        changes["rules"] = read_rules(changes["rules"]).segment.to_json()["rules"]
    if "max_change" in changes:
        changes["max_change"] = read_share(changes["max_change"])
    for key in clear:
        if key not in _CLEARABLE:
            near = did_you_mean(key, _CLEARABLE) or f"; use {one_of(_CLEARABLE)}"
            raise UsageError(f"{shown(key)} is not a key that can be removed{near} (--clear)")
        if changes.setdefault(key, None) is not None:
            raise UsageError(f"{shown(key)} is both set and removed; choose one (--clear)")
    return changes


def create_segment(
    segments: Path | Source, definition: str | None, options: Mapping[str, Any], *, warn: Warn = warn_caller
) -> Definition:
    """Save a new segment.

    Args:
        segments: The folder of the definitions.
        definition: A JSON file with the definition, or `-` for standard input; None if there is only `options`.
        options: Keys that override those of the definition.
        warn: Called with each warning.

    Raises:
        UsageError: Neither a definition nor an option is given.
        DefinitionError: The definition is not valid.
        StoreError: The segment cannot be saved.
    """
    sent = {**_read(definition), **options}
    if not sent:
        raise UsageError("pass the definition: a JSON file, - for standard input, or --name and --rule")
    with _with_file_name(definition):
        return SegmentStore(segments, warn=warn).create(sent)


def update_segment(
    segments: Path | Source,
    segment_id: str,
    definition: str | None,
    options: Mapping[str, Any],
    *,
    if_match: str | None = None,
    project: str | None = None,
    warn: Warn = warn_caller,
) -> Definition:
    """Change the given keys of a saved segment and keep all others.

    Args:
        segments: The folder of the definitions, or the file with the segment.
        definition: A JSON file with keys of a definition, or `-` for standard input; None if there is only `options`.
        options: Keys that override those of the file.
        if_match: The ETag that the segment must have.
        project: Find only the segments of this project and those without a project.
        warn: Called with each warning.

    Raises:
        UsageError: Neither a file nor an option is given.
        DefinitionError: The changed definition would not be valid.
        StoreError: The segment cannot be saved.
    """
    changes = {**_read(definition), **options}
    if not changes:
        raise UsageError("pass the changes: a JSON file, - for standard input, or options such as --name and --rule")
    with _with_file_name(definition):
        return SegmentStore(segments, warn=warn).update(segment_id, changes, if_match, project=project)


def _read(definition: str | None) -> dict[str, Any]:
    if definition is None:
        return {}
    name = _name(definition)
    try:
        content = read_stdin() if definition == "-" else read_content(Path(definition))
    except OSError as error:
        raise UsageError(f"{name}: {read_failure(error)}") from None
    data, problems = parse(content)
    if not problems and not isinstance(data, dict):
        problems = [Problem(f"save one segment at a time, as a JSON object; found {shown(data)}", path="$")]
    if problems:
        raise DefinitionError(replace(problem, file=name) for problem in problems)
    return dict(data)


@contextmanager
def _with_file_name(definition: str | None) -> Iterator[None]:
    """Add the name of the given file to the problems of a definition error."""
    try:
        yield
    except BrokenSegmentError:
        raise
    except DefinitionError as error:
        if definition is None:
            raise
        raise DefinitionError(replace(problem, file=_name(definition)) for problem in error.problems) from None


def _name(definition: str) -> str:
    return "stdin" if definition == "-" else printable(definition)
