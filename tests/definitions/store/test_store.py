"""Results of a store, and the files that it writes."""

import json
from functools import partial
from pathlib import Path

import pytest

from segbatch import Segment, UsageError, load_segments
from segbatch.definitions.definition import BrokenDefinition, Definition
from segbatch.definitions.store import SegmentStore
from segbatch.errors import (
    AlreadyThereError,
    BrokenSegmentError,
    DefinitionError,
    InUseError,
    NotFoundError,
    StaleError,
)

from .making import ACTIVE, PRO, definition, files, naming, put, store

CREATED = """\
{
  "id": "pro-plan-users",
  "project_id": "proj-1",
  "name": "Pro Plan Users",
  "rules": [
    { "field": "custom_fields.plan", "operator": "eq", "value": "pro" },
    { "field": "status", "operator": "eq", "value": "active" }
  ],
  "created_at": "2025-06-01T12:00:02.000Z",
  "updated_at": "2025-06-01T12:00:02.000Z"
}
"""


def test_a_segment_is_made_read_changed_and_removed(tmp_path: Path) -> None:
    ours = store(tmp_path / "segments")
    made = ours.create(definition(project_id="proj-1", description=None))
    assert files(tmp_path / "segments") == {"pro-plan-users.json": CREATED}
    assert ours.get("pro-plan-users") == made
    assert made.file == str(tmp_path / "segments" / "pro-plan-users.json")
    assert made.path == "$"
    changed = ours.update("pro-plan-users", {"rules": [PRO, {**ACTIVE, "value": "new"}]}, made.etag)
    assert files(tmp_path / "segments") == {
        "pro-plan-users.json": CREATED.replace('"value": "active"', '"value": "new"').replace(
            '"updated_at": "2025-06-01T12:00:02', '"updated_at": "2025-06-01T12:00:03'
        )
    }
    assert changed.etag != made.etag
    assert ours.list() == (changed,)
    assert ours.delete("pro-plan-users", changed.etag).segment_id == "pro-plan-users"
    assert files(tmp_path / "segments") == {}
    assert ours.list() == ()


def test_a_run_reads_the_definitions_of_the_store(tmp_path: Path) -> None:
    made = store(tmp_path).create(Segment.model_validate(definition(id="mine", max_change=0.5)))
    assert load_segments(tmp_path) == [made.segment]
    assert list(made.to_json()) == ["id", "name", "rules", "max_change", "created_at", "updated_at"]


def test_a_one_rule_change_is_one_line_and_the_time_of_it(tmp_path: Path) -> None:
    ours = store(tmp_path)
    ours.create(definition(match="any", list_id="l"))
    before = files(tmp_path)["pro-plan-users.json"].splitlines()
    ours.update("pro-plan-users", {"rules": [{**PRO, "value": "team"}, ACTIVE]})
    after = files(tmp_path)["pro-plan-users.json"].splitlines()
    assert len(before) == len(after)
    assert [new for old, new in zip(before, after, strict=True) if old != new] == [
        '    { "field": "custom_fields.plan", "operator": "eq", "value": "team" },',
        '  "updated_at": "2025-06-01T12:00:03.000Z"',
    ]


def test_an_update_that_changes_nothing_writes_nothing(tmp_path: Path) -> None:
    file = put(tmp_path / "a.json", definition("A"))
    ours = store(tmp_path)
    before = ours.get("a")
    assert ours.update("a", {"name": "A", "list_id": None, "id": "a"}) == before
    assert file.stat().st_mtime == 1_000_000_000


def test_null_removes_optional_keys_only(tmp_path: Path) -> None:
    put(tmp_path / "a.json", definition("A", description="x", match="any", list_id="l"))
    ours = store(tmp_path)
    changed = ours.update("a", {"description": None, "match": None, "list_id": None})
    assert list(json.loads((tmp_path / "a.json").read_text())) == ["name", "rules", "updated_at"]
    assert changed.segment.match == "all"
    for key in ("name", "rules"):
        with pytest.raises(DefinitionError, match=rf"^\$\.{key}: '{key}' must be"):
            ours.update("a", {key: None})


