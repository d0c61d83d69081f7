"""JSON layout of definitions in the store: fixed order of keys, one rule per line, so that git diffs are minimal."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from segbatch.model.rule import Group, Rule, TableRule
from segbatch.model.segment import SCHEMA_KEY, Segment
from segbatch.model.strict import keys_of


@dataclass(frozen=True, slots=True)
class Layout:
    """Indentation and line ends of a JSON text.

    Attributes:
        indent: The indentation of one level.
        line_end: The characters that end a line.
    """

    indent: str = "  "
    line_end: str = "\n"


DEFAULT_LAYOUT = Layout()

_KEYS = [SCHEMA_KEY, *Segment.model_fields, *TableRule.model_fields, *keys_of(Rule), *Group.model_fields]
_NODES = {"rules", "where"}
_LISTS = {*_NODES, "in", "out"}
_RANKS = {key: rank for rank, key in reversed(list(enumerate(_KEYS)))}
_NODE_KEYS = ["table", "where", "aggregate", *keys_of(Rule), *Group.model_fields]
_SHORT_KEYS = {key: rank for rank, key in reversed(list(enumerate(_NODE_KEYS)))}


def key_rank(key: str) -> tuple[int, str]:
    """Return a sort key for the keys of a definition; unknown keys come last."""
    return _RANKS.get(key, len(_RANKS) + len(_KEYS)), key


def ordered(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Return a definition with its keys, and those of its rules, in the order of the documentation."""
    keys = sorted(definition, key=key_rank)
    return {
        key: [_ordered_node(node) for node in definition[key]] if key == "rules" else definition[key] for key in keys
    }


def write_definition(definition: Mapping[str, Any]) -> str:
    """Return a definition as the text of a separate file."""
    return write(ordered(definition), DEFAULT_LAYOUT, "") + "\n"


def write(value: object, layout: Layout, indent: str) -> str:
    """Return JSON data as a text.

    Args:
        layout: Indentation and line ends.
        indent: The indentation of the line that the value begins in.
    """
    inner = indent + layout.indent
    match value:
        case Mapping() if _LISTS & value.keys():
            members = [f"{_text(key)}: {write(child, layout, inner)}" for key, child in value.items()]
            return _in_lines("{}", members, layout, indent)
        case Mapping() if value:
            return "{ " + ", ".join(f"{_text(key)}: {_text(child)}" for key, child in value.items()) + " }"
        case [Mapping(), *_]:
            return _in_lines("[]", [write(child, layout, inner) for child in value], layout, indent)
        case _:
            return _text(value)


def _ordered_node(node: Mapping[str, Any]) -> dict[str, Any]:
    keys = sorted(node, key=lambda key: _SHORT_KEYS.get(key, len(_SHORT_KEYS)))
    return {key: [_ordered_node(child) for child in node[key]] if key in _NODES else node[key] for key in keys}


def _in_lines(brackets: str, texts: list[str], layout: Layout, indent: str) -> str:
    inner = layout.line_end + indent + layout.indent
    return brackets[0] + inner + f",{inner}".join(texts) + layout.line_end + indent + brackets[1]


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
