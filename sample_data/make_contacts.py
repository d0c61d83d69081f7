"""Make the sample snapshot `contacts.parquet`: 5,000 invented contacts of a CRM.

Run it from anywhere; the file is written next to this script:

    python sample_data/make_contacts.py

The result depends on nothing but this script and `pools.py`: the random numbers are
seeded, and every time is relative to a constant date, so that running it twice gives
the same bytes (with the same version of pyarrow).

Data as it is met in a real CRM is there on purpose: nulls nearly everywhere, empty
texts in `company` and `phone`, empty and missing lists of tags, NaN in `mrr`, whole
contacts without custom fields and custom fields without an address.
"""

from __future__ import annotations

import math
import unicodedata
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from pools import (
    COMPANY_HEADS,
    COMPANY_TAILS,
    FAMILY_NAME_FIRST,
    FIRST_NAMES,
    LAST_NAMES,
    PLACES,
    PLAIN_LETTERS,
    SOURCES,
    STREETS,
    TAGS,
    Place,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")

SEED: Final = 20260101
CONTACTS: Final = 5_000
REFERENCE: Final = datetime(2026, 1, 1, tzinfo=UTC)
LAUNCH_DAY: Final = datetime(2025, 11, 18, tzinfo=UTC)
OUTPUT: Final = Path(__file__).with_name("contacts.parquet")

UTC_TIME: Final = pa.timestamp("us", tz="UTC")
SCHEMA: Final = pa.schema(
    {
        "id": pa.string(),
        "project_id": pa.string(),
        "name": pa.string(),
        "first_name": pa.string(),
        "last_name": pa.string(),
        "email": pa.string(),
        "phone": pa.string(),
        "company": pa.string(),
        "status": pa.string(),
        "city": pa.string(),
        "state": pa.string(),
        "country": pa.string(),
        "tags": pa.list_(pa.string()),
        "unsubscribed": pa.bool_(),
        "external_id": pa.string(),
        "last_contacted_at": UTC_TIME,
        "created_at": UTC_TIME,
        "updated_at": UTC_TIME,
        "custom_fields": pa.struct(
            {
                "plan": pa.string(),
                "source": pa.string(),
                "seats": pa.int64(),
                "mrr": pa.float64(),
                "trial_ends_at": UTC_TIME,
                "address": pa.struct(
                    {
                        "street": pa.string(),
                        "city": pa.string(),
                        "postal_code": pa.string(),
                        "country": pa.string(),
                    }
                ),
            }
        ),
    }
)

STATUSES: Final = {"active": 55, "new": 14, "inactive": 20, "archived": 11}
# How often a contact of a status has which plan.
PLANS: Final[dict[str, dict[str | None, int]]] = {
    "active": {"free": 28, "starter": 28, "pro": 26, "enterprise": 8, None: 10},
    "new": {"free": 50, "starter": 14, "pro": 5, "enterprise": 1, None: 30},
    "inactive": {"free": 46, "starter": 21, "pro": 9, "enterprise": 3, None: 21},
    "archived": {"free": 30, "starter": 10, "pro": 4, "enterprise": 1, None: 55},
}
SEATS: Final = {"free": (1, 3), "starter": (1, 12), "pro": (5, 60)}
ENTERPRISE_SEATS: Final = (40, 900)
SEAT_PRICE: Final = {"free": 0.0, "starter": 9.0, "pro": 19.5, "enterprise": 32.0}
EMAIL_DOMAINS: Final = {"example.com": 70, "example.net": 18, "example.org": 12}


def pick(rng: Random, weights: Mapping[T, int]) -> T:
    """Draw one key, each as often as its weight says."""
    return rng.choices(list(weights), list(weights.values()))[0]


def chance(rng: Random, share: float) -> bool:
    """Answer yes in the given share of the calls."""
    return rng.random() < share


def moment(rng: Random, first: datetime, last: datetime) -> datetime:
    """Draw a moment from `first` up to `last`, in whole milliseconds."""
    milliseconds = int((last - first) / timedelta(milliseconds=1))
    return first + timedelta(milliseconds=rng.randint(0, max(milliseconds, 0)))


def ascii_word(text: str) -> str:
    """Write a name with the letters of an email address; "" where none is left."""
    plain = unicodedata.normalize("NFKD", text.translate(PLAIN_LETTERS))
    return "".join(c for c in plain if c.isascii() and c.isalnum()).lower()


def make_email(rng: Random, number: int, first: str, last: str) -> str | None:
    """Make the address of a contact in one of the domains reserved for examples."""
    if chance(rng, 0.03):
        return None
    words = [word for word in (ascii_word(first), ascii_word(last)) if word]
    local = ".".join([*words, str(number)]) if words else f"contact.{number}"
    return f"{local}@{pick(rng, EMAIL_DOMAINS)}"


def make_phone(rng: Random, place: Place) -> str | None:
    """Make a fictional telephone number (555-0100 to 555-0199), "" or None."""
    number = f"555-01{rng.randint(0, 99):02d}"
    if chance(rng, 0.28):
        return "" if chance(rng, 0.25) else None
    return f"+1 {place.area_code}-{number}" if place.area_code else number


def make_company(rng: Random) -> str | None:
    """Make the name of an invented company, "" or None."""
    name = f"{rng.choice(COMPANY_HEADS)} {rng.choice(COMPANY_TAILS)}"
    if chance(rng, 0.18):
        return "" if chance(rng, 0.3) else None
    return name


def make_tags(rng: Random) -> list[str] | None:
    """Draw the tags of a contact: none to four different ones, or no list at all."""
    if chance(rng, 0.08):
        return None
    wanted = rng.choices((0, 1, 2, 3, 4), (22, 36, 24, 13, 5))[0]
    tags: list[str] = []
    while len(tags) < wanted:
        tag = pick(rng, TAGS)
        if tag not in tags:
            tags.append(tag)
    return tags


def make_times(rng: Random, status: str) -> dict[str, datetime | None]:
    """Draw when a contact was created, changed and talked to, as its status asks."""
    newest = 75 if status == "new" else 1_400
    created = moment(rng, REFERENCE - timedelta(days=newest), REFERENCE)
    if chance(rng, 0.02):
        created = moment(rng, LAUNCH_DAY, LAUNCH_DAY + timedelta(hours=23))
    elif status in {"inactive", "archived"}:
        created = moment(rng, datetime(2022, 1, 1, tzinfo=UTC), LAUNCH_DAY)
    updated = moment(rng, created, REFERENCE)
    unspoken = {"new": 0.65, "active": 0.12}.get(status, 0.25)
    contacted = None if chance(rng, unspoken) else moment(rng, created, updated)
    return {
        "last_contacted_at": contacted,
        "created_at": created,
        "updated_at": None if chance(rng, 0.04) else updated,
    }


def make_address(rng: Random, place: Place) -> dict[str, str | None] | None:
    """Make the billing address, mostly in the contact's own city; None for many."""
    if chance(rng, 0.35):
        return None
    own = place if chance(rng, 0.9) else rng.choice(PLACES)
    postal_code = f"{own.postal_prefix}{rng.randint(0, 99):02d}"
    street = f"{rng.randint(1, 240)} {rng.choice(STREETS)} Street"
    return {
        "street": None if chance(rng, 0.1) else street,
        "city": None if chance(rng, 0.04) else own.city,
        "postal_code": None if chance(rng, 0.12) else postal_code,
        "country": own.country,
    }


def make_money(rng: Random, plan: str | None) -> tuple[int | None, float | None]:
    """Draw seats and monthly revenue; NaN stands for a broken import of the latter."""
    if plan is None:
        return None, None
    seats = rng.randint(*SEATS.get(plan, ENTERPRISE_SEATS))
    revenue = round(seats * SEAT_PRICE[plan] * rng.choice((0.8, 0.9, 1.0)), 2)
    if chance(rng, 0.05):
        return seats, math.nan if chance(rng, 0.5) else None
    return (None if chance(rng, 0.03) else seats), revenue


def make_custom_fields(rng: Random, status: str, place: Place, created: datetime) -> dict[str, Any] | None:
    """Make the fields that the customer of the CRM has added; None for some."""
    if chance(rng, 0.06):
        return None
    plan = pick(rng, PLANS[status])
    seats, mrr = make_money(rng, plan)
    start = max(created, REFERENCE - timedelta(days=60))
    on_trial = plan in {"free", "starter"} and chance(rng, 0.55)
    trial_end = start + timedelta(days=rng.choice((14, 30, 60, 90)))
    return {
        "plan": plan,
        "source": pick(rng, SOURCES),
        "seats": seats,
        "mrr": mrr,
        "trial_ends_at": trial_end.replace(microsecond=0) if on_trial else None,
        "address": make_address(rng, place),
    }


def make_contact(rng: Random, number: int) -> dict[str, Any]:
    """Make one contact.

    Args:
        rng: Where the random numbers come from.
        number: The place of the contact in the file, which keeps emails apart.

    Returns:
        The contact, with a key for every column of `SCHEMA`.
    """
    place = rng.choices(PLACES, [place.weight for place in PLACES])[0]
    first = rng.choice(FIRST_NAMES[place.locale])
    last = rng.choice(LAST_NAMES[place.locale])
    family_first = place.locale in FAMILY_NAME_FIRST
    status = pick(rng, STATUSES)
    times = make_times(rng, status)
    located = not chance(rng, 0.07)
    return {
        "id": str(uuid.UUID(int=rng.getrandbits(128), version=4)),
        "project_id": "proj-2" if chance(rng, 0.12) else "proj-1",
        "name": f"{last} {first}" if family_first else f"{first} {last}",
        "first_name": first,
        "last_name": None if chance(rng, 0.02) else last,
        "email": make_email(rng, number, first, last),
        "phone": make_phone(rng, place),
        "company": make_company(rng),
        "status": status,
        "city": place.city if located else None,
        "state": place.state if located else None,
        "country": None if chance(rng, 0.03) else place.country,
        "tags": make_tags(rng),
        "unsubscribed": None if chance(rng, 0.02) else chance(rng, 0.16),
        "external_id": None if chance(rng, 0.3) else f"crm-{rng.randint(1, 10**7):07d}",
        **times,
        "custom_fields": make_custom_fields(rng, status, place, times["created_at"] or REFERENCE),
    }


def main() -> None:
    """Write the sample snapshot as a plain Parquet file."""
    rng = Random(SEED)
    rows = [make_contact(rng, number) for number in range(1, CONTACTS + 1)]
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    pq.write_table(table, OUTPUT, compression="zstd", store_schema=False)
    print(f"{OUTPUT.name}: {len(rows)} contacts, {OUTPUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
