"""Hypothesis strategies for contacts with related tables, and for rules about those."""

from __future__ import annotations

import json
import math
from datetime import date, timedelta
from decimal import Decimal
from math import isfinite
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pyarrow as pa
from hypothesis import strategies as st

from . import pools
from .definitions import family_of, nodes, read_rules_on, rules_on
from .fields import Snapshot
from .kinds import Kind, Refused
from .related import RelatedTable, Source, aggregate, find_source
from .strategies import Case, as_ofs, timezones

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hypothesis.strategies import DrawFn, SearchStrategy

    from .evaluator import Options
    from .fields import Form
    from .related import Values

_MOST_CONTACTS, _MOST_ROWS = 6, 30
_DEEPEST = 2
_EXACT_FLOATS = (math.nan, math.inf, -math.inf, -0.0, 0.0, 0.5, 1.0, 7.0, 10.0, 10.5, -1.5, 1e3)
"""Doubles of few binary digits: a sum of them is the same in any order."""
_WHOLE = (*pools.INTEGERS, 127, 1000, 2**40, 2**53 + 1)
_TIMES = (pa.timestamp("us", "UTC"), pa.timestamp("ns"), pa.timestamp("ms", "Europe/Berlin"), pa.date32())
_NAMES = ("orders", "events", "Tickets", "order-items", "2x", "select", "orders_1", "-", "x" * 128)
_CONTACTS = ("contact_id", "user", "Contact Id", "*", "who.id", "id", 'quo"te')
_TIME_NAMES = ("at", "placed at", "^at$", "When", "date")
_IDS: tuple[tuple[pa.DataType, tuple[pa.DataType, ...]], ...] = (
    (pa.string(), (pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string()))),
    (pa.large_string(), (pa.string(),)),
    (pa.int64(), (pa.int64(), pa.int32(), pa.uint64())),
    (pa.int32(), (pa.int64(),)),
    (pa.uint64(), (pa.uint64(), pa.int64())),
    (pa.uuid(), (pa.uuid(),)),
)


def _some(pool: Sequence[Any]) -> SearchStrategy[Any]:
    return st.sampled_from((None, *pool))


_ITEM = pa.struct([("sku", pa.string()), ("n", pa.int64()), ("deep", pa.struct([("t", pa.string())]))])
_ITEMS = st.none() | st.lists(
    st.none()
    | st.fixed_dictionaries(
        {
            "sku": _some(("a", "A", "b", "")),
            "n": _some(pools.INTEGERS),
            "deep": st.none() | st.fixed_dictionaries({"t": _some(("x", "y"))}),
        }
    ),
    max_size=3,
)
_JSON_ITEMS = st.none() | st.lists(
    st.none()
    | st.fixed_dictionaries(
        {},
        optional={
            "sku": _some(("a", "A", "b", "")),
            "n": _some((1, 7, 10)),
            "rate": _some((0.5, 10.5, -1.5)),
            "paid": _some((True, False)),
            "deep": st.fixed_dictionaries({}, optional={"t": _some(("x", "y"))}),
            "deep.t": _some(("x", "z")),
        },
    ),
    max_size=3,
)
_LISTS: tuple[tuple[str, pa.DataType, tuple[Any, ...]], ...] = (
    ("tags", pa.list_(pa.string()), pools.TEXTS[:12]),
    ("numbers", pa.large_list(pa.int64()), _WHOLE),
    ("weights", pa.list_(pa.float64()), _EXACT_FLOATS),
    ("moments", pa.list_(pa.timestamp("us", "UTC")), pools.MOMENTS),
    ("flags", pa.list_(pa.bool_()), (True, False)),
)

