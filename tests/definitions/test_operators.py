"""Tables of operators are complete."""

import pytest

from segbatch.model.operators import NEGATIONS, OPERATORS, TAKES_IGNORE_CASE, OperatorName, shape_of
from segbatch.model.values import check_value


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_operator_has_a_kind_of_value(operator: OperatorName) -> None:
    assert check_value(None, shape_of(operator)) is None


def test_tables_name_operators_only() -> None:
    assert {*NEGATIONS, *NEGATIONS.values(), *TAKES_IGNORE_CASE} <= {*OPERATORS}
