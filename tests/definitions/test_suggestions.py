"""Suggestions for words that are not valid: never the opposite."""

import pytest

from segbatch.definitions.suggestions import suggest
from segbatch.model.operators import OPERATORS
from segbatch.text import nearest

GROUP = '; put a rule with \'{}\' into a group {{"match": "none", "rules": [...]}}'

OPPOSITES = {
    "eq": "neq",
    "contains": "not_contains",
    "in": "not_in",
    "in_list": "not_in_list",
    "within_last": "not_within_last",
    "within_next": "not_within_next",
    "in_segment": "not_in_segment",
    "exists": "empty",
    "blank": "not_blank",
}
DENYING = (
    *("not_{}", "not {}", "not-{}", "not{}", "n{}", "!{}", "is_not_{}", "isnt_{}", "isn't {}", "does_not_{}", "NOT_{}"),
    *("doesnt_{}", "no_{}", "never_{}", "non_{}", "non{}", "Not {}"),
)


@pytest.mark.parametrize("form", DENYING)
@pytest.mark.parametrize("operator", [name for name in OPERATORS if not name.startswith("not_")])
def test_an_operator_that_is_denied_never_suggests_the_operator(operator: str, form: str) -> None:
    hint = suggest("operator", form.format(operator))
    opposites = OPPOSITES | {opposite: name for name, opposite in OPPOSITES.items()}
    named = f"; did you mean '{opposites[operator]}'?" if operator in opposites else GROUP.format(operator)
    assert hint == named


@pytest.mark.parametrize(
    ("written", "operator"),
    [
        ("nin", "not_in"),
        ("notIn", "not_in"),
        ("none_of", "not_in"),
        ("!=", "neq"),
        ("<>", "neq"),
        ("isnt", "neq"),
        ("isn't", "neq"),
        ("is not", "neq"),
        ("not_equal", "neq"),
        ("not_equals", "neq"),
        ("not_like", "not_contains"),
        ("doesNotContain", "not_contains"),
        ("not_contians", "not_contains"),
        ("excludes", "not_contains"),
        ("is_not_null", "exists"),
        ("not_null", "exists"),
        ("not_empty", "exists"),
        ("isNull", "empty"),
        ("unset", "empty"),
        ("is_blank", "blank"),
        ("not_not_in", "in"),
        ("greater", "gt"),
        ("at_most", "lte"),
        ("contian", "contains"),
        ("EQ", "eq"),
        ("within_lst", "within_last"),
        ("older", "older_than"),
        ("birthday", "anniversary_within_next"),
        ("notWithinLast", "not_within_last"),
        ("not in the last", "not_within_last"),
        ("in the next", "within_next"),
    ],
)
def test_a_name_of_another_system_suggests_ours(written: str, operator: str) -> None:
    assert suggest("operator", written) == f"; did you mean '{operator}'?"


@pytest.mark.parametrize(
    ("written", "operator"),
    [("outside", "between"), ("not_betwen", "between"), ("not_regex", "matches"), ("not_greater", "gt")],
)
def test_a_negation_without_an_operator_is_suggested_as_a_group(written: str, operator: str) -> None:
    assert suggest("operator", written) == GROUP.format(operator)


@pytest.mark.parametrize("written", ["zigzag", "not_zigzag", "ont_between", "nto_in", "without", ""])
def test_nothing_is_suggested_where_it_might_be_the_opposite(written: str) -> None:
    assert suggest("operator", written) == ""


@pytest.mark.parametrize(
    ("key", "written", "hint"),
    [
        ("match", "one", "; did you mean 'any'?"),
        ("match", "some", "; did you mean 'any'?"),
        ("match", "ANY", "; did you mean 'any'?"),
        ("match", "not any", "; did you mean 'none'?"),
        ("match", "not", "; did you mean 'none'?"),
        ("match", "alll", "; did you mean 'all'?"),
        ("match", "not all", '; for "not all", put a group with "match": "all" into a group with "match": "none"'),
        ("match", "NAND", '; for "not all", put a group with "match": "all" into a group with "match": "none"'),
        ("match", "nothing", ""),
        ("missing", "included", "; did you mean 'include'?"),
        ("missing", "not_include", "; did you mean 'exclude'?"),
        ("missing", "don't include", "; did you mean 'exclude'?"),
        ("missing", "not_excluded", "; did you mean 'include'?"),
        ("missing", "not_there", ""),
        ("missing", "maybe", ""),
    ],
)
def test_the_other_words_of_a_rule(key: str, written: str, hint: str) -> None:
    assert suggest(key, written) == hint


@pytest.mark.parametrize(
    ("word", "choice"),
    [
        ("not_strict", "strict"),
        ("no_strict", "strict"),
        ("inactive", "active"),
        ("active", "inactive"),
        ("unsubscribed", "subscribed"),
        ("subscribed", "unsubscribed"),
        ("email_not_verified", "email_verified"),
        ("one", "none"),
        ("dont_ignore_case", "ignore_case"),
    ],
)
def test_a_word_that_denies_another_is_not_near_it(word: str, choice: str) -> None:
    assert nearest(word, [choice]) is None


def test_the_next_best_is_named_in_place_of_the_opposite() -> None:
    assert nearest("inactive", ["active", "inactives"]) == "inactives"
    assert nearest("not_activ", ["active", "not_active"]) == "not_active"
    assert nearest("phone_number", ["phone_no", "phone_numbers"]) == "phone_numbers"
