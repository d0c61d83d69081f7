"""Make the related tables of the sample snapshot (orders, events and loyalty cards) and its list of addresses.

Run it from anywhere, after `make_contacts.py`; the files are written next to this script:

    python sample_data/make_tables.py

Like the contacts, they depend on nothing but the seed. Rows of contacts that were deleted and rows without a contact
are there on purpose, as are missing amounts and orders that were never paid.
"""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")

SEED: Final = 20260102
FOLDER: Final = Path(__file__).parent
REFERENCE: Final = datetime(2026, 1, 1, tzinfo=UTC)
UTC_TIME: Final = pa.timestamp("us", tz="UTC")

ITEM: Final = pa.struct({"sku": pa.string(), "quantity": pa.int64(), "price": pa.decimal128(10, 2)})
ORDERS: Final = pa.schema(
    {
        "order_id": pa.string(),
        "contact_id": pa.string(),
        "placed_at": UTC_TIME,
        "status": pa.string(),
        "amount": pa.decimal128(10, 2),
        "channel": pa.string(),
        "coupon": pa.string(),
        "items": pa.list_(ITEM),
    }
)
EVENTS: Final = pa.schema(
    {"contact_id": pa.string(), "happened_at": UTC_TIME, "name": pa.string(), "campaign": pa.string()}
)
LOYALTY: Final = pa.schema(
    {"contact_id": pa.string(), "birthday": pa.date32(), "joined_on": pa.date32(), "points": pa.int64()}
)

ORDERS_OF_PLAN: Final[dict[str | None, tuple[int, ...]]] = {
    "enterprise": (0, 2, 4, 6, 8, 12),
    "pro": (0, 1, 2, 3, 5, 8),
    "starter": (0, 0, 1, 1, 2, 4),
    "free": (0, 0, 0, 0, 1, 2),
    None: (0, 0, 0, 0, 0, 1),
}
ORDER_STATUSES: Final = {"paid": 78, "open": 8, "refunded": 8, "cancelled": 6}
CHANNELS: Final = {"web": 60, "app": 25, "phone": 15}
COUPONS: Final = {None: 80, "WELCOME10": 8, "SPRING25": 7, "VIP": 5}
SKUS: Final = {"basic": "9.90", "plus": "24.50", "training": "149.00", "support": "320.00", "licence": "75.00"}
EVENT_NAMES: Final = {
    "login": 34,
    "page_viewed": 26,
    "email_opened": 16,
    "cart_updated": 9,
    "email_clicked": 7,
    "checkout_started": 5,
    "ticket_opened": 3,
}
CAMPAIGNS: Final = {"newsletter": 55, "spring-sale": 25, "product-news": 20}


def pick(rng: Random, weights: Mapping[T, int]) -> T:
    """Draw one key, each as often as its weight says."""
    return rng.choices(list(weights), list(weights.values()))[0]


def chance(rng: Random, share: float) -> bool:
    """Answer yes in the given share of the calls."""
    return rng.random() < share


def moment(rng: Random, first: datetime, last: datetime) -> datetime:
    """Draw a moment from `first` up to `last`, in whole seconds, more often a late one."""
    seconds = max(int((last - first).total_seconds()), 0)
    return first + timedelta(seconds=int(seconds * rng.random() ** 0.6))


def make_order(rng: Random, contact: dict[str, Any], last: datetime) -> dict[str, Any]:
    """Make one order of a contact."""
    names = rng.sample(list(SKUS), rng.choice((1, 1, 1, 2, 3)))
    items = [{"sku": name, "quantity": rng.choice((1, 1, 2, 5)), "price": Decimal(SKUS[name])} for name in names]
    amount = sum((item["price"] * item["quantity"] for item in items), Decimal(0))
    return {
        "order_id": f"o-{rng.getrandbits(40):010x}",
        "contact_id": contact["id"],
        "placed_at": moment(rng, contact["created_at"], last),
        "status": pick(rng, ORDER_STATUSES),
        "amount": None if chance(rng, 0.01) else amount,
        "channel": pick(rng, CHANNELS),
        "coupon": pick(rng, COUPONS),
        "items": items,
    }


