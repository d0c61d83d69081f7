"""Files and folders below the definitions that are not read."""

import json
import os
from pathlib import Path

import pytest

import segbatch
from builders import rule, write_segment
from segbatch.definitions.loader import load_definitions
from segbatch.definitions.source import Source, read_patterns
from segbatch.definitions.store import SegmentStore
from segbatch.errors import StoreError, UsageError

FILES = ("a.json", "b.schema.json", "drafts/c.json", "drafts/old/d.json", "team/drafts/e.json", "team/f[1].json")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for file in FILES:
        place = tmp_path / file
        write_segment(place.parent, place.stem, rule("x", "exists"))
    for place in tmp_path.rglob("*.json"):
        place.write_text(json.dumps(json.loads(place.read_text()) | {"id": f"s{place.stem[0]}"}))
    return tmp_path


@pytest.mark.parametrize(
    ("patterns", "left"),
    [
        ([], "abcdef"),
        (["*.schema.json"], "acdef"),
        (["a.json"], "bcdef"),
        (["drafts"], "abf"),
        (["drafts/"], "abf"),
        (["drafts/**"], "abf"),
        (["./drafts/*"], "abef"),
        (["drafts/*.json"], "abdef"),
        (["drafts/**/d.json"], "abcef"),
        (["**/drafts/**"], "abf"),
        (["team/**"], "abcd"),
        (["team/*/e.json", "drafts/old/"], "abcf"),
        (["?.json"], "bf"),
        (["[!ac].json"], "abcf"),
        (["f[[]1[]].json"], "abcde"),
        (["[a-c].json", "[]]"], "bdef"),
        (["nothing/**", "A.json"], "abcdef"),
        (["a.jso", ".json"], "abcdef"),
    ],
)
def test_a_glob_leaves_files_and_whole_folders_out(folder: Path, patterns: list[str], left: str) -> None:
    source = Source.of(folder, patterns)
    expected = [f"s{letter}" for letter in left]
    assert load_definitions(source).ids == expected
    assert [entry.segment_id for entry in SegmentStore(source).list()] == expected
    assert [segment.id for segment in segbatch.load_segments(folder, exclude=patterns)] == expected


def test_a_store_ignores_excluded_files_and_does_not_create_them(folder: Path) -> None:
    store = SegmentStore(Source.of(folder, ["drafts", "new-*"]))
    with pytest.raises(segbatch.errors.NotFoundError):
        store.get("sc")
    data = {"id": "new-one", "name": "New", "rules": [rule("x", "exists")]}
    with pytest.raises(StoreError, match=r"new-one\.json: would not be read, because --exclude excludes it"):
        store.create(data)
    assert not (folder / "new-one.json").exists()


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("", "it is empty"),
        ("/", "it is empty"),
        (" ", "it is empty"),
        ("/drafts", "it leads out of the folder"),
        ("~/drafts", "it leads out of the folder"),
        ("../drafts/**", "it leads out of the folder"),
        ("a/../b", "it leads out of the folder"),
        ("C:/drafts", "it leads out of the folder"),
        ("a\\b", "it has a backslash or a NUL"),
        ("a\0", "it has a backslash or a NUL"),
        ("!a.json", "a pattern cannot include files again"),
        ("a**", r"'\*\*' matches whole folders"),
        ("[a", r"its '\[' is not closed"),
        ("[z-a].json", r"its '\[' is not closed, or not a list"),
    ],
)
def test_a_pattern_that_is_not_a_glob_is_refused(pattern: str, reason: str) -> None:
    with pytest.raises(UsageError, match=rf"^invalid pattern '.*': {reason}.* \(--exclude\)$"):
        read_patterns(["fine/**", pattern])


def test_all_files_can_be_excluded(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"has no \.json file that is not excluded \(--exclude\)"):
        load_definitions(Source.of(folder, ["**"]))


def test_a_file_that_is_named_is_read_whatever_is_excluded(folder: Path) -> None:
    assert load_definitions(Source.of(folder / "a.json", ["a.json"])).ids == ["sa"]


