"""Selection of definitions: a file, standard input, a saved segment, or rules from the command line."""

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from segbatch.definitions.definition import Definition, Definitions
from segbatch.definitions.loader import load_definitions, read_definitions
from segbatch.definitions.rule_syntax import read_rules
from segbatch.definitions.source import Source
from segbatch.definitions.suggestions import read_match
from segbatch.errors import UsageError
from segbatch.model.operators import MatchName
from segbatch.model.segment import Segment
from segbatch.text import did_you_mean, shown, some_of


def read_stdin() -> bytes:
    """Read standard input to its end.

    Raises:
        UsageError: Standard input is closed.
    """
    if sys.stdin is None:  # Python sets it to None if it is closed
        raise UsageError("stdin is closed; send a definition to it, or pass a file")
    return sys.stdin.buffer.read()


_CHOICES = "a JSON file, a folder, '-', or the id of a segment"


@dataclass(frozen=True, slots=True)
class Selection:
    """The selected definitions.

    Attributes:
        ids: The ids of the selected definitions.
        definitions: The selected definitions, those that they reference with `in_segment`, and broken definitions.
    """

    ids: tuple[str, ...]
    definitions: Definitions

    def only(self, selected: str | Path | Segment | None) -> str:
        """Return the id of the only selected definition.

        Args:
            selected: What the user selected, for the message.

        Raises:
            UsageError: Several are selected.
        """
        match self.ids:
            case [segment_id]:
                return segment_id
            case ids if selected == "-":
                raise UsageError(f"stdin: contains {len(ids)} segments; send only one")
            case ids:
                raise UsageError(
                    f"{selected}: contains {len(ids)} segments; add --segments {selected} and name one by its id"
                )


def select_definitions(
    definition: str | Path | Segment | None,
    segments: str | Path | Source,
    *,
    rules: Sequence[str] = (),
    match: MatchName | None = None,
    project: str | None = None,
) -> Selection:
    """Select definitions.

    Args:
        definition: A JSON file or a folder of them, `-` for standard input, the id of a segment of `segments`, or a
            segment.
        segments: The location of the saved segments. They are read only if `definition` is the id of a saved
            segment, or if a selected segment references one that is not selected.
        rules: Rules in place of `definition`, in the syntax of `rule_syntax`.
        match: How the rules are combined; `all` by default.
        project: The project that segments are restricted to, if any.

    Raises:
        UsageError: Neither or both of `definition` and `rules` are given, or the file or segment does not exist.
        DefinitionError: Rules are wrong.
    """
    if (definition is None) is not bool(rules):
        both = ", not both" if rules else ""
        raise UsageError(f"pass one definition ({_CHOICES}), or rules with --rule{both}")
    if definition is not None and match is not None:
        raise UsageError("--match combines the rules of --rule; a definition has its own 'match'")
    source = Source.of(segments)
    if definition is None:
        found = Definitions((read_rules(rules, read_match(match or "all")),), ())
    else:
        found = _find(definition, source)
    found = _of_project(found, project)
    definitions = replace(_with_references(found, source), lists=source.lists)
    return Selection(tuple(sorted(found.ids)), definitions)


def _find(definition: str | Path | Segment, segments: Source) -> Definitions:
    match definition:
        case Segment():
            return Definitions((Definition(definition),), ())
        case "-":
            return read_definitions(read_stdin(), "stdin", "stdin")
        case str() if not _is_path(definition):
            return _saved(definition, segments)
        case _:
            return load_definitions(Source(Path(definition), segments.exclude))


def _is_path(name: str) -> bool:
    """Return whether a name is a path and not an id: a path exists, or contains characters that no id has."""
    is_there = os.path.exists(name)  # noqa: PTH110 - Path.exists raises if a name is too long
    return is_there or name.lower().endswith(".json") or os.sep in name or "/" in name


def _saved(segment_id: str, segments: Source) -> Definitions:
    saved = load_definitions(segments)
    good = tuple(entry for entry in saved.good if entry.segment_id == segment_id)
    broken = tuple(entry for entry in saved.broken if entry.segment_id == segment_id)
    if not good and not broken:
        near = did_you_mean(segment_id, saved.ids) or f"; it has {some_of(saved.ids)}"
        raise UsageError(f"{segments.path}: there is no segment {shown(segment_id)}{near}")
    return Definitions(good, broken)


def _of_project(found: Definitions, project: str | None) -> Definitions:
    """Keep the definitions of a project; raise an error if the only definition belongs to another project."""
    match found.good, found.broken:
        case [entry], () if project is not None and entry.project_id not in {None, project}:
            own = entry.project_id
            raise UsageError(f"segment '{entry.segment_id}' belongs to project '{own}', not to '{project}' (--project)")
        case _:
            return found.of_project(project)


def _with_references(found: Definitions, segments: Source) -> Definitions:
    """Add the saved segments that the definitions reference but do not contain, and their references in turn."""
    ids = set(found.ids)
    missing = [segment_id for entry in found.good for segment_id in entry.references if segment_id not in ids]
    if not missing:
        return found
    try:
        saved = load_definitions(segments)
    except UsageError as error:
        raise UsageError(f"cannot find the referenced segment {shown(missing[0])}: {error}") from None
    others = {entry.segment_id: entry for entry in saved.good if entry.segment_id not in ids}
    known = ids | {entry.segment_id for entry in saved.broken}
    needed = _reachable(found.good, others, known)
    good = (*found.good, *(others[segment_id] for segment_id in sorted(needed)))
    return Definitions(good, (*found.broken, *(entry for entry in saved.broken if entry.segment_id not in ids)))


def _reachable(start: Iterable[Definition], others: dict[str, Definition], known: set[str]) -> set[str]:
    """Return the ids of the needed segments; all ids if a reference is missing, so that a message can suggest one."""
    reached, waiting = set[str](), list(start)
    while waiting:
        for segment_id in waiting.pop().references:
            if segment_id not in others and segment_id not in known:
                return set(others)
            if segment_id in others and segment_id not in reached:
                reached.add(segment_id)
                waiting.append(others[segment_id])
    return reached
