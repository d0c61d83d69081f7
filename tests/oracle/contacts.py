"""Hypothesis strategies for tables of contacts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from hypothesis import strategies as st

from . import pools

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hypothesis.strategies import DrawFn, SearchStrategy

    Cells = SearchStrategy[Any]

_MOST_ROWS = 25
_BROKEN = ("", "{", "nope", '{"plan": }', '{"seats": NaN}', "{'plan': 1}", "null")


def _some(pool: Sequence[Any]) -> Cells:
    return st.sampled_from((None, *pool)) if len(pool) < 8 else st.sampled_from((None, None, *pool))


def _lists(pool: Sequence[Any]) -> Cells:
    return st.none() | st.lists(_some(pool), max_size=3)


_TEXTS = st.one_of(_some(pools.TEXTS), _some(pools.NUMBER_LIKE))
_PLANS = _some(("pro", "PRO", "free", "", "a"))
_ADDRESSES = st.none() | st.fixed_dictionaries(
    {
        "city": _some(("Berlin", "berlin", "Zürich", "")),
        "zip": _some(("07", "7", "10115")),
        "geo": st.none() | st.fixed_dictionaries({"lat": _some(pools.FLOATS)}),
    }
)
_STRUCTS = st.none() | st.fixed_dictionaries(
    {
        "plan": _PLANS,
        "seats": _some(pools.INTEGERS),
        "rate": _some(pools.FLOATS),
        "vip": _some((True, False)),
        "since": _some(pools.MOMENTS),
        "birthday": _some(pools.DAYS),
        "labels": _lists(pools.TEXTS[:8]),
        "address": _ADDRESSES,
        "override": _some(pools.INTEGERS),
        "utm.source": _some(("mail", "web")),
        "utm": st.none() | st.fixed_dictionaries({"source": _some((1, 2)), "medium": _some(("mail", "web"))}),
    }
)
_ANY_JSON = st.sampled_from(
    (
        None,
        "pro",
        "12",
        "true",
        7,
        10,
        12,
        10.5,
        0.1,
        True,
        False,
        [],
        [1, "a", None],
        {},
        {"city": "Berlin"},
        {"b": [1, 2.5]},
    )
)
_LONG = (2**53 + 1, 2**64, 2**64 + 1, -(2**70), 10**38, 10**40 + 7, 7)
_JSON_PARTS = {
    "Plan": _PLANS,
    "*": _PLANS,
    "ids": st.sampled_from(_LONG),
    "plan": _PLANS,
    "seats": _some(pools.INTEGERS),
    "rate": _some((1, 7, 10, 0.1, 10.5, -1.5)),
    "vip": _some((True, False)),
    "since": _some(pools.MOMENT_TEXTS[:8]),
    "birthday": _some(pools.DAY_TEXTS),
    "labels": _lists(("a", "A", "ß", "7")),
    "address": st.none()
    | st.fixed_dictionaries(
        {}, optional={"city": _some(("Berlin", "")), "geo": st.fixed_dictionaries({"lat": _some((0.1, 7))})}
    ),
    "utm.source": _some(("mail", "web")),
    "utm": st.fixed_dictionaries({}, optional={"source": _some((1, 2)), "medium": _some(("mail", "web"))}),
    "empty_list": st.just([]),
}
_ODD_PARTS = {
    "plan": st.one_of(_PLANS, st.sampled_from((["pro"], ["free", "pro"]))),
    "Plan": _PLANS,
    "*": _PLANS,
    "ids": st.sampled_from((*_LONG, [2**64 + 1], [2**64, "7"])),
    "a.b": st.sampled_from((1, "1", None)),
    "a": st.sampled_from(({"b": 1}, {"b": "x"}, {"b": [1]}, {}, "a")),
}
_ODD_OBJECTS = st.sampled_from(
    (
        st.fixed_dictionaries({}, optional=_ODD_PARTS),
        st.fixed_dictionaries({}, optional={**_ODD_PARTS, "ids": st.sampled_from(_LONG)}),
        st.fixed_dictionaries({}, optional={**_ODD_PARTS, "ids": st.sampled_from((0.5, *_LONG))}),
    )
)
_RECORDS = st.none() | st.lists(
    st.fixed_dictionaries(
        {
            "key": st.sampled_from(("plan", "a.b", "a", "^id$", None)),
            "value": st.sampled_from(("pro", "", None, "7", '{"b": 1}')),
        }
    ),
    max_size=3,
)
_JSON_OBJECTS = st.fixed_dictionaries({}, optional={**_JSON_PARTS, "mixed": _ANY_JSON})
_MESSY_OBJECTS = st.dictionaries(st.sampled_from((*_JSON_PARTS, "mixed")), _ANY_JSON, max_size=5)
_MAPS = st.none() | st.dictionaries(
    st.sampled_from(("plan", "seats", "vip", "since", "utm.source", "address.city", "address", "mixed")),
    st.one_of(_PLANS, _some(pools.NUMBER_LIKE), _some(("true", "false", "2025-03-30"))),
    max_size=4,
).map(lambda cell: list(cell.items()))

_COLUMNS: dict[str, Cells] = {
    "project_id": _some(("p1", "p1", "p2")),
    "status": _some(("active", "Active", "inactive", "")),
    "nickname": _TEXTS,
    "tiny": _some(pools.TINY),
    "score": _some(pools.LARGE),
    "big": _some(pools.UNSIGNED),
    "ratio32": _some(pools.FLOATS),
    "ratio": _some(pools.FLOATS),
    "balance": _some(pools.DECIMALS),
    "subscribed": _some((True, False)),
    "created_at": _some(pools.MOMENTS),
    "seen_at": _some([moment.replace(tzinfo=None) for moment in pools.MOMENTS]),
    "met_at": _some(pools.MOMENTS),
    "born_on": _some(pools.DAYS),
    "renews": _some(pools.ISO_TEXTS),
    "release": _some((*pools.VERSIONS, *pools.OTHER_VERSIONS)),
    "epoch": _some(pools.EPOCHS),
    "device": _some([device.bytes for device in pools.UUIDS]),
    "tags": st.one_of(_lists(pools.TEXTS), _lists(pools.NUMBER_LIKE)),
    "numbers": _lists(pools.LARGE),
    "weights": _lists(pools.FLOATS),
    "flags": _lists((True, False)),
    "days": _lists(pools.DAYS),
    "moments": _lists(pools.MOMENTS),
    "pairs": _lists(([1, 2], [])),
    "avatar": _some((b"", b"x", b"\xff", b"\0")),
    "nothing": st.none(),
    "geo.city": _some(("Berlin", "berlin", "")),
    "*": _PLANS,
    "^status$": _PLANS,
    "Twin": _PLANS,
    "tWIN": _some(pools.INTEGERS),
    "LOUD": _PLANS,
    "records": _RECORDS,
    "custom_fields.override": _some(("pro", "free", "7")),
}


@st.composite
def tables(draw: DrawFn, form: str = "struct") -> pa.Table:
    """Draw a table of up to 25 contacts, with `custom_fields` in the given form.

    One column is filled after another; a failing table shrinks to few rows and many nulls.
    """
    rows = draw(st.integers(0, _MOST_ROWS))
    columns: dict[str, list[Any]] = {"id": [f"c{row:02d}" for row in range(rows)]}
    for name, cells in _COLUMNS.items():
        columns[name] = draw(st.lists(cells, min_size=rows, max_size=rows))
    kind = draw(st.sampled_from((pools.ISO_TEXTS, pools.ISO_TEXTS[:2], (*pools.ISO_TEXTS, *pools.OTHER_DATES))))
    columns["renews"] = draw(st.lists(_some(kind), min_size=rows, max_size=rows))
    odd = draw(_ODD_OBJECTS)
    properties = st.none() | odd.map(_json) | st.sampled_from(("", "pro", "{", "[1]", '"x"', "null"))
    columns["properties"] = draw(st.lists(properties, min_size=rows, max_size=rows))
    custom = draw(_custom_fields(form))
    columns["custom_fields"] = draw(st.lists(custom, min_size=rows, max_size=rows))
    schema = pools.schema(form)
    return pa.table([pa.array(columns[field.name], field.type) for field in schema], schema=schema)


def _custom_fields(form: str) -> SearchStrategy[Cells]:
    """Choose, for a whole table, what its `custom_fields` look like."""
    if form == "json":
        objects = st.sampled_from((_JSON_OBJECTS, _JSON_OBJECTS, _MESSY_OBJECTS))
        return objects.map(lambda cells: st.one_of(cells.map(_json), cells.map(_json), _some(_BROKEN)))
    return st.just(_MAPS if form == "map" else _STRUCTS)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
