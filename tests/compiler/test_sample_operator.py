"""Samples: shares of every type of id, exact bounds, and ranges that divide the contacts."""

import hashlib
import pickle
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import polars as pl
import pyarrow as pa
import pytest

from builders import segment, write_contacts
from oracle.samples import share
from segbatch import DefinitionError, Rule, compile_segment, explain, preview
from segbatch.compiler.prepare import EvaluationOptions, prepare
from segbatch.compiler.samples import IdColumn, SampleCompiler, share_numbers
from segbatch.definitions.definition import Definition, Definitions
from segbatch.engine.local import evaluate_predicates
from segbatch.model.sample import check_sample
from segbatch.sql.generate import write_sql

UUIDS = [UUID(int=number * 2**100 + 7) for number in range(40)]
IDS: dict[str, tuple[pa.Array, list[str]]] = {
    "text": (pa.array([f"ü{number}" for number in range(40)]), [f"ü{number}" for number in range(40)]),
    "dictionary": (
        pa.array([f"c{number}" for number in range(40)]).dictionary_encode(),
        [f"c{number}" for number in range(40)],
    ),
    "int64": (pa.array(range(-20, 20), pa.int64()), [str(number) for number in range(-20, 20)]),
    "uint64": (
        pa.array([2**64 - 1 - number for number in range(40)], pa.uint64()),
        [str(2**64 - 1 - number) for number in range(40)],
    ),
    "decimal": (
        pa.array([Decimal(10**30 + number) for number in range(40)], pa.decimal128(38, 0)),
        [str(10**30 + number) for number in range(40)],
    ),
    "uuid": (pa.array([one.bytes for one in UUIDS], pa.uuid()), list(map(str, UUIDS))),
    "16 bytes": (pa.array([one.bytes for one in UUIDS], pa.binary(16)), list(map(str, UUIDS))),
    "bytes": (pa.array([bytes([255, number]) for number in range(40)]), [f"ff{number:02x}" for number in range(40)]),
    "8 bytes": (
        pa.array([number.to_bytes(8, "big") for number in range(40)], pa.binary(8)),
        [f"{number:016x}" for number in range(40)],
    ),
    "text in bytes": (pa.array([f"c{number}".encode() for number in range(40)]), [f"c{n}" for n in range(40)]),
}


def sample(start: float, end: float, seed: str = "spring") -> dict[str, Any]:
    return {"operator": "sample", "value": {"seed": seed, "from": start, "to": end}}


@pytest.mark.parametrize("kind", IDS)
def test_the_share_is_that_of_the_id_as_it_is_printed(tmp_path: Path, kind: str) -> None:
    ids, texts = IDS[kind]
    path = write_contacts(tmp_path / "contacts.parquet", {"id": ids})
    members = preview(path, segment(sample(0.2, 0.7)), first=40).segments[0].first
    expected = [text for text in texts if 0.2 <= share("spring", text) < 0.7]
    assert 0 < len(expected) < 40
    assert list(map(str, members)) == expected


@pytest.mark.parametrize("kind", IDS)
def test_sql_computes_the_same_share(tmp_path: Path, kind: str) -> None:
    ids, _ = IDS[kind]
    path = write_contacts(tmp_path / "contacts.parquet", {"id": ids})
    in_sql = duckdb.execute(write_sql(segment(sample(0.2, 0.7)), path)).fetchall()
    assert len(in_sql) == preview(path, segment(sample(0.2, 0.7))).segments[0].members


def test_shares_equal_those_of_duckdb_and_python_for_100_000_ids() -> None:
    texts = pl.Series("id", [f"contact-{number}" for number in range(100_000)])
    found = share_numbers(texts, "spring").to_list()
    digests = (hashlib.md5(f"spring:{text}".encode(), usedforsecurity=False).digest() for text in texts)
    assert found == [int.from_bytes(digest[:8], "big") for digest in digests]
    query = "SELECT ('0x' || md5('spring:contact-' || i)[:16])::UBIGINT FROM range(100000) AS ids(i) ORDER BY i"
    assert found == [number for (number,) in duckdb.execute(query).fetchall()]


def test_two_ranges_of_one_seed_share_no_contact_and_together_are_all() -> None:
    frame = pl.DataFrame({"id": range(100_000)})
    first, rest = (compile_segment(segment(sample(*ends)), frame.schema) for ends in ((0, 0.1), (0.1, 1)))
    found = frame.select(first.alias("first"), rest.alias("rest"))
    assert found.select((pl.col("first") ^ pl.col("rest")).all()).item()
    assert 9_500 < found.get_column("first").sum() < 10_500


