"""Loading of definitions from a file or a folder: all valid segments, and every problem of all others."""

import errno
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from segbatch.definitions.definition import BrokenDefinition, Definition, Definitions, Entry
from segbatch.definitions.discovery import find_files, read_failure, stem
from segbatch.definitions.source import Source
from segbatch.definitions.source_text import SourceText
from segbatch.definitions.strict_json import parse
from segbatch.definitions.validation import validate
from segbatch.errors import DefinitionError, Problem, UsageError
from segbatch.model.limits import MAX_FILE_SIZE
from segbatch.model.segment import SCHEMA_KEY, Segment
from segbatch.text import clipped, nearest, printable, shown

_ADVICE = "move the file, or exclude it with 'exclude' in segbatch.toml or --exclude"
_KNOWN_KEYS = {*Segment.model_fields, SCHEMA_KEY}


def load_segments(path: str | Path, *, exclude: Iterable[str] = ()) -> list[Segment]:
    """Load segments from a JSON file (one segment, or a list of them) or a folder of such files.

    Args:
        path: The file or the folder.
        exclude: Glob patterns of files and folders below it that are not read.

    Returns:
        The segments, ordered by id.

    Raises:
        DefinitionError: One or more definitions are wrong; the error lists all the problems of all the files.
        UsageError: The path does not exist or has no definition, or a pattern is not valid.
    """
    definitions = load_definitions(Source.of(path, exclude))
    if definitions.broken:
        raise DefinitionError(definitions.problems)
    return [definition.segment for definition in definitions.good]


def load_definitions(source: str | Path | Source) -> Definitions:
    """Load all definitions, good and broken.

    Args:
        source: A JSON file, or a folder; all `*.json` files in it and its subfolders are read.

    Returns:
        The definitions, good and broken; a broken one does not hide the others.

    Raises:
        UsageError: The path does not exist or has no definition.
    """
    source = Source.of(source)
    found = [entry for file in find_files(source) for entry in _load_file(file)]
    if not found:
        raise UsageError(f"{source.path}: contains no segment; a segment is a JSON object with 'name' and 'rules'")
    return replace(_by_id(found), lists=source.lists)


def read_definitions(content: bytes, name: str, default_id: str) -> Definitions:
    """Read definitions that are not in a file.

    Args:
        content: The JSON of one segment, or of a list of them.
        name: The name for messages, in place of a file.
        default_id: The id of a single segment that has no id.

    Raises:
        UsageError: The content has no definition.
    """
    found = [entry for entry, _ in read_elements(content, name, default_id)]
    if not found:
        raise UsageError(f"{name}: contains no segment; a segment is a JSON object with 'name' and 'rules'")
    return _by_id(found)


def _load_file(file: Path) -> Iterator[Entry]:
    """Read the segment or the list of segments in a file."""
    name, default_id = printable(str(file)), printable(stem(file))
    try:
        content = read_content(file)
    except OSError as error:
        problem = Problem(read_failure(error), file=name)
        yield BrokenDefinition(default_id, name, "$", (problem,))
    else:
        yield from (found for found, _ in read_elements(content, name, default_id))


def read_elements(content: bytes, file: str, default_id: str) -> Iterator[tuple[Entry, Any]]:
    """Read the segment or the list of segments in a file, each with its JSON data (None if it is not JSON).

    Args:
        file: The file's name for messages.
        default_id: The id of a single segment that has no id.
    """
    data, problems = parse(content)
    if problems := problems or (_foreign_data(data) if isinstance(data, list) else []):
        yield BrokenDefinition(default_id, file, "$", _located(problems, file, SourceText(content))), None
        return
    source = SourceText(content)
    if isinstance(data, list):
        for index, item in enumerate(data):
            yield _load_one(item, file, f"$[{index}]", f"{default_id}[{index}]", source), item
    else:
        yield _load_one(_with_id(data, default_id), file, "$", default_id, source), data


def _located(
    problems: Iterable[Problem], file: str, source: SourceText, segment_id: str | None = None
) -> tuple[Problem, ...]:
    """Add the file and the line of each problem that has a place in the file."""
    return tuple(
        replace(problem, file=file, segment_id=segment_id, line=source.line_of(problem.path) if problem.path else None)
        for problem in problems
    )


