"""Test previews, which count the members of an unsaved segment."""

import asyncio
import threading
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import segbatch
from asking import PRO, Asking
from builders import rule, write_contacts, write_segment
from segbatch import TableSource
from segbatch.compiler.prepare import EvaluationOptions

pytestmark = pytest.mark.slow  # each starts a process that evaluates previews

CONTACTS = pa.table(
    {
        "id": ["a", "b", "c", "d", "e"],
        "plan": ["pro", "pro", "free", "pro", "pro"],
        "project_id": ["p", "p", "p", "q", "q"],
        "custom_fields": [{"secret": None, "tier": 1}] * 4 + [{"secret": 1, "tier": 1}],
    }
)


@pytest.fixture
def ask(tmp_path: Path) -> Asking:
    contacts = write_contacts(tmp_path / "contacts.parquet", CONTACTS)
    return Asking(tmp_path, contacts=str(contacts)).as_project("p")


def not_in(segment_id: str) -> list[dict[str, str]]:
    return [{"operator": "not_in_segment", "value": segment_id}]


def found(ask: Asking, **body: Any) -> Any:
    answer = ask("POST", "/preview", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_preview_counts_only_contacts_of_the_project(ask: Asking) -> None:
    preview = found(ask, rules=PRO["rules"])
    assert preview.pop("as_of").endswith("Z")
    assert preview == {"contacts": 3, "member_count": 2, "share": 2 / 3, "first": ["a", "b"], "warnings": []}
    assert found(ask, rules=PRO["rules"], match="none")["first"] == ["c"]
    assert found(ask, rules=PRO["rules"], first=0)["first"] == []
    assert found(ask, **PRO, description="a draft may say all that a segment does", max_change=0.1)["member_count"] == 2
    assert ask("GET").json() == []


def test_preview_without_a_project_counts_all_contacts(ask: Asking) -> None:
    ask.headers = {}
    assert {key: found(ask, rules=PRO["rules"])[key] for key in ("contacts", "member_count")} == {
        "contacts": 5,
        "member_count": 4,
    }


def test_preview_reads_the_tables_of_the_server_or_of_the_last_run(ask: Asking, tmp_path: Path) -> None:
    rules = [{"table": "orders", "operator": "gte", "value": 2}]
    answer = ask("POST", "/preview", json={"rules": rules})
    assert answer.status_code == 422
    message = "the run was not given a table 'orders'; pass it with --table orders=PATH"
    assert answer.json()["errors"] == [{"path": "$.rules[0].table", "message": message}]
    path = tmp_path / "orders.parquet"
    pq.write_table(pa.table({"customer": ["a", "a", "b", "d", "d"], "at": [date(2020, 1, 1)] * 5}), path)
    write_segment(ask.segments, "buyers", *rules)
    source = TableSource(path, "customer", "at")
    segbatch.run(tmp_path / "contacts.parquet", ask.segments, tmp_path / "output", tables={"orders": source})
    assert found(ask, rules=rules)["first"] == ["a"]
    ask.service.tables = {"orders": TableSource(path, "at")}
    message = "ids are text, whole numbers, UUIDs or bytes (--table-contact orders=COLUMN)"
    assert message in ask("POST", "/preview", json={"rules": rules}).json()["detail"]
    matching = {"field": "customer", "operator": "matches", "value": "("}
    answer = ask("POST", "/preview", json={"rules": [{**rules[0], "where": [matching]}]})
    assert answer.json()["errors"][0]["path"] == "$.rules[0].where[0].value"


def test_share_is_null_for_a_project_without_contacts(ask: Asking) -> None:
    preview = found(ask.as_project("nobody"), rules=PRO["rules"])
    assert (preview["contacts"], preview["member_count"], preview["share"]) == (0, 0, None)


def test_preview_for_a_project_needs_the_project_column(ask: Asking, tmp_path: Path) -> None:
    write_contacts(tmp_path / "contacts.parquet", CONTACTS.drop(["project_id"]))
    answer = ask("POST", "/preview", json={"rules": PRO["rules"]})
    assert answer.status_code == 422
    assert "so the contacts of 'p' are unknown" in answer.text
    ask.headers = {}
    assert found(ask, rules=PRO["rules"])["contacts"] == 5
    assert ask("POST", "/preview", json={"rules": PRO["rules"], "project_id": "p"}).status_code == 422


def test_preview_uses_the_project_of_the_last_run_if_the_column_is_missing(ask: Asking, tmp_path: Path) -> None:
    path = write_contacts(tmp_path / "contacts.parquet", CONTACTS.drop(["project_id"]))
    write_segment(ask.segments, "pro", rule("plan", "eq", "pro"), project_id="p")
    segbatch.run(path, ask.segments, tmp_path / "output", project="p")
    preview = found(ask, rules=PRO["rules"])
    assert (preview["contacts"], preview["member_count"]) == (5, 4)
    assert ask.as_project("q")("POST", "/preview", json={"rules": PRO["rules"]}).status_code == 422


def test_preview_resolves_references_to_visible_segments(ask: Asking) -> None:
    write_segment(ask.segments, "pro", rule("plan", "eq", "pro"), project_id="p")
    write_segment(ask.segments, "shared", {"operator": "in_segment", "value": "base"})
    write_segment(ask.segments, "base", rule("plan", "eq", "free"))
    write_segment(ask.segments, "theirs", rule("plan", "eq", "pro"), project_id="q")
    (ask.segments / "broken.json").write_text('{"project_id": "p"}')
    assert found(ask, rules=not_in("pro"))["first"] == ["c"]
    assert found(ask, rules=not_in("shared"))["first"] == ["a", "b"]
    for unseen in ("theirs", "nothing"):
        answer = ask("POST", "/preview", json={"rules": not_in(unseen)})
        assert answer.status_code == 422
        assert answer.json()["errors"] == [
            {"path": "$.rules[0].value", "message": f"there is no segment '{unseen}'"},
        ]
    answer = ask("POST", "/preview", json={"rules": not_in("broken")})
    assert answer.status_code == 422
    assert ".json" not in answer.text


@pytest.mark.parametrize("name", ["q-theirs", "q-broken", "gone", "q-through"])
def test_error_of_a_shared_segment_hides_other_projects(ask: Asking, name: str) -> None:
    write_segment(ask.segments, "q-theirs", rule("plan", "eq", "pro"), project_id="q")
    write_segment(ask.segments, "q-broken", rule("nothing", "eq", "pro"), project_id="q")
    write_segment(ask.segments, "q-through", {"operator": "in_segment", "value": "q-theirs"})
    write_segment(ask.segments, "shared", {"operator": "in_segment", "value": name})
    write_segment(ask.segments, "mine", {"operator": "in_segment", "value": "shared"}, project_id="p")
    for named, message in (
        ("shared", "segment 'shared' failed"),
        ("mine", "segment 'mine' failed: segment 'shared' failed"),
    ):
        answer = ask("POST", "/preview", json={"rules": not_in(named)})
        assert (answer.status_code, answer.json()["errors"]) == (
            422,
            [{"path": "$.rules[0].value", "message": message}],
        )
        assert "q-" not in answer.text


@pytest.mark.parametrize(
    ("body", "path", "words"),
    [
        ({}, "$.rules", "'rules' is missing"),
        (
            {"rules": [rule("plan", "eq", "pro")], "first": 1001},
            "$.first",
            "1001 is not a whole number from 0 to 1,000",
        ),
        ({"rules": [rule("plan", "eq", "pro")], "first": True}, "$.first", "true is not a whole number"),
        ({"rules": [rule("plan", "eq", "pro")], "frist": 1}, "$.frist", "'frist' is not a key of a segment"),
        ({"rules": [rule("plna", "eq", "pro")]}, "$.rules[0].field", "the snapshot has no column 'plna'"),
        ({"rules": [rule("plan", "within_last", "1d")]}, "$.rules[0].field", "'within_last' compares dates here"),
    ],
)
def test_invalid_previews_are_refused(ask: Asking, body: Any, path: str, words: str) -> None:
    answer = ask("POST", "/preview", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["path"] == path
    assert answer.json()["errors"][0]["message"].startswith(words)


def test_warnings_do_not_suggest_fields_of_other_projects(ask: Asking) -> None:
    [warning] = found(ask, rules=[rule("custom_fields.secrat", "eq", 1)])["warnings"]
    assert warning["path"] == "$.rules[0].field"
    assert warning["message"].startswith("'custom_fields' has no 'secrat' in this snapshot")
    assert "secret" not in warning["message"]


def test_preview_uses_the_snapshot_of_the_last_run_by_default(tmp_path: Path) -> None:
    ask = Asking(tmp_path).as_project("p")
    answer = ask("POST", "/preview", json={"rules": PRO["rules"]})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:segbatch:problem:nothing-published")
    write_segment(ask.segments, "any", rule("plan", "eq", "pro"))
    for name, begin in (("one", 0), ("two", 2)):
        write_contacts(tmp_path / "export" / f"{name}.parquet", CONTACTS.slice(begin, 2))
    segbatch.run(tmp_path / "export", ask.segments, tmp_path / "output")
    assert found(ask, rules=PRO["rules"])["contacts"] == 3
    write_contacts(tmp_path / "export" / "three.parquet", CONTACTS.slice(4))
    answer = ask("POST", "/preview", json={"rules": PRO["rules"]})
    assert answer.status_code == 503
    assert str(tmp_path) not in answer.text
    segbatch.run(tmp_path / "export" / "two.parquet", ask.segments, tmp_path / "output")
    assert found(ask, rules=PRO["rules"])["contacts"] == 1


def test_invalid_snapshot_returns_503_and_is_logged_without_ids(
    ask: Asking, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_contacts(
        tmp_path / "contacts.parquet",
        pa.table({"id": ["twin", "twin"], "plan": ["pro", "pro"], "project_id": ["p", "p"]}),
    )
    answer = ask("POST", "/preview", json={"rules": PRO["rules"]})
    assert answer.status_code == 503
    log = capsys.readouterr().err
    assert "1 id occurs more than once in 'id'" in log
    assert "twin" not in log + answer.text


def test_preview_stops_at_its_time_limit_or_at_shutdown(ask: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segbatch.interfaces.api.limits.PREVIEW_TIME", -1.0)
    assert ask("POST", "/preview", json={"rules": PRO["rules"]}).status_code == 504
    ask.service.stopping.set()
    assert ask("POST", "/preview", json={"rules": PRO["rules"]}).status_code == 503


def test_previews_queue_without_blocking_other_requests(ask: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, at_work = threading.Event(), threading.Event()

    def wait(*_: object) -> Any:
        at_work.set()
        assert go_on.wait(60)
        return EvaluationOptions("nowhere"), None

    monkeypatch.setattr("segbatch.interfaces.api.contact_requests._options", wait)
    monkeypatch.setattr("segbatch.interfaces.api.limits.PREVIEW_QUEUE_TIME", 0.2)
    monkeypatch.setattr("segbatch.interfaces.api.limits.PREVIEW_QUEUE", 2)

    async def ask_all() -> tuple[list[int], int]:
        options = {"json": {"rules": PRO["rules"]}}
        first = asyncio.create_task(ask.ask("POST", "/preview", **options))
        await asyncio.to_thread(at_work.wait, 60)
        more = await asyncio.gather(*(ask.ask("POST", "/preview", **options) for _ in range(4)))
        listed = await ask.ask("GET", "")
        go_on.set()
        assert (await first).status_code == 503
        return [answer.status_code for answer in more], listed.status_code

    assert asyncio.run(ask_all()) == ([503] * 4, 200)


def test_rules_can_name_lists_next_to_the_definitions(ask: Asking) -> None:
    listed = [{"field": "id", "operator": "in_list", "value": "vip"}]
    answer = ask("POST", "/preview", json={"rules": listed})
    assert answer.status_code == 422
    [problem] = answer.json()["errors"]
    assert problem["message"].startswith("there is no list 'vip'; create vip.txt with one value per line")
    folder = ask.segments.parent / "lists"
    folder.mkdir()
    (folder / "vip.txt").write_text("b\nd\n")
    assert found(ask, rules=listed)["first"] == ["b"]
