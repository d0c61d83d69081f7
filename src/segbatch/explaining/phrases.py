"""Rules and groups in a line."""

import json
from collections.abc import Sequence
from typing import assert_never

from segbatch.definitions.segment import Group, Rule

__all__ = ["group_reason", "rule_text"]

_LONGEST = 80
_GROUPS = {"all": "all of", "any": "any of", "none": "none of"}


def rule_text(node: Rule | Group) -> str:
    """Write a rule as it would be typed, cut to fit a line, or what a group asks."""
    if isinstance(node, Group):
        return _GROUPS[node.match]
    value = [] if node.value is None or node.shape == "nothing" else [json.dumps(node.value, ensure_ascii=False)]
    more = [f"missing {node.missing}"] if node.missing else []
    more += ["ignore_case"] if node.ignore_case else []
    text = " ".join([*([node.field] if node.field else []), node.operator, *value, *more])
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def group_reason(group: Group, held: Sequence[bool]) -> str:
    """Say how many of a group's rules hold."""
    number, of = sum(held), len(held)
    match group.match:
        case "all":
            return "every one holds" if number == of else f"{of - number} of {of} {_verb(of - number)} not hold"
        case "any" | "none":
            return f"{number} of {of} {'holds' if number == 1 else 'hold'}" if number else "not one holds"
        case _:
            assert_never(group.match)


def _verb(number: int) -> str:
    return "does" if number == 1 else "do"
