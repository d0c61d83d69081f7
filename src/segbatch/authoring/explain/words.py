"""The rules of a segment in words."""

from collections.abc import Iterator, Sequence
from typing import Any

from segbatch.authoring.explain.reasons import rule_text
from segbatch.model.rule import Group, Node
from segbatch.model.views import RuleInWords


def rules_in_words(rules: Sequence[Node], path: str = "$") -> Iterator[RuleInWords]:
    """Yield rules and groups of rules in words.

    Args:
        path: The place of the group or segment that has the rules, as a JSONPath.
    """
    for index, node in enumerate(rules):
        own = f"{path}.rules[{index}]"
        match = node.match if isinstance(node, Group) else None
        inner = tuple(rules_in_words(node.rules, own)) if isinstance(node, Group) else ()
        yield RuleInWords(path=own, words=rule_text(node), match=match, definition=as_saved(node), rules=inner)


def as_saved(node: Node) -> dict[str, Any]:
    """Return a rule as in its definition, or a group without its rules."""
    return node.model_dump(mode="json", exclude_unset=True, exclude={"rules"} if isinstance(node, Group) else None)


def saved_rules(rules: Sequence[Node], path: str = "$") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the path of each rule and group of rules, with the rule as in its definition.

    Args:
        path: The place of the group or segment that has the rules, as a JSONPath.
    """
    for index, node in enumerate(rules):
        own = f"{path}.rules[{index}]"
        yield own, as_saved(node)
        if isinstance(node, Group):
            yield from saved_rules(node.rules, own)