@pytest.mark.parametrize("marker", ["current", "lock", "segbatch.duckdb"])
def test_runs_next_to_a_published_output_are_not_read(tmp_path: Path, marker: str) -> None:
    write_segment(tmp_path / "output", "own", rule("x", "exists"))
    write_segment(tmp_path / "output" / "runs" / "one", "manifest", rule("x", "exists"))
    assert load_definitions(tmp_path).ids == ["manifest", "own"]
    (tmp_path / "output" / marker).touch()
    assert load_definitions(tmp_path).ids == ["own"]


def test_the_copy_of_a_run_is_not_read(tmp_path: Path) -> None:
    write_segment(tmp_path, "own", rule("x", "exists"))
    for name in ("manifest", "history"):
        write_segment(tmp_path / "kept", name, rule("x", "exists"))
    assert load_definitions(tmp_path).ids == ["own"]


def test_packages_and_hidden_files_are_not_read(tmp_path: Path) -> None:
    for folder in (".", ".git", "node_modules/a", "team/node_modules", ".venv/lib"):
        write_segment(tmp_path / folder, f"s{len(folder)}", rule("x", "exists"))
    assert load_definitions(tmp_path).ids == ["s1"]


PACKAGE = {"name": "app", "version": "1.0.0", "scripts": {}, "dependencies": {"a": "1"}, "private": True}
SCHEMA = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "x", "$defs": {}, "properties": {}}
ADVICE = "move the file, or exclude it with 'exclude' in segbatch.toml or --exclude"


@pytest.mark.parametrize(
    "data",
    [
        PACKAGE,
        SCHEMA,
        {"type": "FeatureCollection", "features": []},
        {"compilerOptions": {"strict": True}, "include": ["src"]},
        {"": 1},
    ],
)
def test_a_file_of_another_kind_gets_one_line(tmp_path: Path, data: object) -> None:
    (tmp_path / "other.json").write_text(json.dumps(data))
    [problem] = load_definitions(tmp_path).problems
    assert str(problem) == f"{tmp_path}/other.json: $: has no 'rules', so it is not a segment; {ADVICE}"


@pytest.mark.parametrize("data", [[1, 2, 3], ["a"], [PACKAGE, SCHEMA], [[]]])
def test_a_list_of_other_things_gets_one_line(tmp_path: Path, data: object) -> None:
    (tmp_path / "other.json").write_text(json.dumps(data))
    [problem] = load_definitions(tmp_path).problems
    assert "is a list without a segment in it; " + ADVICE in str(problem)


@pytest.mark.parametrize(
    ("data", "count"),
    [
        ({"name": "X"}, 1),
        ({"name": "X", "descripton": "x"}, 2),
        ({"name": "X", "ruls": []}, 1),
        ([{"id": "a", "name": "X", "rules": [rule("x", "exists")]}, 1], 1),
        ({"name": "X", "rules": [], "color": "red"}, 2),
    ],
)
def test_all_mistakes_of_a_definition_are_reported(tmp_path: Path, data: object, count: int) -> None:
    (tmp_path / "mine.json").write_text(json.dumps(data))
    problems = load_definitions(tmp_path).problems
    assert len(problems) == count
    assert not any("--exclude" in str(problem) for problem in problems)


def test_a_run_into_its_own_definitions_folder_reads_the_same_segments_again(tmp_path: Path) -> None:
    from builders import write_contacts  # noqa: PLC0415 - for this test alone

    write_segment(tmp_path, "own", rule("id", "exists"))
    contacts = write_contacts(tmp_path / "contacts.parquet", {"id": ["a", "b"]})
    for output in (tmp_path / "output", tmp_path / "output", tmp_path):
        report = segbatch.run(contacts, tmp_path, output)
        assert [entry.segment_id for entry in report.segments] == ["own"]
        assert report.errors == ()
    assert os.path.lexists(tmp_path / "current")