def test_two_seeds_are_independent() -> None:
    frame = pl.DataFrame({"id": range(100_000)})
    both = compile_segment(segment(sample(0, 0.5), sample(0, 0.5, "summer")), frame.schema)
    assert 24_000 < frame.filter(both).height < 26_000


@pytest.mark.parametrize(
    ("start", "end", "bounds"),
    [
        (0, 1, (0, 2**64)),
        (0.0, 1.0, (0, 2**64)),
        (0, 0.5, (0, 2**63)),
        (0.1, 0.3, (-(-(2**64) // 10), -(-3 * 2**64 // 10))),
        (0, 1e-20, (0, 1)),
        (1, 1, (2**64, 2**64)),
    ],
)
def test_a_bound_is_the_decimal_number_that_is_written(start: float, end: float, bounds: tuple[int, int]) -> None:
    assert check_sample({"seed": "s", "from": start, "to": end}).bounds == bounds


def test_the_lower_bound_is_included_and_the_upper_one_is_not() -> None:
    rule = segment(sample(0.1, 0.3)).rules[0]
    assert isinstance(rule, Rule)
    predicate, leaf = SampleCompiler({"id": pl.String()}, IdColumn()).add(rule, 0)
    low, high = check_sample(sample(0.1, 0.3)["value"]).bounds
    numbers = pl.Series("segbatch:share spring", [low - 1, low, high - 1, high, None], pl.UInt64)
    assert leaf == "id"
    assert numbers.to_frame().select(predicate).to_series().to_list() == [False, True, True, False, False]


def test_a_row_without_an_id_is_in_no_sample() -> None:
    frame = pl.DataFrame({"key": ["a", None]})
    condition = compile_segment(segment(sample(0, 1)), frame.schema, id_column="key")
    assert frame.select(condition.alias("in")).get_column("in").to_list() == [True, False]
    assert share_numbers(frame.get_column("key"), "s").null_count() == 1


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pl.DataFrame({"ID2": [1]}), "a sample needs the ids of contacts: the snapshot has no column 'id'"),
        (
            pl.DataFrame({"id": [1.5]}),
            r"'id' is a number \(Float64\), and the ids of a sample are texts",
        ),
    ],
)
def test_a_frame_without_ids_is_refused(frame: pl.DataFrame, message: str) -> None:
    with pytest.raises(DefinitionError, match=rf"\$\.rules\[0\]\.operator: {message}"):
        compile_segment(segment(sample(0, 0.5)), frame.schema)


def test_each_seed_is_computed_once_and_the_plan_can_be_pickled(tmp_path: Path) -> None:
    path = write_contacts(tmp_path / "contacts.parquet", {"id": ["a", "b", "c"]})
    rules = [sample(0, 0.5), sample(0.5, 1), sample(0, 0.5, "summer")]
    prepared = prepare(EvaluationOptions(path), Definitions((Definition(segment(*rules, match="any")),), ()))
    plan = pickle.loads(pickle.dumps(prepared.plan))  # noqa: S301 - our own
    [batch] = prepared.snapshot.batches(plan.leaves, 10)
    assert plan.shares.add_to(batch.frame).columns == ["id", "segbatch:share spring", "segbatch:share summer"]
    found = evaluate_predicates(plan, batch.frame).frame
    assert found.get_column("0").to_list() == [share("spring", one) < 0.5 for one in "abc"]


def test_explain_shows_the_share(tmp_path: Path) -> None:
    path = write_contacts(tmp_path / "contacts.parquet", {"id": ["a"]})
    number = float(share("spring", "a"))
    [inside, outside] = explain(path, segment(sample(0, 1), sample(0, 0), match="any"), "a").verdicts[0].parts
    assert inside.rule == 'sample {"seed": "spring", "from": 0, "to": 1}'
    assert inside.why == f"its share for seed 'spring' is {number:.6f}, which is in [0, 1)"
    assert outside.why == f"its share for seed 'spring' is {number:.6f}, which is not in [0, 0)"


def test_a_definition_keeps_a_sample_as_it_is_written() -> None:
    written = segment(sample(0, 0.25))
    assert written.to_json()["rules"] == [sample(0, 0.25)]
    assert type(written).model_validate(written) == written
    assert check_sample(written.rules[0].value) is written.rules[0].value  # type: ignore[union-attr]
    assert str(check_sample(sample(0, 0.25, "s")["value"])) == "'s' [0, 0.25)"