_COLUMNS: dict[str, tuple[pa.DataType, SearchStrategy[Any]]] = {
    "status": (pa.string(), _some(("paid", "open", "Paid", ""))),
    "note": (pa.string(), _some((*pools.TEXTS, *pools.NUMBER_LIKE))),
    "qty": (pa.int8(), _some((*pools.INTEGERS, 127, -128))),
    "total": (pa.int64(), _some(_WHOLE)),
    "units": (pa.uint64(), _some((0, 1, 7, 2**53 + 1, 2**40))),
    "amount": (pa.decimal128(10, 2), _some(pools.DECIMALS)),
    "price": (pa.float64(), _some(_EXACT_FLOATS)),
    "price32": (pa.float32(), _some(_EXACT_FLOATS)),
    "paid": (pa.bool_(), _some((True, False))),
    "shipped": (pa.date32(), _some(pools.DAYS)),
    "done_at": (pa.timestamp("us", "UTC"), _some(pools.MOMENTS)),
    "seen": (pa.string(), _some(pools.ISO_TEXTS)),
    "born": (pa.string(), _some(pools.ISO_TEXTS[:2])),
    "mixed": (pa.string(), _some((*pools.ISO_TEXTS, *pools.OTHER_DATES))),
    "release": (pa.string(), _some((*pools.VERSIONS, *pools.OTHER_VERSIONS))),
    "labels": (pa.list_(pa.string()), st.none() | st.lists(_some(pools.TEXTS[:8]), max_size=2)),
    "meta": (
        pa.struct([("channel", pa.string()), ("device", pa.struct([("os", pa.string())]))]),
        st.none()
        | st.fixed_dictionaries(
            {
                "channel": _some(("mail", "web")),
                "device": st.none() | st.fixed_dictionaries({"os": _some(("ios", "linux"))}),
            }
        ),
    ),
    "props": (
        pa.string(),
        st.none()
        | st.fixed_dictionaries({}, optional={"plan": _some(("pro", "free")), "n": _some((1, 7))}).map(json.dumps),
    ),
    "odd.name": (pa.string(), _some(("x", "y"))),
    "*": (pa.string(), _some(("x", "y"))),
    "^status$": (pa.string(), _some(("x", "y"))),
    "STATUS2": (pa.string(), _some(("x", "y"))),
    "nothing": (pa.null(), st.none()),
}
_MEETING = (
    "eq",
    "neq",
    "gt",
    "lt",
    "gte",
    "lte",
    "contains",
    "not_contains",
    "in",
    "not_in",
    "starts_with",
    "ends_with",
)
_PATHS = ("meta.channel", "meta.device.os", "meta.nope", "props.plan", "props.n", "status2")


@st.composite
def related_cases(draw: DrawFn, operators: Sequence[str] = pools.ALL, form: Form = "struct") -> Case:
    """Draw a run over contacts with one to three related tables; most of its rules are about those."""
    id_type, key_types = draw(st.sampled_from(_IDS))
    contacts = draw(_contacts(id_type, form))
    ids = contacts["id"].to_pylist()
    names = draw(st.lists(st.sampled_from(_NAMES), min_size=1, max_size=3, unique_by=str.casefold))
    options: Options = {
        "timezone": draw(timezones()),
        "as_of": draw(as_ofs()),
        "custom_fields_form": form,
        "lists": pools.LISTS,
        "cells": {name: contacts[name].to_pylist() for name in contacts.column_names},
        "tables": {name: draw(_tables(ids, draw(st.sampled_from(key_types)))) for name in names},
    }
    segments = draw(_segments(contacts.schema, options, operators))
    options["segments"] = segments
    return Case(contacts, segments, options)


@st.composite
def _contacts(draw: DrawFn, id_type: pa.DataType, form: Form) -> pa.Table:
    rows = draw(st.integers(0, _MOST_CONTACTS))
    columns: dict[str, tuple[pa.DataType, list[Any]]] = {
        "id": (id_type, [_contact_id(id_type, n) for n in range(rows)])
    }

    def add(name: str, arrow: pa.DataType, cells: SearchStrategy[Any]) -> None:
        columns[name] = (arrow, draw(st.lists(cells, min_size=rows, max_size=rows)))

    add("status", pa.string(), _some(("active", "open")))
    for name, arrow, pool in _LISTS:
        add(name, arrow, st.none() | st.lists(_some(pool), max_size=3))
    add("baskets", pa.list_(_ITEM), _ITEMS)
    if form == "json":
        custom = st.fixed_dictionaries(
            {}, optional={"baskets": _JSON_ITEMS, "labels": st.lists(_some("ab"), max_size=3)}
        )
        add("custom_fields", pa.string(), st.none() | custom.map(json.dumps))
    else:
        arrow = pa.struct([("baskets", pa.list_(_ITEM)), ("labels", pa.list_(pa.string()))])
        labels = st.none() | st.lists(_some("ab"), max_size=3)
        add("custom_fields", arrow, st.none() | st.fixed_dictionaries({"baskets": _ITEMS, "labels": labels}))
    return pa.table({name: pa.array(cells, arrow) for name, (arrow, cells) in columns.items()})


