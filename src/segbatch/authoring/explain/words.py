"""The rules of a segment in words."""

from collections.abc import Iterator, Sequence

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
        match node:
            case Group():
                inner = tuple(rules_in_words(node.rules, own))
                yield RuleInWords(path=own, words=rule_text(node), match=node.match, rules=inner)
            case _:
                yield RuleInWords(path=own, words=rule_text(node), match=None, rules=())
