"""Renaming segments in a store: the id, the record of the old one, and the references of others."""

import json
from pathlib import Path
from typing import Any

import pytest

from builders import rule, write_segment
from segbatch.definitions.store import SegmentStore, files
from segbatch.errors import AlreadyThereError, DefinitionError, NotFoundError, StoreError, UsageError

PRO = rule("plan", "eq", "pro")
IN_PRO = {"operator": "in_segment", "value": "pro"}


@pytest.fixture
def store(tmp_path: Path) -> SegmentStore:
    write_segment(tmp_path, "pro", PRO)
    return SegmentStore(tmp_path)


def saved(folder: Path, name: str) -> Any:
    return json.loads((folder / f"{name}.json").read_text())


def test_a_segment_gets_the_new_id_and_remembers_the_old_one(store: SegmentStore, tmp_path: Path) -> None:
    renamed, users = store.rename("pro", "best")
    assert (renamed.segment_id, renamed.previous_ids, users) == ("best", ("pro",), ())
    written = saved(tmp_path, "pro")
    assert (written["id"], written["previous_ids"], written["rules"]) == ("best", ["pro"], [PRO])
    assert written["updated_at"]
    with pytest.raises(NotFoundError):
        store.get("pro")
    store.rename("best", "top")
    assert store.get("top").previous_ids == ("pro", "best")
    store.rename("top", "pro")
    assert store.get("pro").previous_ids == ("best", "top")


def test_the_layout_of_the_file_stays(tmp_path: Path) -> None:
    first = '{"id": "a", "name": "A", "rules": [ {"field": "x", "operator": "exists"} ]}'
    second = '{"id": "b", "name": "B",   "rules": []}'
    (tmp_path / "all.json").write_text(f"[\n  {first},\n  {second}\n]")
    SegmentStore(tmp_path).rename("a", "c")
    written = (tmp_path / "all.json").read_text()
    assert written.startswith('[\n  {"id": "c", "name": "A", "rules": [ {"field": "x", "operator": "exists"} ]')
    assert written.endswith(f",\n  {second}\n]")


def test_references_of_other_segments_are_changed(store: SegmentStore, tmp_path: Path) -> None:
    group = {"match": "any", "rules": [{"operator": "not_in_segment", "value": "pro"}, rule("x", "eq", "pro")]}
    write_segment(tmp_path, "both", IN_PRO, group)
    write_segment(tmp_path, "broken", IN_PRO, rule("x", "is", "pro"))
    write_segment(tmp_path, "other", PRO)
    _, users = store.rename("pro", "best")
    assert users == ("both", "broken")
    changed = {"operator": "not_in_segment", "value": "best"}
    assert saved(tmp_path, "both")["rules"] == [
        {**IN_PRO, "value": "best"},
        {"match": "any", "rules": [changed, rule("x", "eq", "pro")]},
    ]
    assert saved(tmp_path, "broken")["rules"][0] == {**IN_PRO, "value": "best"}
    assert "updated_at" not in saved(tmp_path, "other")


def test_a_rename_that_was_interrupted_is_completed(
    store: SegmentStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        write_segment(tmp_path, name, IN_PRO)
    replace = files.replace

    def fail(file: Path, content: bytes, was: bytes) -> None:
        if file.name == "b.json":
            raise OSError(28, "No space left on device", str(file))
        replace(file, content, was)

    with monkeypatch.context() as patched:
        patched.setattr(files, "replace", fail)
        with pytest.raises(StoreError, match="No space left on device"):
            store.rename("pro", "best")
    assert store.get("best").previous_ids == ("pro",)
    renamed, users = store.rename("pro", "best")
    assert (renamed.segment_id, users) == ("best", ("b",))
    assert store.get("b").references == ("best",)


def test_an_id_in_use_is_refused(store: SegmentStore, tmp_path: Path) -> None:
    write_segment(tmp_path, "best", PRO)
    for new_id in ("best", "BEST"):
        with pytest.raises(AlreadyThereError, match="the segment 'best' already exists; choose another id"):
            store.rename("pro", new_id)
    store.rename("pro", "Pro")
    assert store.get("Pro").previous_ids == ("pro",)


@pytest.mark.parametrize("new_id", ["a b", "all", "..", "x" * 129])
def test_an_invalid_id_is_refused(store: SegmentStore, tmp_path: Path, new_id: str) -> None:
    before = (tmp_path / "pro.json").read_bytes()
    with pytest.raises(DefinitionError, match=r"\$\.id: .*cannot be an id"):
        store.rename("pro", new_id)
    assert (tmp_path / "pro.json").read_bytes() == before


def test_an_unknown_id_and_the_same_id_are_refused(store: SegmentStore) -> None:
    with pytest.raises(NotFoundError, match="there is no segment 'prro'; did you mean 'pro'"):
        store.rename("prro", "best")
    with pytest.raises(UsageError, match="'pro' is already the id of the segment; choose another"):
        store.rename("pro", "pro")


def test_nothing_changes_if_a_reference_cannot_be_changed(store: SegmentStore, tmp_path: Path) -> None:
    for folder in ("x", "y"):
        write_segment(tmp_path / folder, "twin", IN_PRO)
    message = "segment 'twin' refers to 'pro' and cannot be changed, because its id is not unique; fix it first"
    with pytest.raises(StoreError, match=message):
        store.rename("pro", "best")
    assert "previous_ids" not in saved(tmp_path, "pro")


def test_previous_ids_that_are_not_a_list_are_reported(tmp_path: Path) -> None:
    write_segment(tmp_path, "pro", PRO, previous_ids="old")
    with pytest.raises(DefinitionError, match="'previous_ids' must be a list; found 'old'"):
        SegmentStore(tmp_path).rename("pro", "best")


def test_only_the_last_previous_ids_are_kept(tmp_path: Path) -> None:
    write_segment(tmp_path, "pro", PRO, previous_ids=[f"id-{number}" for number in range(20)])
    SegmentStore(tmp_path).rename("pro", "best")
    assert saved(tmp_path, "pro")["previous_ids"] == [*(f"id-{number}" for number in range(1, 20)), "pro"]
