"""Random columns: the words that are drawn, and how to draw them.

A random number here is a function of the contact's own bits and the name of what is drawn
(SplitMix64), never of the numbers drawn before.
"""

from __future__ import annotations

from hashlib import blake2b
from random import Random
from typing import TYPE_CHECKING, Any, Final, TypeVar

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")


def weighted(text: str) -> dict[str | None, int]:
    """Read words, each with its weight; `-` stands for null."""
    parts = iter(text.split())
    return {None if part == "-" else part: int(next(parts)) for part in parts}


STATUSES: Final = {"active": 60, "new": 12, "inactive": 19, "archived": 9}
PLANS: Final = weighted("free 40 starter 22 pro 18 enterprise 8 - 12")
COUNTRIES: Final = weighted(
    "US 300 GB 90 DE 85 FR 60 CA 55 IN 50 BR 45 ES 40 NL 30 AU 30 IT 28 PL 24 SE 20 JP 20 MX 20 "
    "CH 14 AT 14 DK 10 PT 10 IE 9 NO 8 TR 8 ZA 6 SG 6 KE 4 - 20"
)
SOURCES: Final = weighted(
    "organic 28 google-ads 18 linkedin-ads 12 partner-referral 10 partner-marketplace 7 webinar 10 csv-import 7 - 8"
)
TAGS: Final = weighted(
    "newsletter 40 webinar 20 decision-maker 14 beta 10 churn-risk 10 partner 8 vip 6 trial 12 event 10 competitor 3"
)
EMAIL_DOMAINS: Final = {"example.com": 70, "example.net": 18, "example.org": 12}
FIRST_NAMES: Final = (
    *("Ada", "Ava", "Björn", "Chloé", "Daniel", "Elena", "Farah", "Goran", "Hannah", "Imani"),
    *("José", "Kenji", "Lena", "Liam", "Maya", "Nia", "Olga", "Priya", "Quinn", "Rosa", "Søren"),
    *("Tariq", "Uma", "Victor", "Wanda", "Ximena", "Yara", "Zoë", "Łukasz", "Émile"),
)
NAME_HEADS: Final = (
    *("Ander", "Berg", "Carl", "Daven", "Eber", "Fair", "Gold", "Hart", "Iver", "Jan", "Kirk"),
    *("Lind", "Matt", "Nor", "Olof", "Peter", "Ram", "Stein", "Thor", "Wal", "Öster", "Müll"),
)
NAME_TAILS: Final = (
    *("berg", "by", "dale", "er", "feld", "ford", "gren", "ham", "ing", "ley", "lund", "man"),
    *("mark", "quist", "sen", "ski", "son", "stad", "ström", "ton", "vik", "well", "wood"),
)
COMPANY_TAILS: Final = (
    *("Labs", "Software", "Foods", "Energy", "Agency", "Studio", "Health", "Media", "Logistics"),
    *("Robotics", "Analytics", "Consulting", "Design", "Education", "Partners", "Group"),
)
COMPANY_HEADS: Final = (
    *("Blue", "North", "Bright", "Copper", "Ember", "Fox", "Harbor", "Iron", "Juniper", "Salt"),
    *("Lumen", "River", "Pine", "Stone", "Tide", "Wave"),
)


def spread(weights: Mapping[T, int]) -> list[T]:
    """Repeat every key as often as its weight says."""
    return [key for key, weight in weights.items() for _ in range(weight)]


COMPANIES: Final = tuple(
    f"{head}{middle} {tail}"
    for head in COMPANY_HEADS
    for middle in ("", "field", "gate", "crest", "wood", "light", "bridge", "works", "line", "point")
    for tail in COMPANY_TAILS
)
CITIES: Final = tuple(f"{head}{tail}" for head in NAME_HEADS for tail in ("berg", "by", "stad", "ton", "ford"))
LAST_NAMES: Final = tuple(f"{head}{tail}" for head in NAME_HEADS for tail in NAME_TAILS)
HEX: Final = pl.Series([f"{number:04x}" for number in range(1 << 16)])


def tag_lists() -> pl.Series:
    """Make the lists of tags that a contact can have: one to four of them, none, or null."""
    random = Random(7)
    pool = [tag for tag in spread(TAGS) if tag is not None]
    sizes = random.choices((0, 1, 2, 3, 4), (20, 34, 26, 14, 6), k=920)
    drawn = [sorted({random.choice(pool) for _ in range(size)}) for size in sizes]
    lists = [*[None] * 80, *drawn]
    return pl.Series(lists, dtype=pl.List(pl.String))


TAG_LISTS: Final = tag_lists()


def word(number: int) -> pl.Expr:
    """Make a 64-bit constant."""
    return pl.lit(number % (1 << 64), dtype=pl.UInt64)


def mix(value: pl.Expr) -> pl.Expr:
    """Scramble 64 bits as SplitMix64 does; the arithmetic wraps around."""
    value = value + word(0x9E3779B97F4A7C15)
    value = (value ^ (value // word(1 << 30))) * word(0xBF58476D1CE4E5B9)
    value = (value ^ (value // word(1 << 27))) * word(0x94D049BB133111EB)
    return value ^ (value // word(1 << 31))


def bits(name: str, key: str = "key") -> pl.Expr:
    """Draw 64 random bits for what is called `name`.

    Args:
        name: What is drawn; another name gives independent bits.
        key: The column with the contact's own bits: `key`, or `version` for what a night changes.

    Returns:
        The bits as an unsigned number.
    """
    return mix(pl.col(key) ^ word(int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big")))


def whole(name: str, end: int, key: str = "key") -> pl.Expr:
    """Draw a whole number from 0 up to, but without, `end`."""
    return bits(name, key) % word(end)


def share(name: str, key: str = "key") -> pl.Expr:
    """Draw a number from 0 up to, but without, 1."""
    return (bits(name, key) // word(1 << 11)).cast(pl.Float64) * 2.0**-53


def pick(name: str, values: Any, key: str = "key") -> pl.Expr:
    """Draw one of the values, all equally often."""
    series = pl.Series(values)
    return pl.lit(series).gather(whole(name, len(series), key))


def seldom_null(value: pl.Expr, name: str, nulls: float, key: str = "key") -> pl.Expr:
    """Put nulls in place of the given share of the values."""
    return pl.when(share(f"{name} is null", key) >= nulls).then(value)


def uuid() -> pl.Expr:
    """Make a UUID (version 4) as text."""
    high, low = bits("high half of the id"), bits("low half of the id")

    def digits(half: pl.Expr, place: int) -> pl.Expr:
        return half // word(1 << place) % word(1 << 16)

    def text(number: pl.Expr) -> pl.Expr:
        return pl.lit(HEX).gather(number)

    return pl.concat_str(
        *(text(digits(high, 48)), text(digits(high, 32)), pl.lit("-"), text(digits(high, 16)), pl.lit("-")),
        *(text(digits(high, 0) % word(1 << 12) + word(4 << 12)), pl.lit("-")),
        *(text(digits(low, 48) % word(1 << 14) + word(1 << 15)), pl.lit("-")),
        *(text(digits(low, 32)), text(digits(low, 16)), text(digits(low, 0))),
    )
