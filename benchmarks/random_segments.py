"""Random segment definitions, whose rules repeat as they do in a real CRM.

The rules are drawn from a pool of distinct ones. Every rule of the pool is used once; the
remaining places are filled with popular rules, the first of the pool most often. A segment
of these holds about 17 % of the random contacts on average.
"""

from __future__ import annotations

import json
from collections import deque
from datetime import date, timedelta
from random import Random
from typing import TYPE_CHECKING, Any, Final

from draws import CITIES, COMPANY_TAILS, COUNTRIES, EMAIL_DOMAINS, NAME_TAILS, PLANS, SOURCES, STATUSES, TAGS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

Rule = dict[str, Any]

# How often a segment has one, two, three and four rules: 2.5 on average.
RULES_PER_SEGMENT: Final = (15, 37, 31, 17)
ANY_SHARE: Final = 0.08
REFERENCE: Final = date(2026, 1, 1)
# The rules that marketers write most, in the order of their popularity.
POPULAR: Final[tuple[tuple[str, str, Any], ...]] = (
    ("status", "eq", "active"),
    ("custom_fields.plan", "eq", "pro"),
    ("country", "eq", "US"),
    ("unsubscribed", "eq", False),
    ("custom_fields.plan", "eq", "starter"),
    ("custom_fields.plan", "neq", "free"),
    ("tags", "contains", "newsletter"),
    ("custom_fields.plan", "eq", "enterprise"),
    ("country", "eq", "DE"),
    ("status", "neq", "archived"),
    ("custom_fields.plan", "eq", "free"),
    ("status", "eq", "inactive"),
    ("country", "eq", "GB"),
    ("custom_fields.trial_ends_at", "exists", None),
    ("email", "exists", None),
    ("status", "eq", "new"),
    ("last_contacted_at", "empty", None),
    ("custom_fields.mrr", "gt", 0),
    ("unsubscribed", "neq", True),
    ("custom_fields.plan", "empty", None),
)


def make_rule(field: str, operator: str, value: str | float | None) -> Rule:
    """Make a rule; `None` stands for no value."""
    rule: Rule = {"field": field, "operator": operator}
    return rule if value is None else {**rule, "value": value}


def known(values: Mapping[Any, int]) -> list[str]:
    """List the values that are no null."""
    return [value for value in values if value is not None]


def day(random: Random, first: int, last: int) -> str:
    """Draw a day, so many days after (or, below zero, before) the reference date."""
    return (REFERENCE + timedelta(days=random.randint(first, last))).isoformat()


def draw_equal(random: Random) -> Rule:
    """Draw a rule that some field has, or has not, one value."""
    field, values = random.choice(
        [
            ("status", known(STATUSES)),
            ("custom_fields.plan", known(PLANS)),
            ("country", known(COUNTRIES)),
            ("custom_fields.source", known(SOURCES)),
            ("city", list(CITIES)),
            ("custom_fields.address.city", list(CITIES)),
        ]
    )
    return make_rule(field, random.choice(("eq", "eq", "eq", "neq")), random.choice(values))


def draw_contains(random: Random) -> Rule:
    """Draw a rule about a part of a text or an element of a list."""
    field, values = random.choice(
        [
            ("tags", known(TAGS)),
            ("email", [f"@{domain}" for domain in EMAIL_DOMAINS]),
            ("company", list(COMPANY_TAILS)),
            ("name", list(NAME_TAILS)),
            ("custom_fields.source", ["ads", "partner", "import"]),
        ]
    )
    return make_rule(field, random.choice(("contains", "contains", "contains", "not_contains")), random.choice(values))


def draw_number(random: Random) -> Rule:
    """Draw a rule that a number lies on one side of a bound."""
    field, value = random.choice(
        [
            ("score", random.randint(10, 90)),
            ("custom_fields.seats", random.choice((1, 2, 5, 10, 20, 25, 50, 75, 100, 150, 200))),
            ("custom_fields.mrr", random.choice((0, 49.5, 99, 250, 500, 999.99, 1500, 2000))),
        ]
    )
    return make_rule(field, random.choice(("gt", "gte", "lt", "lte")), value)


