"""Rules as they are written on a command line: `status eq active`, `seats gte 50`, `plan in ["pro", "team"]`."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, get_args

from segbatch.definitions.loading import Definition
from segbatch.definitions.operators import MatchName, OperatorName, shape_of
from segbatch.definitions.segment import Segment
from segbatch.definitions.strict_json import parse
from segbatch.definitions.validating import validate
from segbatch.errors import DefinitionError, Problem, shown

__all__ = ["RULES_ID", "read_rules"]

RULES_ID = "--rule"
"""The id of the segment that such rules make, and what messages call it."""

_SHAPES = {operator: shape_of(operator) for operator in get_args(OperatorName)}
_OF_SEGMENTS = tuple(operator for operator, shape in _SHAPES.items() if shape == "segment")
_OF_TEXT = tuple(operator for operator, shape in _SHAPES.items() if shape in {"text", "duration", "segment"})
_FORM = "a rule is FIELD OPERATOR [VALUE], such as 'status eq active', or a rule's JSON"


def read_rules(texts: Iterable[str], match: MatchName = "all") -> Definition:
    """Read rules, and join them to a segment.

    Args:
        texts: The rules; each is `FIELD OPERATOR [VALUE]`, `in_segment ID`, or the JSON of a rule or a group.
        match: How they are joined.

    Raises:
        DefinitionError: Rules are wrong; it names all the problems of all of them.
    """
    written, problems = list[Any](), list[Problem]()
    for text in texts:
        data, found = _read(text)
        problems += [replace(problem, file=f"--rule {shown(text)}", path=None) for problem in found]
        written.append(data)
    if problems:
        raise DefinitionError(problems)
    segment, problems = _segment(written, match)
    if segment is None:
        raise DefinitionError(replace(problem, file=RULES_ID) for problem in problems)
    return Definition(segment, RULES_ID)


def _segment(rules: list[Any], match: str) -> tuple[Segment | None, list[Problem]]:
    return validate({"id": RULES_ID, "name": "the rules that were given", "match": match, "rules": rules})


def _read(text: str) -> tuple[Any, list[Problem]]:
    """Read one rule, and check it by itself, so that a message can name it as it was written."""
    if text.lstrip().startswith("{"):
        data, problems = parse(text.encode(errors="surrogateescape"))
    else:
        data, problems = _data(text), []
    if data is None:
        return None, problems or [Problem(_FORM)]
    return data, problems or _segment([data], "all")[1]


def _data(text: str) -> dict[str, Any] | None:
    words = text.split(None, 1)
    if words and words[0] in _OF_SEGMENTS:
        return _with_value({"operator": words[0]}, words[1:])
    words = text.split(None, 2)
    match words:
        case [field, operator, *value]:
            return _with_value({"field": field, "operator": operator}, value)
        case _:
            return None


def _with_value(rule: dict[str, Any], value: list[str]) -> dict[str, Any]:
    return {**rule, "value": _value(value[0].rstrip(), rule["operator"])} if value else rule


def _value(text: str, operator: str) -> Any:
    """Read a value as JSON if it is JSON, else as a text; where the operator takes a text alone, only quotes count."""
    data, problems = parse(text.encode(errors="surrogateescape"))
    is_text = problems or (operator in _OF_TEXT and not isinstance(data, str))
    return text if is_text else data
