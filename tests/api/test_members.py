"""Test the endpoint for members, which reads the last published run."""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest

import segbatch
from asking import PRO, Asking
from builders import rule, write_contacts, write_segment
from segbatch.interfaces.api.cursors import write_cursor
from segbatch.storage.keep import Keep
from segbatch.storage.manifest_io import read_history
from segbatch.storage.retention import prune


def numbered(size: int) -> pa.Table:
    plans = ["pro" if number % 3 == 0 else "free" for number in range(size)]
    return pa.table({"id": pa.array(range(size), pa.int64()), "plan": plans, "project_id": ["p", "q"] * (size // 2)})


@pytest.fixture
def ask(tmp_path: Path) -> Asking:
    made = Asking(tmp_path).as_project("p")
    write_segment(made.segments, "pro", rule("plan", "eq", "pro"), project_id="p")
    write_segment(made.segments, "theirs", rule("plan", "eq", "pro"), project_id="q")
    return made


def run(ask: Asking, contacts: Any, **options: Any) -> segbatch.RunReport:
    folder = ask.segments.parent
    write_contacts(folder / "contacts.parquet", contacts)
    return segbatch.run(folder / "contacts.parquet", ask.segments, folder / "output", **options)


def pages(ask: Asking, path: str, limit: int) -> Iterator[dict[str, Any]]:
    cursor: dict[str, str] = {}
    while True:
        answer = ask("GET", f"{path}/members", params={"limit": limit, **cursor})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        yield page
        if page["next_cursor"] is None:
            return
        cursor = {"cursor": page["next_cursor"]}


def test_members_come_from_the_last_run_and_only_from_the_project(ask: Asking) -> None:
    report = run(ask, numbered(12), as_of="2025-11-01T02:00:00Z", run_id="first")
    assert ask("GET", "/pro/members").json() == {
        "segment_id": "pro",
        "run_id": "first",
        "as_of": "2025-11-01T02:00:00.000Z",
        "status": "ok",
        "member_count": 2,
        "members": [0, 6],
        "next_cursor": None,
    }
    assert report.run.memberships == 4
    assert ask("GET", "/theirs/members").status_code == 404


@pytest.mark.parametrize("rows", [7, 100_000])
def test_pages_contain_each_member_once_and_in_order(ask: Asking, monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    monkeypatch.setattr("segbatch.engine.local._MOST_ROWS", rows)
    monkeypatch.setattr("segbatch.engine.local._FEWEST_ROWS", 1)
    run(ask, numbered(600))
    for limit in (1, 2, 3, 50, 999, 1000):
        found = list(pages(ask, "/pro", limit))
        ids = [contact_id for page in found for contact_id in page["members"]]
        assert ids == list(range(0, 600, 6))
        assert all(len(page["members"]) == limit for page in found[:-1])
        assert 0 < len(found[-1]["members"]) <= limit


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (pa.array(["ä", "b/c"]), ["ä", "b/c"]),
        (pa.array(["a", "b"]).dictionary_encode(), ["a", "b"]),
        (pa.array([2**64 - 1, 0], pa.uint64()), [2**64 - 1, 0]),
        (pa.array([-1, 5], pa.int16()), [-1, 5]),
        (pa.array([b"\x00\xff", b"a"], pa.binary()), ["00ff", "61"]),
        (pa.array([UUID(int=1).bytes, UUID(int=2).bytes], pa.uuid()), [str(UUID(int=1)), str(UUID(int=2))]),
        (pa.array([10**30, 1], pa.decimal128(38, 0)), [10**30, 1]),
    ],
    ids=lambda ids: str(ids.type) if isinstance(ids, pa.Array) else "",
)
def test_ids_of_all_types_are_written_as_json(ask: Asking, ids: pa.Array, expected: list[object]) -> None:
    run(ask, pa.table({"id": ids, "plan": ["pro", "pro"], "project_id": ["p", "p"]}))
    assert ask("GET", "/pro/members").json()["members"] == expected


@pytest.mark.parametrize("limit", ["0", "10001", "x"])
def test_a_wrong_limit_is_refused_with_the_valid_ones(ask: Asking, limit: str) -> None:
    answer = ask("GET", "/pro/members", params={"limit": limit})
    detail = f"limit: '{limit}' is not a whole number from 1 to 10,000"
    assert (answer.status_code, answer.json()["detail"]) == (400, detail)


def test_cursor_keeps_reading_its_run_after_newer_runs_are_published(ask: Asking) -> None:
    run(ask, numbered(60), run_id="one")
    pages_of_one = pages(ask, "/pro", 4)
    first = next(pages_of_one)
    run(ask, numbered(6), run_id="two")
    rest = list(pages_of_one)
    assert {page["run_id"] for page in [first, *rest]} == {"one"}
    assert [who for page in [first, *rest] for who in page["members"]] == list(range(0, 60, 6))
    assert ask("GET", "/pro/members").json()["run_id"] == "two"


def test_cursor_of_a_pruned_run_returns_410(ask: Asking, tmp_path: Path) -> None:
    for number in range(4):
        run(ask, numbered(60), run_id=f"r{number}")
        if number == 0:
            cursor = ask("GET", "/pro/members", params={"limit": 1}).json()["next_cursor"]
    output = tmp_path / "output"
    prune(output, read_history(output), Keep(2, 0), datetime.now(UTC))
    answer = ask("GET", "/pro/members", params={"cursor": cursor})
    assert answer.status_code == 410
    assert answer.json()["type"].endswith(":run-gone")
    assert "start again" in answer.json()["detail"]


def test_failed_segment_keeps_its_members_and_reports_its_status(ask: Asking) -> None:
    run(ask, numbered(12))
    write_segment(ask.segments, "pro", rule("plna", "eq", "x"), project_id="p")
    run(ask, numbered(12))
    page = ask("GET", "/pro/members").json()
    assert (page["status"], page["members"]) == ("failed", [0, 6])


def test_members_of_an_unpublished_segment_return_409(ask: Asking) -> None:
    answer = ask("GET", "/pro/members")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:segbatch:problem:nothing-published")
    run(ask, numbered(12))
    made = ask.made()
    answer = ask("GET", f"/{made['id']}/members")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:segbatch:problem:nothing-published")


def test_members_are_hidden_if_the_run_had_the_segment_in_another_project(ask: Asking) -> None:
    run(ask, numbered(12))
    write_segment(ask.segments, "theirs", rule("plan", "eq", "pro"), project_id="p")
    assert ask("GET", "/theirs").status_code == 200
    assert ask("GET", "/theirs/members").status_code == 409


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=-1",
        "limit=10001",
        "limit=x",
        "limit=1e3",
        "limit=",
        "limit=%D9%A3",
        "limit=1&limit=2",
        "cursor=",
        "cursor=x",
        "cursor=%00",
        f"cursor={write_cursor('../../etc', 1)}",
        "cursor=%F0%9F%92%A9",
        f"cursor={write_cursor('x' * 300, 1)}",
        "cursr=x",
    ],
)
def test_invalid_query_parameters_are_refused(ask: Asking, query: str) -> None:
    run(ask, numbered(12))
    answer = ask("GET", f"/pro/members?{query}")
    assert answer.status_code in {400, 410}, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_damaged_run_returns_503_and_is_logged(ask: Asking, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(ask, numbered(12), run_id="one")
    (tmp_path / "output" / "runs" / "one" / "state.arrow").write_bytes(b"x")
    answer = ask("GET", "/pro/members")
    assert answer.status_code == 503
    assert str(tmp_path) not in answer.text
    assert "state.arrow: is damaged" in capsys.readouterr().err


def test_removed_output_folder_returns_409(ask: Asking, tmp_path: Path) -> None:
    run(ask, numbered(12))
    shutil.rmtree(tmp_path / "output")
    assert ask("GET", "/pro/members").status_code == 409


def test_responses_contain_only_the_ids_of_contacts(ask: Asking) -> None:
    run(ask, pa.table({"id": ["a"], "plan": ["pro"], "email": ["ann@example.com"], "project_id": ["p"]}))
    answers = [ask("GET", "/pro/members"), ask("POST", "/preview", json={"rules": PRO["rules"]})]
    assert all(answer.status_code == 200 and "ann@" not in answer.text for answer in answers)
    assert json.loads(answers[1].text)["first"] == ["a"]
