"""Rules in command-line syntax: `status eq active`, `seats gte 50`, `plan in ["pro", "team"]`."""

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, get_args

from segbatch.definitions.definition import Definition
from segbatch.definitions.strict_json import parse
from segbatch.definitions.validation import validate
from segbatch.errors import DefinitionError, Problem
from segbatch.model.operators import WITHOUT_FIELD, MatchName, OperatorName, Shape, shape_of
from segbatch.model.segment import Segment
from segbatch.text import clipped, shown

RULES_ID = "--rule"
"""The id of a segment that is built from such rules, and its name in messages."""

_SHAPES: dict[str, Shape] = {operator: shape_of(operator) for operator in get_args(OperatorName)}
_WITHOUT_FIELD = tuple(operator for operator, shape in _SHAPES.items() if shape in WITHOUT_FIELD)
_OF_TEXT = tuple(
    operator for operator, shape in _SHAPES.items() if shape in {"text", "duration", "days", "segment", "list_name"}
)
_SINGLE_QUOTED = re.compile(r"'.*'", re.DOTALL)
_LIST_OF_SINGLE_QUOTED = re.compile(r"\[\s*'.*'\s*\]", re.DOTALL)
_FORM = "a rule is FIELD OPERATOR [VALUE], such as 'status eq active', or a rule's JSON"


def read_rules(texts: Iterable[str], match: MatchName = "all") -> Definition:
    """Parse rules, and combine them into a segment.

    Args:
        texts: The rules; each is `FIELD OPERATOR [VALUE]`, `in_segment ID`, `sample VALUE`, or the JSON of a rule
            or a group.
        match: How the rules are combined.

    Raises:
        DefinitionError: Rules are wrong; the error lists all problems of all rules.
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
    """Parse and validate one rule separately, so that a message can show the rule as the user wrote it."""
    if text.lstrip().startswith("{"):
        data, problems = parse(text.encode(errors="surrogateescape"))
    else:
        words = _words(text)
        data, problems = _with_value(words), _unlikely_values(words)
    if data is None:
        return None, problems or [Problem(_FORM)]
    return data, problems or _segment([data], "all")[1]


def _words(text: str) -> dict[str, str]:
    """Split a rule into its words; a rule that is too short has no operator."""
    words = text.split(None, 1)
    if words and words[0] in _WITHOUT_FIELD:
        return dict(zip(("operator", "value"), (words[0], *map(str.rstrip, words[1:])), strict=False))
    return dict(zip(("field", "operator", "value"), map(str.rstrip, text.split(None, 2)), strict=False))


def _with_value(words: dict[str, str]) -> dict[str, Any] | None:
    if "operator" not in words:
        return None
    return {**words, "value": _value(words["value"], words["operator"])} if "value" in words else words


def _unlikely_values(words: dict[str, str]) -> list[Problem]:
    """Find values that are allowed but never intended: words after an operator without value, and single quotes."""
    operator, value = words.get("operator"), words.get("value")
    if value is None or operator not in _SHAPES:
        return []
    if _SHAPES[operator] == "nothing":
        return [Problem(f"'{operator}' takes no value; remove {shown(value)}")]
    meant = _in_double_quotes(value, operator)
    return [Problem(f"JSON uses double quotes, not single quotes; write {clipped(meant)}")] if meant else []


def _in_double_quotes(value: str, operator: str) -> str | None:
    """Convert a value in single quotes to JSON; return None if it has no single quotes."""
    if _SINGLE_QUOTED.fullmatch(value):
        return json.dumps(value[1:-1], ensure_ascii=False)
    if operator not in _OF_TEXT and _LIST_OF_SINGLE_QUOTED.fullmatch(value):
        return value.replace("'", '"')
    return None


def _value(text: str, operator: str) -> Any:
    """Parse a value as JSON, or return it as a text if it is not JSON.

    If the operator takes only a text, only a JSON string counts as JSON.
    """
    data, problems = parse(text.encode(errors="surrogateescape"))
    is_text = problems or (operator in _OF_TEXT and not isinstance(data, str))
    return text if is_text else data
