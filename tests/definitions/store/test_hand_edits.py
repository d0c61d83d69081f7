"""Files that people wrote: the store changes only the requested parts and keeps their style."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segbatch.definitions.store import json_edit
from segbatch.errors import StaleError, StoreError

from .making import ACTIVE, PRO, definition, put, store

BY_HAND = """\
{
    "$schema": "../segment.schema.json",
    "rules": [
        {"value": "pro",   "operator": "eq", "field": "custom_fields.plan"},
        {
            "field": "n\\u00e4me",
            "operator": "gte",
            "value": 1.50
        }
    ],
    "name":"By hand"
}"""


def test_a_change_touches_nothing_else_of_a_file(tmp_path: Path) -> None:
    file = put(tmp_path / "a.json", BY_HAND)
    ours = store(tmp_path)
    ours.update("a", {"rules": [PRO, {"field": "näme", "operator": "gt", "value": 1.5}]})
    assert file.read_text() == BY_HAND.replace('"gte"', '"gt"').replace(
        '"By hand"', '"By hand",\n    "updated_at": "2025-06-01T12:00:01.000Z"'
    )


def test_rules_are_added_and_removed_in_the_style_of_the_file(tmp_path: Path) -> None:
    file = put(tmp_path / "a.json", BY_HAND)
    ours = store(tmp_path)
    kept = {"field": "näme", "operator": "gte", "value": 1.5}
    group = {"match": "any", "rules": [ACTIVE]}
    ours.update("a", {"rules": [PRO, ACTIVE, group, kept], "description": "ü"})
    text = file.read_text()
    assert text.startswith(BY_HAND[: BY_HAND.index("        {\n")].replace('    "rules"', '    "rules"'))
    assert (
        '"custom_fields.plan"},\n        { "field": "status", "operator": "eq", "value": "active" },\n        {\n'
        '            "match": "any",\n            "rules": [\n'
        '                { "field": "status", "operator": "eq", "value": "active" }\n            ]\n        },\n'
        '        {\n            "field": "n\\u00e4me"'
    ) in text
    assert text.endswith('"name":"By hand",\n    "description": "ü",\n    "updated_at": "2025-06-01T12:00:01.000Z"\n}')
    ours.update("a", {"rules": [PRO, kept], "description": None})
    assert file.read_text() == BY_HAND[:-2] + ',\n    "updated_at": "2025-06-01T12:00:02.000Z"\n}'


def test_of_a_list_one_element_changes(tmp_path: Path) -> None:
    text = '[\r\n  {"id": "a", "name": "A", "rules": [%s]},\r\n\r\n  {"id": "b", "name": "B", "rules": [%s]}\r\n]\r\n'
    rules = json.dumps(ACTIVE)
    file = tmp_path / "team" / "all.json"
    put(file, "")
    file.write_bytes(b"\xef\xbb\xbf" + (text % (rules, rules)).encode())
    ours = store(tmp_path)
    ours.update("b", {"match": "any", "rules": [ACTIVE, {"match": "none", "rules": [PRO]}]})
    first = f'[\r\n  {{"id": "a", "name": "A", "rules": [{rules}]}}'
    changed = file.read_bytes().decode()
    assert changed.startswith(f"\N{ZERO WIDTH NO-BREAK SPACE}{first},\r\n\r\n  {{")
    assert changed.count("\n") == changed.count("\r\n")
    assert [entry.path for entry in ours.list()] == ["$[0]", "$[1]"]
    ours.delete("b")
    assert file.read_bytes().decode() == f"\N{ZERO WIDTH NO-BREAK SPACE}{first}\r\n]\r\n"
    ours.delete("a")
    assert json.loads(file.read_bytes().decode("utf-8-sig")) == []
    assert ours.list() == ()


def test_only_the_first_of_a_list_is_removed() -> None:
    assert json_edit.remove('[ {"a": 1}, {"b": 2} ]', 0) == '[ {"b": 2} ]'


def test_ids_that_differ_from_their_files_are_found_after_a_move(tmp_path: Path) -> None:
    file = put(tmp_path / "file.json", definition("A", id="a"))
    ours = store(tmp_path)
    assert ours.get("a").file.endswith("file.json")
    file.rename(tmp_path / "moved.json")
    assert ours.update("a", {"name": "B"}).file.endswith("moved.json")
    put(tmp_path / "moved.json", definition("A", id="other"))
    put(tmp_path / "deep" / "er" / "x.json", definition("A", id="a"))
    assert ours.get("a").file.endswith("deep/er/x.json")


def test_an_edit_between_reading_and_writing_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = put(tmp_path / "a.json", definition("A"))
    ours = store(tmp_path)
    edits = iter([definition("A", description="by hand"), definition("A", description="again")])
    change = json_edit.change

    def slow(*arguments: Any) -> str:
        changed = change(*arguments)
        if edit := next(edits, None):
            file.write_text(json.dumps(edit))
        return changed

    monkeypatch.setattr(json_edit, "change", slow)
    ours.update("a", {"name": "B"})
    assert {key: json.loads(file.read_text())[key] for key in ("name", "description")} == {
        "name": "B",
        "description": "again",
    }
    edits = iter([definition("A")])
    with pytest.raises(StaleError, match="was changed by another user"):
        ours.update("a", {"name": "C"}, ours.get("a").etag)
    edits = iter([definition("A", description=str(number)) for number in range(99)])
    with pytest.raises(StaleError, match="another program keeps changing the file"):
        ours.update("a", {"name": "C"})


def test_a_file_that_goes_while_it_is_changed_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = put(tmp_path / "a.json", definition("A"))
    put(tmp_path / "b.json", definition("B"))
    ours = store(tmp_path)
    change = json_edit.change

    def removing(*arguments: Any) -> str:
        file.unlink()
        return change(*arguments)

    monkeypatch.setattr(json_edit, "change", removing)
    with pytest.raises(StoreError, match="there is no segment 'a'"):
        ours.update("a", {"name": "C"})
    assert not file.exists()


def test_rights_of_a_file_are_kept(tmp_path: Path) -> None:
    file = put(tmp_path / "a.json", definition("A"))
    file.chmod(0o640)
    store(tmp_path).update("a", {"name": "B"})
    assert file.stat().st_mode & 0o777 == 0o640


KEYS = ["name", "rules", "field", "operator", "value", "x", "ü"]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
DATA = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
)
OBJECTS = st.dictionaries(st.sampled_from(KEYS), DATA, max_size=5)
LAYOUTS = st.sampled_from([{}, {"indent": 2}, {"indent": "\t"}, {"separators": (",", ":")}, {"ensure_ascii": False}])


@given(OBJECTS, OBJECTS, LAYOUTS, st.sampled_from([None, 0, 1]))
def test_any_text_can_become_any_other(
    old: dict[str, Any], new: dict[str, Any], layout: dict[str, Any], index: int | None
) -> None:
    text = json.dumps(old if index is None else [old, old], **layout)
    changed = json_edit.change(text, index, new)
    found = json.loads(changed)
    if index is None:
        assert json_edit.is_same_json(found, new)
    else:
        assert json_edit.is_same_json(found[index], new)
        assert json_edit.is_same_json(found[1 - index], old)
    assert json_edit.change(changed, index, new) == changed