def test_a_stale_etag_is_refused(tmp_path: Path) -> None:
    file = put(tmp_path / "a.json", definition("A"))
    ours = store(tmp_path)
    etag = ours.get("a").etag
    file.write_text(json.dumps(definition("B")))
    for attempt in (partial(ours.update, changes={"name": "C"}), ours.delete):
        with pytest.raises(StaleError, match=r"a\.json: segment 'a' was changed by another user since it was read"):
            attempt("a", if_match=etag)
    assert json.loads(file.read_text())["name"] == "B"
    assert ours.update("a", {"name": "C"}, ours.get("a").etag).segment.name == "C"


def test_an_etag_is_of_the_definition_and_not_of_its_layout(tmp_path: Path) -> None:
    file = put(tmp_path / "a.json", definition("A"))
    ours = store(tmp_path)
    etag = ours.get("a").etag
    file.write_text(json.dumps(dict(reversed(definition("A").items()))))
    assert ours.get("a").etag == etag


def test_a_segment_that_another_names_is_not_removed_unless_forced(tmp_path: Path) -> None:
    ours = store(tmp_path)
    ours.create(definition("A"))
    ours.create(definition("B", {"match": "any", "rules": [ACTIVE, naming("a")]}))
    put(tmp_path / "c.json", definition("C", naming("a"), match="al"))
    put(tmp_path / "d.json", definition("D", naming("d")))
    with pytest.raises(InUseError, match="segment 'a' is referenced by b, c, which would fail without it") as refused:
        ours.delete("a")
    assert refused.value.referenced_by == ("b", "c")
    ours.delete("d")
    ours.delete("a", force=True)
    assert [entry.segment_id for entry in ours.list()] == ["b", "c"]


def test_a_broken_file_does_not_hide_others_and_can_be_fixed(tmp_path: Path) -> None:
    put(tmp_path / "a.json", definition("A"))
    put(tmp_path / "bad.json", definition("Bad", {**ACTIVE, "operator": "eqq"}, project_id="p"))
    put(tmp_path / "cut.json", '{"name": ')
    (tmp_path / "dead.json").symlink_to("nowhere")
    ours = store(tmp_path)
    a, bad, cut, dead = ours.list()
    assert isinstance(a, Definition)
    assert isinstance(bad, BrokenDefinition)
    assert [str(problem) for problem in bad.problems] == [
        f"{tmp_path}/bad.json:6: $.rules[0].operator: 'eqq' is not an operator; did you mean 'eq'?"
    ]
    assert (bad.project_id, cut.segment_id, dead.segment_id) == ("p", "cut", "dead")
    assert (a.name, a.problems, bad.name, cut.name) == ("A", (), "Bad", None)
    assert ours.find("bad") == bad
    for broken in (bad, cut, dead):
        with pytest.raises(BrokenSegmentError):
            ours.get(broken.segment_id)
    for broken in (cut, dead):
        with pytest.raises(BrokenSegmentError):
            ours.update(broken.segment_id, {"name": "x"})
        with pytest.raises(BrokenSegmentError):
            ours.delete(broken.segment_id)
    with pytest.raises(DefinitionError, match="eqq"):
        ours.update("bad", {"name": "Still bad"})
    assert ours.update("bad", {"rules": [ACTIVE]}, bad.etag).segment.name == "Bad"
    ours.delete("bad")


def test_two_segments_of_one_id_are_one_broken_entry(tmp_path: Path) -> None:
    put(tmp_path / "a.json", definition("A", id="same"))
    ours = store(tmp_path)
    assert isinstance(ours.list()[0], Definition)
    twin = put(tmp_path / "b.json", definition("B", naming("x"), id="same"))
    (entry,) = ours.list()
    assert isinstance(entry, BrokenDefinition)
    assert "the id 'same' is already in" in str(entry.problems[0])
    put(tmp_path / "c.json", {"id": "same"})
    assert "'name' is missing" in str(ours.list()[0].problems[0])
    (tmp_path / "c.json").unlink()
    for attempt in (partial(ours.update, changes={"name": "x"}), ours.delete):
        with pytest.raises(BrokenSegmentError):
            attempt("same")
    twin.unlink()
    assert ours.get("same").segment.name == "A"