def make_event(rng: Random, contact: dict[str, Any], last: datetime) -> dict[str, Any]:
    """Make one event of a contact."""
    name = pick(rng, EVENT_NAMES)
    return {
        "contact_id": contact["id"],
        "happened_at": moment(rng, contact["created_at"], last),
        "name": name,
        "campaign": pick(rng, CAMPAIGNS) if name.startswith("email") else None,
    }


def make_card(rng: Random, contact: dict[str, Any]) -> dict[str, Any]:
    """Make the card of a contact in the loyalty programme; some did not give their birthday."""
    birthday = date(1950, 1, 1) + timedelta(days=rng.randint(0, 20_000))
    return {
        "contact_id": contact["id"],
        "birthday": None if chance(rng, 0.1) else birthday,
        "joined_on": moment(rng, contact["created_at"], REFERENCE).date(),
        "points": rng.choice((0, 50, 120, 300, 900, 2_500)),
    }


def deleted(rng: Random) -> dict[str, Any]:
    """Make a contact that is not in the snapshot any more."""
    return {"id": str(uuid.UUID(int=rng.getrandbits(128), version=4)), "created_at": datetime(2024, 1, 1, tzinfo=UTC)}


def make_rows(rng: Random, contacts: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Make the rows of the tables, contact by contact."""
    found: dict[str, list[dict[str, Any]]] = {"orders": [], "events": [], "loyalty": []}
    for contact in contacts:
        is_active = contact["status"] == "active"
        last = REFERENCE if is_active else min(REFERENCE, contact["created_at"] + timedelta(days=rng.randint(5, 400)))
        plan = (contact["custom_fields"] or {}).get("plan")
        found["orders"] += [make_order(rng, contact, last) for _ in range(rng.choice(ORDERS_OF_PLAN[plan]))]
        found["events"] += [
            make_event(rng, contact, last) for _ in range(rng.choice((0, 1, 3, 6, 9) if is_active else (0, 0, 1, 3)))
        ]
        if is_active and chance(rng, 0.4):
            found["loyalty"].append(make_card(rng, contact))
    found["orders"] += [make_order(rng, deleted(rng), REFERENCE) for _ in range(25)]
    anonymous = {"id": None, "created_at": REFERENCE - timedelta(days=90)}
    found["events"] += [make_event(rng, anonymous, REFERENCE) for _ in range(150)]
    return found


def write_list(rng: Random, contacts: list[dict[str, Any]]) -> None:
    """Write the addresses that must get no e-mail, some of them of no contact in the snapshot."""
    known = [contact["email"] for contact in contacts if contact["email"] is not None]
    others = [f"gone.{number}@example.org" for number in range(20)]
    path = FOLDER / "lists" / "do-not-mail.txt"
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(sorted([*rng.sample(known, 240), *others])) + "\n", encoding="utf-8")


def main() -> None:
    """Write the tables as plain Parquet files, ordered by time like an export, and a list of addresses."""
    contacts = pq.read_table(FOLDER / "contacts.parquet").to_pylist()
    write_list(Random(SEED + 1), contacts)
    rows = make_rows(Random(SEED), contacts)
    schemas = {"orders": (ORDERS, "placed_at"), "events": (EVENTS, "happened_at"), "loyalty": (LOYALTY, "joined_on")}
    for name, (schema, time) in schemas.items():
        ordered = sorted(rows[name], key=lambda row, by=time: row[by])  # type: ignore[misc]
        path = FOLDER / f"{name}.parquet"
        pq.write_table(pa.Table.from_pylist(ordered, schema=schema), path, compression="zstd", store_schema=False)
        print(f"{path.name}: {len(ordered)} rows, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
