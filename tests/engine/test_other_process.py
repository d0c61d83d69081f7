"""A pickled plan and a pickled snapshot evaluate in another process to the same members as in this process."""

import json
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from builders import rule, segment, write_contacts
from segbatch.compiler.plan import Plan
from segbatch.compiler.prepare import EvaluationOptions, prepare
from segbatch.definitions.definition import Definition, Definitions
from segbatch.engine.base import Engine
from segbatch.engine.local import LocalEngine
from segbatch.snapshot.id_checks import ids_as_series
from segbatch.snapshot.snapshot import Snapshot

VALUES: list[dict[str, Any] | None] = [
    {"plan": "pro", "seats": 12, "^a$": "x", "home": {"city": "Bonn"}, "tags": ["new", "eu"]},
    {"plan": "free", "seats": None, "^a$": "y", "home": {"city": "Kiel"}, "tags": []},
    None,
    {"plan": None, "seats": 3, "^a$": None, "home": None, "tags": None},
]
STRUCT = pa.struct(
    [
        ("plan", pa.string()),
        ("seats", pa.int64()),
        ("^a$", pa.string()),
        ("home", pa.struct([("city", pa.string())])),
        ("tags", pa.list_(pa.string())),
    ]
)
TEXTS = [{"plan": "pro", "seats": "12", "^a$": "x"}, {"plan": "free", "^a$": "y"}, None, {"seats": "3"}]
RECORD = pa.struct([("key", pa.string()), ("value", pa.struct([("^v$", pa.string()), ("n", pa.int64())]))])
PLAIN = [rule("plan", "eq", "pro"), rule("plan", "neq", "pro"), rule("^a$", "in", ["x"]), rule("plan", "empty")]

LOCAL = LocalEngine()


def custom(*rules: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**one, "field": f"custom_fields.{one['field']}"} for one in rules]


NESTED = custom(*PLAIN, rule("home.city", "starts_with", "B"), rule("seats", "gte", 5), rule("tags", "contains", "eu"))


def as_struct(path: Path) -> list[dict[str, Any]]:
    write_contacts(path, {"custom_fields": pa.array(VALUES, STRUCT)})
    return NESTED


def as_json(path: Path) -> list[dict[str, Any]]:
    write_contacts(path, {"custom_fields": [value and json.dumps(value) for value in VALUES]})
    return NESTED


def as_map(path: Path) -> list[dict[str, Any]]:
    cells = pa.array([value and list(value.items()) for value in TEXTS], pa.map_(pa.string(), pa.string()))
    write_contacts(path, {"custom_fields": cells})
    return custom(*PLAIN, rule("seats", "eq", "3"))


def as_records(path: Path) -> list[dict[str, Any]]:
    """Write records whose values are structs. A name that looks like a pattern is read by a function."""
    names = [["pro", "a"], ["free"], None, []]
    cells = [
        None if found is None else [{"key": name, "value": {"^v$": name, "n": 1}} for name in found] for found in names
    ]
    write_contacts(path, {"custom_fields": pa.array(cells, pa.list_(RECORD))})
    return custom(rule("pro.^v$", "eq", "pro"), rule("free.n", "gte", 1), rule("a.^v$", "exists"))


def as_columns(path: Path) -> list[dict[str, Any]]:
    values = [value or {} for value in VALUES]
    names = ["plan", "seats", "^a$"]
    write_contacts(path, {f"custom_fields.{name}": [value.get(name) for value in values] for name in names})
    return custom(*PLAIN, rule("seats", "gte", 5))


def without_custom_fields(path: Path) -> list[dict[str, Any]]:
    write_contacts(path, {"plan": ["pro", "free", None, "pro"], "^a$": ["x", "y", None, None]})
    return PLAIN


def in_partitions(path: Path) -> list[dict[str, Any]]:
    for country in ("DE", "FR"):
        ids = [f"{country}{number}" for number in range(len(VALUES))]
        texts = [value and json.dumps(value) for value in VALUES]
        write_contacts(path / f"country={country}" / "c.parquet", {"id": ids, "custom_fields": texts})
    return [*NESTED, rule("country", "eq", "FR")]


FORMS: list[Callable[[Path], list[dict[str, Any]]]] = [
    as_struct,
    as_json,
    as_map,
    as_records,
    as_columns,
    without_custom_fields,
    in_partitions,
]


@dataclass(frozen=True, slots=True)
class Inputs:
    """The inputs of an engine, as another process gets them."""

    plan: Plan
    snapshot: Snapshot


def prepare_inputs(contacts: Path, rules: list[dict[str, Any]]) -> Inputs:
    """Prepare one segment per rule, one that references another, and one of several rules."""
    segments = [segment(one, id=f"s{number}", name="S") for number, one in enumerate(rules)]
    segments.append(segment({"operator": "not_in_segment", "value": "s0"}, id="ref", name="S"))
    segments.append(segment(*rules[:2], {"match": "none", "rules": rules[2:3]}, id="any", name="S", match="any"))
    definitions = Definitions(tuple(map(Definition, segments)), ())
    prepared = prepare(EvaluationOptions(contacts), definitions)
    assert not prepared.plan.failed
    return Inputs(prepared.plan, prepared.snapshot)


def members_of(inputs: Inputs, engine: Engine = LOCAL) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for batch in engine.evaluate(inputs.plan, inputs.snapshot):
        ids = ids_as_series(batch.ids)
        for column in batch.frame.iter_columns():
            found.setdefault(column.name, []).extend(ids.filter(column).to_list())
    return found


def members_of_pickled(pickled: bytes) -> dict[str, list[str]]:
    return members_of(pickle.loads(pickled))  # noqa: S301 - written by this test


@pytest.fixture(scope="module")
def other_process() -> Iterator[Executor]:
    """A process that shares no memory with this one."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        yield executor


@pytest.mark.parametrize("form", FORMS)
def test_pickled_inputs_evaluate_in_another_process_to_the_same_members(
    form: Callable[[Path], list[dict[str, Any]]], tmp_path: Path, other_process: Executor
) -> None:
    contacts = tmp_path / ("contacts" if form is in_partitions else "contacts.parquet")
    inputs = prepare_inputs(contacts, form(contacts))
    expected = members_of(inputs)
    assert all(expected.values()), "each rule must match some contact, or the comparison proves nothing"
    pickled = pickle.dumps(inputs)
    assert other_process.submit(members_of_pickled, pickled).result(60) == expected
    again = pickle.loads(pickled)  # noqa: S301
    assert again.snapshot.files == inputs.snapshot.files
    assert again.snapshot.schema == inputs.snapshot.schema
    assert again.snapshot.problems == inputs.snapshot.problems
