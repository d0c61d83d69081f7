"""Suggestions of the valid word that was probably meant; never one with the opposite meaning."""

import re
from collections.abc import Mapping, Sequence
from typing import TypeVar, cast, get_args

from segbatch.errors import UsageError
from segbatch.model.operators import (
    AGGREGATES,
    NEGATIONS,
    OPERATORS,
    AggregateName,
    MatchName,
    MissingName,
    OperatorName,
    ReadingName,
)
from segbatch.text import did_you_mean, one_of, shown

_Choice = TypeVar("_Choice", bound=str)

CHOICES: Mapping[str, tuple[str, ...]] = {
    "operator": OPERATORS,
    "aggregate": AGGREGATES,
    "match": get_args(MatchName),
    "missing": get_args(MissingName),
    "as": get_args(ReadingName),
}
"""The keys of a definition that take one of a few words, with these words."""

_SYNONYMS: Mapping[str, OperatorName] = {
    **dict.fromkeys(("=", "==", "===", "equals", "equal", "is", "equal_to", "equals_to", "same"), "eq"),
    **dict.fromkeys(
        ("!=", "<>", "!==", "~=", "ne", "neq", "differs", "different", "unequal", "not", "is_not", "isnt", "isn_t"),
        "neq",
    ),
    **dict.fromkeys((">", "greater", "greater_than", "more", "more_than", "above", "after"), "gt"),
    **dict.fromkeys(("<", "less", "less_than", "fewer", "fewer_than", "below", "before"), "lt"),
    **dict.fromkeys((">=", "=>", "ge", "min", "at_least", "greater_or_equal", "greater_than_or_equal"), "gte"),
    **dict.fromkeys(("<=", "=<", "le", "max", "at_most", "less_or_equal", "less_than_or_equal"), "lte"),
    **dict.fromkeys(("like", "ilike", "includes", "include", "contain", "has"), "contains"),
    **dict.fromkeys(("excludes", "exclude", "lacks"), "not_contains"),
    **dict.fromkeys(("exist", "present", "is_set", "set", "known", "is_known", "is_present"), "exists"),
    **dict.fromkeys(("null", "nil", "is_null", "isnull", "missing", "is_missing", "absent", "unset"), "empty"),
    **dict.fromkeys(("is_empty", "isempty", "unknown"), "empty"),
    **dict.fromkeys(("is_blank", "isblank", "whitespace"), "blank"),
    **dict.fromkeys(("is_in", "isin", "one_of", "is_one_of", "any_of"), "in"),
    **dict.fromkeys(("none_of", "nin"), "not_in"),
    **dict.fromkeys(("range", "in_range", "inside"), "between"),
    **dict.fromkeys(("start_with", "startswith", "begins_with", "prefix", "starts"), "starts_with"),
    **dict.fromkeys(("end_with", "endswith", "suffix", "ends"), "ends_with"),
    **dict.fromkeys(("match", "regex", "regexp", "rlike", "~"), "matches"),
    **dict.fromkeys(("in_last", "in_the_last", "in_past", "in_the_past", "newer_than"), "within_last"),
    **dict.fromkeys(("in_next", "in_the_next", "upcoming"), "within_next"),
    **dict.fromkeys(("older", "longer_ago", "longer_ago_than", "before_last", "earlier_than"), "older_than"),
    **dict.fromkeys(("later", "after_next"), "later_than"),
    **dict.fromkeys(("birthday", "birthday_in", "anniversary", "birthday_within_next"), "anniversary_within_next"),
    "member_of": "in_segment",
    **dict.fromkeys(("on_list", "in_file", "listed"), "in_list"),
    **dict.fromkeys(("random", "random_sample", "percentage", "holdout", "split", "bucket"), "sample"),
}
"""Names for our operators in other systems."""

_OPPOSITES: Mapping[str, OperatorName] = {
    **dict[str, OperatorName](NEGATIONS.items()),
    **{positive: negative for negative, positive in NEGATIONS.items()},
}

_AGGREGATES: Mapping[str, AggregateName] = {
    **dict.fromkeys(("number", "rows", "size", "len", "length", "how_many", "count_all"), "count"),
    **dict.fromkeys(("distinct", "unique", "nunique", "n_unique", "count_unique", "distinct_count"), "count_distinct"),
    **dict.fromkeys(("total", "add", "summe"), "sum"),
    **dict.fromkeys(("average", "mean"), "avg"),
    **dict.fromkeys(("minimum", "lowest", "smallest", "least"), "min"),
    **dict.fromkeys(("maximum", "highest", "largest", "greatest", "most"), "max"),
    **dict.fromkeys(("earliest", "oldest"), "first"),
    **dict.fromkeys(("latest", "newest", "most_recent"), "last"),
}
"""Names for our aggregates in other systems."""

