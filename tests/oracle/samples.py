"""The operator `sample`, from its definition: the first 8 bytes of an MD5, and ranges of fractions."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from typing import TYPE_CHECKING, Any
from uuid import UUID

from .kinds import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def share(seed: str, contact_id: object) -> Fraction:
    """Give the share of a contact."""
    digest = hashlib.md5(f"{seed}:{text_of(contact_id)}".encode(), usedforsecurity=False).digest()
    return Fraction(int.from_bytes(digest[:8], "big"), 2**64)


def text_of(contact_id: object) -> str:
    """Write an id as it goes into the MD5."""
    match contact_id:
        case bytes():
            return str(UUID(bytes=contact_id)) if len(contact_id) == 16 else contact_id.hex()
        case _:
            return str(contact_id)


def in_sample(rule: dict[str, Any], id_column: str = "id") -> Callable[[Mapping[str, Any]], bool]:
    """Test whether a contact is in the sample of a rule.

    Raises:
        Refused: The rule is wrong.
    """
    if set(rule) & {"field", "missing", "ignore_case", "as", "value_field"}:
        raise Refused("sample takes a seed with a range and nothing else")
    seed, low, high = _read(rule.get("value"))
    return lambda row: row[id_column] is not None and low <= share(seed, row[id_column]) < high


def _read(value: Any) -> tuple[str, Fraction, Fraction]:
    match value:
        case {"seed": str(seed), "from": int() | float() as start, "to": int() | float() as end} if len(value) == 3:
            bounds = Fraction(str(start)), Fraction(str(end))
            if seed and not isinstance(start, bool) and not isinstance(end, bool) and 0 <= bounds[0] <= bounds[1] <= 1:
                return seed, *bounds
    raise Refused(f"{value!r} is no seed with a range")
