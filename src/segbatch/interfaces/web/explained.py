"""Published segments in words with their findings, as far as that needs no contacts."""

from collections.abc import Iterable, Iterator, Sequence

from pydantic import ValidationError

from segbatch.authoring.explain.words import rules_in_words
from segbatch.compiler.clock import read_clock
from segbatch.definitions.definition import Definition
from segbatch.findings.definition_checks import find_in_definitions
from segbatch.findings.kinds import Kinds
from segbatch.model.input_records import FieldRecord
from segbatch.model.manifest import Manifest
from segbatch.model.segment import Segment
from segbatch.model.views import FoundProblem, SegmentDetails, SegmentExplanation
from segbatch.snapshot.fields.types import Kind

_EVALUATED = {"ok", "held"}
_LIST = "list of "
_NO_CONTACTS = "a report reads no contacts"


def explain_published(manifest: Manifest, segments: Sequence[SegmentDetails]) -> Iterator[SegmentExplanation]:
    """Yield the segments of a run whose definitions can be read, in words and with their findings.

    The findings are those that need no count of contacts. The kinds of the fields are those that the run found.
    """
    definitions = {one.id: definition for one in segments if (definition := _definition_of(one)) is not None}
    evaluated = (definitions[one.id] for one in segments if one.id in definitions and one.status in _EVALUATED)
    findings = _findings(manifest, evaluated)
    for details in segments:
        if details.id not in definitions:
            continue
        segment = definitions[details.id].segment
        yield SegmentExplanation(
            segment_id=details.id,
            match=segment.match,
            words=tuple(rules_in_words(segment.rules)),
            sql=None,
            no_sql=_NO_CONTACTS,
            no_contacts=_NO_CONTACTS,
            names=details.names,
            named_by=details.named_by,
            segment_names=details.segment_names,
            errors=(),
            findings=tuple(findings.get(segment.id, ())),
            contacts=None,
            funnel=None,
            verdict=None,
        )


def _definition_of(details: SegmentDetails) -> Definition | None:
    """Return the definition of a segment; None if it cannot be read."""
    try:
        return Definition(Segment.model_validate(details.definition))
    except ValidationError:
        return None


def _findings(manifest: Manifest, definitions: Iterable[Definition]) -> dict[str, list[FoundProblem]]:
    """Return the findings by the ids of the segments."""
    clock = read_clock(manifest.run.as_of, manifest.run.timezone, manifest.run.as_of)
    kinds = Kinds({record.field: _kind_of(record) for record in manifest.fields or ()})
    found = dict[str, list[FoundProblem]]()
    for finding in find_in_definitions(definitions, kinds, clock):
        problem = finding.problem
        one = FoundProblem(path=problem.path or "$", message=problem.message, kind=finding.name)
        found.setdefault(problem.segment_id or "", []).append(one)
    return found


def _kind_of(record: FieldRecord) -> Kind:
    """Return the kind of a field as a run recorded it."""
    if record.kind.startswith(_LIST):
        return Kind.LIST
    try:
        return Kind(record.kind)
    except ValueError:  # the description of a type that rules do not compare
        return Kind.OTHER