def _contact_id(arrow: pa.DataType, number: int) -> Any:
    if arrow == pa.uuid():
        return number.to_bytes(16, "big")
    return number + 1 if pa.types.is_integer(arrow) else f"c{number:02d}"


@st.composite
def _tables(draw: DrawFn, ids: Sequence[Any], key_type: pa.DataType) -> RelatedTable:
    """Draw a table whose rows belong to these contacts, to others, or to none."""
    count = draw(st.integers(0, _MOST_ROWS))
    contact, time = draw(st.sampled_from(_CONTACTS)), draw(st.none() | st.sampled_from(_TIME_NAMES))
    raw = [one.bytes if hasattr(one, "bytes") else one for one in ids]
    stranger = _contact_id(pa.uuid() if key_type == pa.uuid() else key_type, 99)
    owners = st.sampled_from((*raw, *raw, *raw, stranger, None))
    columns = {contact: (key_type, owners)}
    if time is not None:
        arrow = draw(st.sampled_from(_TIMES))
        columns[time] = (arrow, _some(_days_or_moments(arrow)))
    kept = draw(st.lists(st.sampled_from([*_COLUMNS]), min_size=1, unique=True))
    columns |= {name: _COLUMNS[name] for name in _COLUMNS if name in kept and name not in columns}
    cells = {name: draw(st.lists(pool, min_size=count, max_size=count)) for name, (_, pool) in columns.items()}
    table = pa.table({name: pa.array(cells[name], arrow) for name, (arrow, _) in columns.items()})
    return RelatedTable(table.schema, table.to_pylist(), contact, time)


def _days_or_moments(arrow: pa.DataType) -> Sequence[date]:
    if pa.types.is_date(arrow):
        return pools.DAYS
    moments = (*pools.MOMENTS, *(moment + timedelta(milliseconds=1) for moment in pools.MOMENTS[:8]))
    return [moment if arrow.tz else moment.replace(tzinfo=None) for moment in moments]


@st.composite
def _segments(draw: DrawFn, schema: pa.Schema, options: Options, operators: Sequence[str]) -> dict[str, Any]:
    count = draw(st.integers(5, 6))  # more than 500 in the two forms of the 50 cases of a CI run
    rule = _rules(Snapshot.of(schema, options["custom_fields_form"], options["cells"]), options, operators)
    return {
        f"s{position}": {
            "id": f"s{position}",
            "name": "S",
            "rules": draw(st.lists(nodes(rule, _DEEPEST), min_size=1, max_size=2)),
            "match": draw(st.sampled_from(("all", "any", "none"))),
        }
        for position in range(count)
    }


@st.composite
def _rules(draw: DrawFn, contacts: Snapshot, options: Options, operators: Sequence[str]) -> dict[str, Any]:
    if draw(st.integers(0, 7)) == 0:
        field = draw(st.sampled_from(("status", "tags", "id", "custom_fields.labels")))
        return draw(rules_on(field, contacts.find(field).kind, operators))
    tables = options["tables"]
    lists = (
        *(name for name, *_ in _LISTS),
        "baskets",
        "custom_fields.baskets",
        "custom_fields.labels",
        "custom_fields.x",
    )
    name = draw(st.sampled_from((*tables,) if draw(st.integers(0, 2)) else lists))
    rule = draw(_rule_on(name, contacts, options, operators))
    return draw(_spoiled(rule)) if draw(st.integers(0, 11)) == 0 else rule


@st.composite
def _rule_on(draw: DrawFn, name: str, contacts: Snapshot, options: Options, operators: Sequence[str]) -> dict[str, Any]:
    """Draw a rule on a table that mostly has a meaning."""
    as_of = options["as_of"]
    assert as_of is not None
    source = find_source(name, contacts, options["tables"], as_of, ZoneInfo(options["timezone"]))
    fields = _fields_of(name, source, options)
    rows = [source.rows_of(contact) for contact in _contact_rows(options)]
    rule: dict[str, Any] = {"table": name}
    chosen, kind, values = draw(_aggregates(source, fields))
    where = [one for one in fields if one[1].name not in ("map", "other")]
    if draw(st.booleans()) and where:
        cells = {field: [source.columns.find(field).cell(row) for own in rows for row in own] for field, _ in where}
        inner = _where_rules(where, cells, operators)
        rule["where"] = draw(st.lists(nodes(inner, _DEEPEST), min_size=1, max_size=3))
    compared = draw(rules_on("", kind, [one for one in operators if "segment" not in one]))
    del compared["field"]
    return rule | chosen | draw(_meeting(compared, [values(own) for own in rows]))


