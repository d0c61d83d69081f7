"""What can be asked for: a saved segment, a file, standard input, or rules; and what is said of anything else."""

import io
import json
import sys
from pathlib import Path

import pytest

from builders import rule, write_contacts, write_segment
from segbatch import DefinitionError, UsageError
from segbatch.sql.generate import write_sql

ACTIVE = rule("status", "eq", "active")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_contacts(Path("contacts.parquet"), {"status": ["active"]})
    write_segment(Path("segments"), "active", ACTIVE)


def where(definition: str | None, *rules: str) -> str:
    return write_sql(definition, "contacts.parquet", rules=rules).splitlines()[-1]


def test_a_saved_segment_a_file_and_rules_give_the_same_sql(monkeypatch: pytest.MonkeyPatch) -> None:
    write_segment(Path("elsewhere"), "draft", ACTIVE)
    draft = Path("elsewhere/draft.json").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(draft)))
    assert where("active") == "WHERE status = 'active'"
    assert where("elsewhere/draft.json") == where("active")
    assert where("-") == where("active")
    assert where(None, "status eq active") == where("active")


def test_a_draft_may_reference_a_saved_segment() -> None:
    sql = write_sql(None, "contacts.parquet", rules=["in_segment active"])
    assert "-- segment 'active'" in sql


@pytest.mark.parametrize(
    ("name", "message"),
    [("actve", "no segment 'actve'; did you mean 'active'?"), ("xyz", "no segment 'xyz'; it has active")],
)
def test_an_unknown_segment_is_reported_with_the_known_ones(name: str, message: str) -> None:
    with pytest.raises(UsageError) as told:
        where(name)
    assert message in str(told.value)


def test_only_one_segment_is_written() -> None:
    two = [{"id": one, "name": one, "rules": [ACTIVE]} for one in ("a", "b")]
    Path("two.json").write_text(json.dumps(two))
    with pytest.raises(
        UsageError, match=r"two\.json: contains 2 segments; add --segments two\.json and name one by its id"
    ):
        where("two.json")


def test_only_one_segment_is_read_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    two = json.dumps([{"id": one, "name": one, "rules": [ACTIVE]} for one in ("a", "b")])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(two.encode())))
    with pytest.raises(UsageError, match="stdin: contains 2 segments; send only one"):
        where("-")


def test_a_definition_or_rules_are_required_but_not_both() -> None:
    for definition, rules in ((None, ()), ("active", ("status eq new",))):
        with pytest.raises(UsageError, match="pass one definition") as told:
            where(definition, *rules)
        assert str(told.value).endswith(", not both") is bool(rules)


def test_a_broken_segment_is_reported_with_the_reason() -> None:
    write_segment(Path("segments"), "bad", rule("stauts", "eq", "x"))
    with pytest.raises(DefinitionError, match="the snapshot has no column 'stauts'; did you mean 'status'"):
        where("bad")