def test_a_file_that_cannot_be_read_does_not_break_a_segment_of_its_name(tmp_path: Path) -> None:
    put(tmp_path / "a.json", definition("A"))
    cut = put(tmp_path / "team" / "a.json", "{")
    ours = store(tmp_path)
    assert ours.update("a", {"name": "B"}).segment.name == "B"
    assert [entry.segment_id for entry in ours.list()] == [str(cut), "a"]
    put(tmp_path / "a.json", "[")
    with pytest.raises(NotFoundError):
        ours.get("a")


def test_a_project_sees_its_own_and_shared_segments(tmp_path: Path) -> None:
    ours = store(tmp_path)
    for name, project in (("mine", "p"), ("theirs", "q"), ("ours", None)):
        ours.create(definition(name, project_id=project))
    assert [entry.segment_id for entry in ours.list("p")] == ["mine", "ours"]
    assert [entry.segment_id for entry in ours.list("p", shared=False)] == ["mine"]
    assert ours.get("mine", project="p").project_id == "p"
    with pytest.raises(NotFoundError, match=r"there is no segment 'theirs'$"):
        ours.get("theirs", project="p")
    with pytest.raises(NotFoundError):
        ours.update("theirs", {"name": "x"}, project="p")
    with pytest.raises(NotFoundError):
        ours.delete("ours", project="p", shared=False)


def test_a_missing_file_is_reported_with_a_similar_name(tmp_path: Path) -> None:
    put(tmp_path / "segments" / "pro-users.json", definition())
    ours = store(tmp_path / "segments")
    with pytest.raises(NotFoundError, match="segments: there is no segment 'pro-user'; did you mean 'pro-users'"):
        ours.get("pro-user")
    with pytest.raises(UsageError, match="segment: no such file or folder; did you mean 'segments'"):
        store(tmp_path / "segment").list()


def test_an_id_is_unique(tmp_path: Path) -> None:
    ours = store(tmp_path)
    ours.create(definition(id="a"))
    for taken in ("a", "A"):
        with pytest.raises(AlreadyThereError, match=r"a\.json: the segment 'a' already exists"):
            ours.create(definition(id=taken))


@pytest.mark.parametrize(
    ("name", "segment_id"),
    [
        ("Pro Plan Users", "pro-plan-users"),
        ("  Größe & Güte — ünïcode ", "grosse-gute-unicode"),
        ("../../etc/passwd", "etc-passwd"),
        ("客户", "segment"),
        ("x" * 200, "x" * 100),
    ],
)
def test_an_id_is_derived_from_the_name(tmp_path: Path, name: str, segment_id: str) -> None:
    ours = store(tmp_path)
    assert ours.create(definition(name)).segment_id == segment_id
    assert ours.create(definition(name)).segment_id == f"{segment_id}-2"
    assert ours.create(definition(name)).segment_id == f"{segment_id}-3"


@pytest.mark.parametrize("key", ["id", "created_at", "updated_at"])
def test_keys_of_the_store_cannot_be_set(tmp_path: Path, key: str) -> None:
    ours = store(tmp_path)
    made = ours.create(definition(id="a", created_at="1999-01-01T00:00:00Z"))
    assert made.to_json()["created_at"].startswith("2025")
    with pytest.raises(DefinitionError, match=rf"^\$\.{key}: '{key}' is .*; leave it out"):
        ours.update("a", {key: "1999-01-01T00:00:00Z"})
    assert ours.update("a", {**made.to_json(), "name": "New"}).to_json()["created_at"] == made.to_json()["created_at"]


def test_a_wrong_definition_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match=r"\$\.name: 'name' is missing"):
        store(tmp_path / "new").create({"rules": [ACTIVE]})
    with pytest.raises(DefinitionError, match="surrogate"):
        store(tmp_path / "new").create(definition("\ud800"))
    assert not (tmp_path / "new").exists()


def test_a_single_file_can_be_a_store(tmp_path: Path) -> None:
    file = put(tmp_path / "all.json", [definition("A", id="a"), definition("B", id="b")])
    ours = SegmentStore(file)
    ours.update("b", {"name": "C"})
    assert [entry.segment_id for entry in ours.list()] == ["a", "b"]
    with pytest.raises(UsageError, match=r"all\.json: is a file; a new segment is saved as a separate file"):
        ours.create(definition())
    ours.delete("a")
    assert [item["id"] for item in json.loads(file.read_text())] == ["b"]
    file.unlink()
    with pytest.raises(UsageError, match="no such file"):
        ours.list()