def _contact_rows(options: Options) -> list[dict[str, Any]]:
    cells = options["cells"]
    return [dict(zip(cells, row, strict=True)) for row in zip(*cells.values(), strict=True)]


@st.composite
def _meeting(draw: DrawFn, rule: dict[str, Any], cells: Sequence[Any]) -> dict[str, Any]:
    """Draw a value that a rule meets among these cells, mostly, where it has a value of one of their kinds."""
    written = [float(cell) if isinstance(cell, Decimal) else cell for cell in cells]
    plain = [cell for cell in written if isinstance(cell, str | int) or (isinstance(cell, float) and isfinite(cell))]
    value = rule.get("value")
    own = [cell for cell in plain if isinstance(cell, bool) == isinstance(value, bool)]
    if not own or rule["operator"] not in _MEETING or draw(st.integers(0, 3)) == 0:
        return rule
    if rule["operator"] in ("in", "not_in"):
        return {**rule, "value": draw(st.lists(st.sampled_from(own), min_size=1, max_size=3))}
    return {**rule, "value": draw(st.sampled_from(own))}


@st.composite
def _where_rules(
    draw: DrawFn, fields: Sequence[tuple[str, Kind]], cells: Mapping[str, Sequence[Any]], operators: Sequence[str]
) -> dict[str, Any]:
    field, kind = draw(st.sampled_from(fields))
    rule = draw(read_rules_on(field, kind, operators, lambda kind: _alike(field, fields, kind)))
    return rule if rule.keys() & {"as", "value_field"} else draw(_meeting(rule, cells[field]))


def _alike(own: str, fields: Sequence[tuple[str, Kind]], kind: Kind) -> list[str]:
    """List the fields that can be compared with one of a kind; at least the field itself."""
    return [name for name, other in fields if other.name in family_of(kind)] or [own]


def _fields_of(name: str, source: Source, options: Options) -> list[tuple[str, Kind]]:
    if name in options["tables"]:
        table = options["tables"][name]
        names = [*table.schema.names, *(path for path in _PATHS if _is_in(path, table.schema.names))]
    else:
        names = ["sku", "n", "deep.t", "deep"] if name.endswith("baskets") else ["value"]
        names += ["rate", "paid"] if name == "custom_fields.baskets" and options["custom_fields_form"] == "json" else []
    return [(one, source.columns.find(one).kind) for one in names]


def _is_in(path: str, names: Sequence[str]) -> bool:
    return path.split(".", maxsplit=1)[0] in names or (path.upper() in names and path not in names)


@st.composite
def _aggregates(
    draw: DrawFn, source: Source, fields: Sequence[tuple[str, Kind]]
) -> tuple[dict[str, Any], Kind, Values]:
    """Draw an aggregate that a field of the table has, with the kind of its values and what it makes of rows."""
    name = draw(st.sampled_from(("count", "count", "count_distinct", "sum", "avg", "min", "max", "first", "last")))
    possible = []
    for field, _ in fields:
        try:
            possible.append((field, *aggregate(name, source.columns.find(field), source)))
        except Refused:
            continue
    if name == "count" or not possible:
        return ({"aggregate": "count"} if draw(st.booleans()) else {}), Kind("integer"), len
    field, kind, values = draw(st.sampled_from(possible))
    return {"aggregate": name, "field": field}, kind, values


@st.composite
def _spoiled(draw: DrawFn, rule: dict[str, Any]) -> dict[str, Any]:
    """Make something of a rule wrong, mostly."""
    changes: tuple[dict[str, Any], ...] = (
        {"table": "nope"},
        {"table": "status"},
        {"field": "nope"},
        {"aggregate": "sum", "field": "status"},
        {"aggregate": "last", "field": "value"},
        {"value": "x"},
        {"where": [{"operator": "in_segment", "value": "s0"}]},
        {"where": []},
        {"missing": "include"},
    )
    return {**rule, **draw(st.sampled_from(changes))}
