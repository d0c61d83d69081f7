"""Every operator with every set of further keys: the program refuses the rules that the evaluator refuses."""

from itertools import chain, combinations
from typing import Any, get_args

import polars as pl
import pyarrow as pa
import pytest

from oracle.evaluator import Refused, check
from segbatch import DefinitionError, Segment, compile_segment
from segbatch.model.operators import OperatorName
from ways import lists_folder

OTHER = {"id": "other", "name": "Other", "rules": [{"field": "plan", "operator": "eq", "value": "pro"}]}
"""A segment that rules can name."""

VALUES: dict[str, Any] = {
    "in": ["a", "b"],
    "not_in": ["a", "b"],
    **dict.fromkeys(("in_list", "not_in_list"), "texts"),
    **dict.fromkeys(("in_segment", "not_in_segment"), "other"),
    **dict.fromkeys(("within_last", "within_next", "not_within_last", "not_within_next"), "7d"),
    **dict.fromkeys(("older_than", "later_than", "anniversary_within_last", "anniversary_within_next"), "7d"),
    "between": ["a", "b"],
    "sample": {"seed": "spring", "from": 0, "to": 0.5},
}
"""A value that suits the operator; of all others it is a text."""

KEYS: dict[str, Any] = {"field": "plan", "value_field": "nick", "missing": "include", "ignore_case": True, "as": "text"}
"""Keys that suit some operators only."""

OF_DAYS: dict[str, Any] = {**KEYS, "field": "joined", "value_field": "left", "as": "date"}
"""The same for operators whose value is a duration: of a text, the contacts decide whether it is a date."""


def is_refused_by_program(segment: dict[str, Any]) -> bool:
    schema = {**dict.fromkeys(("id", "plan", "nick"), pl.String()), **dict.fromkeys(("joined", "left"), pl.Date())}
    others = [Segment.model_validate(OTHER)]
    try:
        compile_segment(Segment.model_validate(segment), schema, segments=others, lists=lists_folder())
    except (ValueError, DefinitionError):
        return True
    return False


def is_refused_by_evaluator(segment: dict[str, Any]) -> bool:
    texts, days = dict.fromkeys(("id", "plan", "nick"), pa.string()), dict.fromkeys(("joined", "left"), pa.date32())
    schema = pa.schema({**texts, **days})
    try:
        check(segment, schema, segments={"other": OTHER}, lists={"texts": ["a", "b"]})
    except Refused:
        return True
    return False


@pytest.mark.parametrize("operator", get_args(OperatorName))
def test_the_program_and_the_evaluator_refuse_the_same_keys(operator: str) -> None:
    value = VALUES.get(operator, "a")
    written = {**(OF_DAYS if value == "7d" else KEYS), "value": value}
    of_any_size = chain.from_iterable(combinations(written, size) for size in range(len(written) + 1))
    different, refused = [], 0
    for keys in of_any_size:
        rule = {"operator": operator, **{key: written[key] for key in keys}}
        segment = {"id": "s", "name": "S", "rules": [rule]}
        by_program, by_evaluator = is_refused_by_program(segment), is_refused_by_evaluator(segment)
        refused += by_program
        if by_program is not by_evaluator:
            different.append((rule, by_program))
    assert not different
    assert 0 < refused < 2 ** len(written)