def draw_date(random: Random) -> Rule:
    """Draw a rule that a time lies on one side of a day."""
    field, value = random.choice(
        [
            ("created_at", day(random, -1_400, -60)),
            ("last_contacted_at", day(random, -900, -30)),
            ("custom_fields.trial_ends_at", day(random, -240, 30)),
        ]
    )
    return make_rule(field, random.choice(("gt", "gte", "gte", "lt", "lt", "lte")), value)


def draw_presence(random: Random) -> Rule:
    """Draw a rule that a field is, or is not, there; never of a list, which in ClickHouse is always there."""
    fields = ("company", "score", "custom_fields.seats", "city", "country", "custom_fields.trial_ends_at")
    nested = ("custom_fields.address.postal_code", "custom_fields.source", "last_contacted_at")
    return make_rule(random.choice((*fields, *nested)), random.choice(("exists", "empty")), None)


DRAWS: Final[dict[Callable[[Random], Rule], int]] = {
    draw_equal: 34,
    draw_contains: 20,
    draw_number: 21,
    draw_date: 19,
    draw_presence: 6,
}


def make_pool(random: Random, wanted: int) -> list[Rule]:
    """Draw distinct rules, the popular ones first.

    Args:
        random: Where the random numbers come from.
        wanted: How many.

    Returns:
        The rules.

    Raises:
        ValueError: If there are not so many distinct rules.
    """
    pool = {json.dumps(rule): rule for rule in (make_rule(*parts) for parts in POPULAR[:wanted])}
    for _ in range(200 * wanted):
        if len(pool) == wanted:
            return list(pool.values())
        rule = random.choices(list(DRAWS), list(DRAWS.values()))[0](random)
        pool.setdefault(json.dumps(rule), rule)
    message = f"there are no {wanted} distinct rules to draw; about 2,000 is the most"
    raise ValueError(message)


def take(deck: deque[Rule], wanted: int) -> list[Rule]:
    """Take rules from the deck, no two about one field as long as that can be had."""
    rules: list[Rule] = []
    for _ in range(len(deck)):
        if len(rules) == wanted:
            break
        rule = deck.popleft()
        if any(rule["field"] == other["field"] for other in rules):
            deck.append(rule)
        else:
            rules.append(rule)
    while deck and len(rules) < wanted:
        rules.append(deck.popleft())
    return rules


def make_segments(count: int, distinct: int | None, seed: int) -> list[dict[str, Any]]:
    """Make segment definitions.

    Args:
        count: How many.
        distinct: How many distinct rules they have together; None chooses a usual number
            (120 for 100 segments, 320 for 1,000).
        seed: Another seed gives other segments.

    Returns:
        The definitions, as they stand in a file.

    Raises:
        ValueError: If there are not so many distinct rules.
    """
    random = Random(seed)
    sizes = random.choices((1, 2, 3, 4), RULES_PER_SEGMENT, k=count)
    usual = round(120 * (count / 100) ** 0.426)
    pool = make_pool(random, min(distinct or usual, sum(sizes)))
    popularity = [1 / (rank + 2) for rank in range(len(pool))]
    cards = pool + random.choices(pool, popularity, k=sum(sizes) - len(pool))
    random.shuffle(cards)
    deck = deque(cards)
    segments: list[dict[str, Any]] = []
    for number, size in enumerate(sizes, start=1):
        match = {"match": "any"} if size > 1 and random.random() < ANY_SHARE else {}
        identity = {"id": f"segment-{number:05d}", "name": f"Segment {number}"}
        segments.append({**identity, **match, "rules": take(deck, size)})
    return segments


def repeated(segments: list[dict[str, Any]], times: int) -> list[dict[str, Any]]:
    """Repeat segments under other ids: so many times the memberships, and not one rule more."""
    copies = ({**segment, "id": f"copy-{copy:03d}-of-{segment['id']}"} for copy in range(times) for segment in segments)
    return segments if times == 1 else list(copies)


def write_segments(segments: list[dict[str, Any]], out: Path) -> None:
    """Write the definitions as one JSON file with a list, or into a folder, a file each.

    Args:
        segments: The definitions.
        out: A file, told by its ending `.json`, or else a folder.
    """
    if out.suffix == ".json":
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(segments, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        return
    out.mkdir(parents=True, exist_ok=True)
    for segment in segments:
        text = json.dumps(segment, indent=2, ensure_ascii=False) + "\n"
        (out / f"{segment['id']}.json").write_text(text, encoding="utf-8")