def read_content(file: Path) -> bytes:
    """Read a file of definitions.

    Raises:
        OSError: It cannot be read, or is too large.
    """
    size = file.stat().st_size
    if size > MAX_FILE_SIZE:
        raise OSError(errno.EFBIG, f"{size:,} bytes; a file of definitions has at most {MAX_FILE_SIZE:,}")
    return file.read_bytes()


def _with_id(data: Any, stem: str) -> Any:
    """Add the file's stem as the id of a single segment that has no id."""
    return {"id": stem, **data} if isinstance(data, dict) else data


def _load_one(data: Any, file: str, path: str, default_id: str, source: SourceText) -> Entry:
    problems = _foreign_data(data, path) if isinstance(data, dict) else []
    segment, problems = (None, problems) if problems else validate(data, path)
    if segment is not None:
        return Definition(segment, file, path, source=source)
    written = data.get("id") if isinstance(data, dict) else None
    segment_id = written if isinstance(written, str) else default_id
    located = _located(problems, file, source, segment_id)
    return BrokenDefinition(segment_id, file, path, located, data, source=source)


def _by_id(found: Sequence[Entry]) -> Definitions:
    """Sort the definitions by id; those that share an id become one broken definition, because the id is ambiguous."""
    by_id: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in _with_unique_ids(found):
        by_id[entry.segment_id].append(entry)
    good: list[Definition] = []
    broken: list[BrokenDefinition] = []
    for segment_id, entries in sorted(by_id.items()):
        match entries:
            case [Definition() as definition]:
                good.append(definition)
            case _:
                broken.append(merge_duplicates(segment_id, entries))
    return Definitions(tuple(good), tuple(broken))


def _with_unique_ids(found: Sequence[Entry]) -> Iterator[Entry]:
    """Set an unreadable file's id to its path if its stem is another definition's id, so that the other stays good."""
    times = Counter(entry.segment_id for entry in found)
    for entry in found:
        if isinstance(entry, BrokenDefinition) and entry.is_unread and times[entry.segment_id] > 1:
            yield replace(entry, segment_id=entry.file)
        else:
            yield entry


def merge_duplicates(segment_id: str, entries: Sequence[Entry]) -> BrokenDefinition:
    """Combine definitions that share an id into one broken definition."""
    first, *others = entries
    problems = [problem for entry in entries if isinstance(entry, BrokenDefinition) for problem in entry.problems]
    message = f"the id '{clipped(segment_id)}' is already in {first.place}; give one of them another id"
    problems += [_duplicate(message, segment_id, entry) for entry in others]
    data = first.data if isinstance(first, BrokenDefinition) else first.segment.to_json()
    return BrokenDefinition(segment_id, first.file, first.path, tuple(problems), data, is_ambiguous=bool(others))


def _duplicate(message: str, segment_id: str, entry: Entry) -> Problem:
    path = f"{entry.path}.id"
    line = entry.source.line_of(path) if entry.source else None
    return Problem(message, entry.file, path, segment_id, line=line)


def _foreign_data(data: object, path: str = "$") -> list[Problem]:
    """Return one problem if the data was never meant as segments, such as a `package.json`, else an empty list.

    Validation would report a problem for each key. Keys that are similar to a segment's keys are typos, and left to
    validation.
    """
    match data:
        case [_, *_] if not any(isinstance(item, Mapping) and not _is_foreign(item) for item in data):
            return [Problem(f"{shown(data)} is a list without a segment in it; {_ADVICE}", path=path)]
        case Mapping() if _is_foreign(data):
            return [Problem(f"has no 'rules', so it is not a segment; {_ADVICE}", path=path)]
        case _:
            return []


def _is_foreign(data: Mapping[str, object]) -> bool:
    """Return whether an object has no rules, but has a key that no segment has."""
    meant = {key if key in _KNOWN_KEYS else nearest(key, _KNOWN_KEYS) for key in data}
    return "rules" not in meant and None in meant