_MATCHES = {
    **dict.fromkeys(("and", "&&", "&"), "all"),
    **dict.fromkeys(("or", "||", "|", "one", "some", "at_least_one", "any_of"), "any"),
    **dict.fromkeys(("not", "nor", "neither", "no", "!", "no_one", "noone", "not_any", "none_of"), "none"),
    "all_of": "all",
    "not_none": "any",
}
_OUTSIDE = {"outside", "out_of", "out_of_range"}
_NOT_ALL = {"not_all", "nand", "notall", "nall"}

_NEGATION = re.compile(
    r"(?:is|are|was|does|do|has|have|will|must|can|if)?_?"
    r"(?:n_t|nt|not|non|never|without|no|!)_?(?:is|be|been|a|an|the)?_?(?P<rest>.+)"
)
_SHORT = re.compile(r"n_?(?P<rest>.{2,})")
_FILLER = re.compile(
    r"(?:is|are|was|does|do|has|have|str|string|text|value|field|date|op|to_be|be|case|i)_?(?P<rest>.+)"
)


def suggest(key: str, written: str) -> str:
    """Return a hint to append to a message: the word that was meant, or how to write its opposite.

    Args:
        key: A key of a definition, one of `CHOICES`.
        written: The value of the key that is not valid.

    Returns:
        `; did you mean 'not_in'?`, or an empty text if no word is similar.
    """
    word = _plain(written)
    if key == "operator":
        return _operator(word)
    if key == "aggregate":
        return _did_you_mean(_AGGREGATES[word]) if word in _AGGREGATES else did_you_mean(word, AGGREGATES)
    if key == "match" and word in _NOT_ALL:
        return '; for "not all", put a group with "match": "all" into a group with "match": "none"'
    near = _MATCHES.get(word) if key == "match" else _opposite_missing(word)
    return _did_you_mean(near) if near else did_you_mean(written, CHOICES[key])


def read_choice(text: str, choices: Sequence[_Choice], noun: str, option: str) -> _Choice:
    """Parse the value of an option that takes one of a few words.

    Args:
        noun: What the choices are, with an article, for the message.
        option: The option, such as `--format`.

    Raises:
        UsageError: The value is not one of the choices.
    """
    for choice in choices:
        if text == choice:
            return choice
    hint = did_you_mean(text, choices) or f"; use {one_of(choices)}"
    raise UsageError(f"{shown(text)} is not {noun}{hint} ({option})")


def read_match(text: str) -> MatchName:
    """Parse a value of `--match`.

    Raises:
        UsageError: It is not a valid one.
    """
    if text not in CHOICES["match"]:
        raise UsageError(f"invalid --match {shown(text)}{suggest('match', text) or ': use all, any or none'}")
    return cast("MatchName", text)


def _plain(written: str) -> str:
    """Convert a word to the notation of our operators: `notIn`, `NOT IN` and `not-in` become `not_in`."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", written.strip().replace("'", "_").replace("\u2019", "_"))
    return re.sub(r"[\s_-]+", "_", parted.casefold())


def _did_you_mean(word: str) -> str:
    return f"; did you mean '{word}'?"


def _operator(word: str) -> str:
    found = _known(word)
    if found:
        return _did_you_mean(found)
    if word in _OUTSIDE:
        return _opposite("between")
    for pattern in (_NEGATION, _SHORT):
        parts = pattern.fullmatch(word)
        positive = _known(parts["rest"]) or (_typo(parts["rest"]) if pattern is _NEGATION else None) if parts else None
        if positive:
            return _opposite(positive)
        if parts and pattern is _NEGATION:
            return ""
    near = _typo(word)
    return _did_you_mean(near) if near and not word.endswith(f"_{near}") else ""


def _known(word: str) -> str | None:
    """Return the operator with this name, or with this name in another system."""
    if word in OPERATORS:
        return word
    filler = _FILLER.fullmatch(word)
    return _SYNONYMS.get(word) or (_known(filler["rest"]) if filler else None)


def _typo(word: str) -> str | None:
    hint = did_you_mean(word, OPERATORS)
    return hint.split("'")[1] if hint else None


def _opposite(positive: str) -> str:
    if positive in _OPPOSITES:
        return _did_you_mean(_OPPOSITES[positive])
    return f'; put a rule with \'{positive}\' into a group {{"match": "none", "rules": [...]}}'


def _opposite_missing(word: str) -> str | None:
    negated = _NEGATION.fullmatch(word)
    if not negated:
        return None
    return {"include": "exclude", "exclude": "include"}.get(negated["rest"].removesuffix("d"))
