"""Values that a look found are kept for the passes that follow, which return what they would read from the columns."""

import errno
import json
import os
import pickle
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from random_cases import CASES
from segbatch.errors import SnapshotError
from segbatch.snapshot import snapshot as snapshots
from segbatch.snapshot.fields import kept_values
from segbatch.snapshot.open_snapshot import open_snapshot
from segbatch.snapshot.parquet import record_batches
from segbatch.snapshot.snapshot import Snapshot

FIELDS = ["custom_fields.plan", "custom_fields.n", "custom_fields.list", "custom_fields.a.b", "m.x", "m.x.y"]
TEXTS = [
    '{"plan": "pro", "n": 1, "list": ["a", "b\\u00e9\\n"], "a": {"b": true}}',
    '{"plan": "free \\"x\\"", "n": null, "list": "c", "a.b": false}',
    None,
    '{"plan": "pro", "n": 12345678901234567890123, "list": [null, "null"]}',
    "broken",
    '  {"plan": "", "n": -3, "list": []}',
    "null",
]
MAPS: list[dict[str, str | None] | None] = [
    {"x": "1"},
    {"x": '{"y": 2}', "z": ""},
    {},
    None,
    {"x": None},
    {"x": "1"},
    {"other": "1"},
]


@pytest.fixture
def contacts(tmp_path: Path) -> Path:
    return write(tmp_path / "contacts.parquet", TEXTS, MAPS)


def write(path: Path, texts: Sequence[str | None], maps: Sequence[dict[str, str | None] | None]) -> Path:
    entries = [None if entry is None else [*entry.items()] for entry in maps]
    columns = {
        "id": pa.array([f"c{row}" for row in range(len(texts))]),
        "custom_fields": pa.array(texts, pa.string()),
        "m": pa.array(entries, pa.map_(pa.string(), pa.string())),
    }
    pq.write_table(pa.table(columns), path)
    return path


def open_with_fields(path: Path, fields: Sequence[str] = FIELDS) -> Snapshot:
    return open_snapshot(str(path)).with_fields(fields)


def without_kept(snapshot: Snapshot) -> Snapshot:
    """Return the snapshot as another process receives it, which does not have the values."""
    found: Snapshot = pickle.loads(pickle.dumps(snapshot))  # noqa: S301 - of this test
    return found


def read(snapshot: Snapshot, rows: int, texts: Sequence[str] = ()) -> pl.DataFrame:
    """Return the fields of all contacts, also those that are encoded."""
    frames = list[pl.DataFrame]()
    for batch in snapshot.batches(FIELDS, rows, dict.fromkeys(texts, 9)):
        encoded = [found.frame.get_column(name).gather(found.codes.tolist()) for name, found in batch.texts.items()]
        frame = batch.frame.with_columns(encoded)
        frames.append(frame.select(name for name in ["id", *FIELDS] if name in frame.columns))
    return pl.concat(frames)


def columns_read(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Return a list that gets the columns of each pass over a file."""
    found, read_batches = list[list[str]](), record_batches.read_batches

    def note(file: Any, columns: list[str], *others: Any) -> Any:
        found.append(columns)
        return read_batches(file, columns, *others)

    monkeypatch.setattr(snapshots, "read_batches", note)
    return found


@pytest.mark.parametrize("rows", [1, 3, 100])
@pytest.mark.parametrize("texts", [[], FIELDS])
@pytest.mark.parametrize("look_rows", [2, 100])
def test_kept_values_are_those_of_the_columns(
    contacts: Path, rows: int, texts: list[str], look_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "_FIELD_BATCH", look_rows)
    snapshot = open_with_fields(contacts)
    passes = columns_read(monkeypatch)
    kept = read(snapshot, rows, texts)
    assert passes == [["id"]]
    assert_frame_equal(kept, read(without_kept(snapshot), rows))
    assert passes[1] == ["custom_fields", "id", "m"]


NAMES = st.sampled_from(["pro", "free", "", 'a"b', "\\", "é\n", "12"])
SINGLE = st.one_of(st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(-9, 9, width=16), NAMES)
OBJECTS = st.fixed_dictionaries({}, optional={"n": SINGLE, "list": st.lists(SINGLE, max_size=2), "plan": NAMES})


@settings(max_examples=3 * CASES)
@given(rows=st.lists(OBJECTS, min_size=1, max_size=9), look_rows=st.integers(1, 9))
def test_kept_values_of_any_type_are_those_of_the_columns(rows: list[dict[str, Any]], look_rows: int) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(snapshots, "_FIELD_BATCH", look_rows)
        texts = [json.dumps(row) for row in rows]
        snapshot = open_with_fields(write(Path(folder) / "contacts.parquet", texts, [None] * len(rows)))
        assert_frame_equal(read(snapshot, 4), read(without_kept(snapshot), 4))


def test_two_passes_at_once_read_all_values(contacts: Path) -> None:
    snapshot = open_with_fields(contacts)
    first, second = (snapshot.batches(["custom_fields.plan"], 2) for _ in range(2))
    pairs = [(one.frame, other.frame) for one, other in zip(first, second, strict=True)]
    assert all(one.equals(other) for one, other in pairs)
    assert pl.concat([one for one, _ in pairs])["custom_fields.plan"].to_list()[:2] == ["pro", 'free "x"']


def test_the_file_with_the_values_has_no_name(contacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(kept_values, "temporary_folder", lambda: folder)
    snapshot = open_with_fields(contacts)
    assert snapshot.reader is not None
    assert snapshot.reader.kept is not None
    assert snapshot.reader.kept.covers(snapshot.files)
    assert os.listdir(folder) == []  # noqa: PTH208 - the names alone


@pytest.mark.parametrize("written", [0, 1])
def test_a_full_disk_lets_the_columns_be_read_again(
    contacts: Path, written: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = read(open_with_fields(contacts), 100)
    monkeypatch.setattr(snapshots, "_FIELD_BATCH", 2)
    frees = iter([1 << 40] * written + [0] * 9)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=next(frees)))
    snapshot = open_with_fields(contacts)
    assert snapshot.reader is not None
    assert snapshot.reader.kept is not None
    assert not snapshot.reader.kept.covers(snapshot.files)
    assert_frame_equal(read(snapshot, 100), expected)


def test_an_error_of_the_disk_lets_the_columns_be_read_again(contacts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    expected = read(open_with_fields(contacts), 100)
    monkeypatch.setattr(tempfile, "TemporaryFile", fail)
    assert_frame_equal(read(open_with_fields(contacts), 100), expected)


def test_maps_whose_keys_are_found_at_once_are_not_kept(contacts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = open_with_fields(contacts, ["m.x"])
    passes = columns_read(monkeypatch)
    assert next(iter(snapshot.batches(["m.x"], 2))).frame["m.x"].to_list() == ["1", '{"y": 2}']
    assert passes == [["id", "m"]]


def test_more_rows_than_were_looked_at_are_an_error(contacts: Path) -> None:
    snapshot = open_with_fields(contacts)
    write(contacts, TEXTS * 2, MAPS * 2)
    with pytest.raises(SnapshotError, match="was written while it was read; run again when the export is done"):
        read(snapshot, 100)
