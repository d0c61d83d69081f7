"""Test the endpoints for published runs: pages, conditions, and what each project sees."""

import asyncio
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pyarrow as pa
import pytest

import segbatch
from asking import Asking
from builders import rule, write_contacts, write_segment
from segbatch import Keep
from segbatch.runs.prune import prune_runs

CONTACTS = pa.table(
    {
        "id": ["a", "b", "c", "d", "e"],
        "plan": ["pro", "pro", "free", "pro", "pro"],
        "project_id": ["p", "p", "p", "q", "q"],
    }
)


class Reading(Asking):
    """Asks for published runs."""

    def get(self, path: str, **options: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            headers = {**self.headers, **options.pop("headers", {})}
            async with httpx.AsyncClient(transport=transport, base_url="http://here/api/v1") as client:
                return await client.get(path, headers=headers, **options)

        return asyncio.run(send())

    def found(self, path: str) -> Any:
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(self, path: str) -> tuple[int, str]:
        answer = self.get(path)
        return answer.status_code, answer.json()["type"].rpartition(":")[2]

    def run(self, day: int, contacts: pa.Table = CONTACTS) -> None:
        path = write_contacts(self.segments.parent / "contacts.parquet", contacts)
        as_of = f"2025-11-{day:02}T02:00:00Z"
        segbatch.run(path, self.segments, self.segments.parent / "output", as_of=as_of, run_id=f"r{day}")


def reading(folder: Path) -> Reading:
    made = Reading(folder)
    write_segment(made.segments, "pro", rule("plan", "eq", "pro"), project_id="p", tags=["vip"], owner="ann")
    write_segment(made.segments, "free", rule("plan", "eq", "free"), project_id="p")
    write_segment(made.segments, "theirs", rule("plan", "eq", "pro"), project_id="q")
    write_segment(made.segments, "shared", rule("plan", "exists"))
    return made


@pytest.fixture
def ask(tmp_path: Path) -> Reading:
    return reading(tmp_path)


@pytest.fixture(scope="module")
def one_run(tmp_path_factory: pytest.TempPathFactory) -> Reading:
    """Ask for the answers of one run, which no test changes."""
    made = reading(tmp_path_factory.mktemp("one-run"))
    made.run(1)
    return made


def test_runs_are_listed_newest_first_in_pages(ask: Reading) -> None:
    for day in (1, 2, 3):
        ask.run(day)
    first = ask.found("/runs?limit=2")
    assert [run["id"] for run in first["runs"]] == ["r3", "r2"]
    assert [run["is_current"] for run in first["runs"]] == [True, False]
    ask.run(4)
    second = ask.found(f"/runs?limit=2&cursor={first['next_cursor']}")
    assert ([run["id"] for run in second["runs"]], second["next_cursor"]) == (["r1"], None)
    assert second["runs"][0]["as_of"] == "2025-11-01T02:00:00.000Z"
    assert second["runs"][0]["entered"] is None


def test_project_sees_only_its_segments_in_all_answers(ask: Reading) -> None:
    ask.run(1)
    ask.run(2)
    assert [row["id"] for row in ask.found("/runs/current/segments")["segments"]] == ["free", "pro", "shared", "theirs"]
    whole = ask.found("/runs/r2")
    assert (whole["segment_count"], whole["membership_count"], whole["contact_count"]) == (4, 10, 5)
    ask.as_project("p")
    own = ask.found("/runs/r2")
    assert (own["segment_count"], own["membership_count"], own["contact_count"]) == (2, 3, None)
    page = ask.found("/runs/r2/segments")
    assert [row["id"] for row in page["segments"]] == ["free", "pro"]
    assert page["segments"][1]["sizes"] == [2, 2]
    assert page["history"][-1] == {"run_id": "r2", "as_of": "2025-11-02T02:00:00.000Z"}
    overlap = ask.found("/runs/r2/overlap")
    assert [one["id"] for one in overlap["segments"]] == ["pro", "free"]
    assert overlap["counts"] == [[2, 0], [0, 1]]
    for unseen in ("theirs", "shared", "nothing"):
        assert ask.refused(f"/runs/r2/segments/{unseen}") == (404, "not-found")
        assert ask.refused(f"/runs/r2/overlap?segments=pro,{unseen}") == (404, "not-found")
    for text in (ask.get(path).text for path in ("/runs", "/runs/r2", "/runs/r2/segments", "/runs/r2/overlap")):
        assert "theirs" not in text
        assert "shared" not in text


def test_answer_for_another_projects_segment_is_that_for_a_missing_one(ask: Reading) -> None:
    ask.run(1)
    ask.as_project("p")
    unseen, missing = (ask.get(f"/runs/r1/segments/{name}").json() for name in ("theirs", "theirx"))
    assert str(unseen).replace("theirs", "theirx") == str(missing)


def test_segment_in_a_run_has_its_history_and_references(ask: Reading) -> None:
    write_segment(ask.segments, "both", {"operator": "in_segment", "value": "pro"}, project_id="p")
    ask.run(1)
    ask.run(2, CONTACTS.slice(1))
    ask.as_project("p")
    found = ask.found("/runs/current/segments/pro?history=2")
    assert (found["name"], found["owner"], found["tags"], found["status"]) == ("Pro", "ann", ["vip"], "ok")
    assert (found["member_count"], found["entered"], found["left"]) == (1, 0, 1)
    assert [(run["run_id"], run["member_count"], run["left"]) for run in found["runs"]] == [
        ("r1", 2, None),
        ("r2", 1, 1),
    ]
    assert (found["names"], found["named_by"]) == ([], ["both"])
    assert found["definition"]["rules"] == [rule("plan", "eq", "pro")]
    assert [run["run_id"] for run in ask.found("/runs/r2/segments/pro?history=1")["runs"]] == ["r2"]
    assert ask.found("/runs/r1/segments/both")["names"] == ["pro"]


def test_segments_are_paged_and_all_pages_are_of_one_run(ask: Reading) -> None:
    ask.run(1)
    first = ask.found("/runs/current/segments?limit=3")
    write_segment(ask.segments, "zzz", rule("plan", "exists"))
    ask.run(2)
    second = ask.found(f"/runs/current/segments?limit=3&cursor={first['next_cursor']}")
    assert (second["run_id"], [row["id"] for row in second["segments"]], second["next_cursor"]) == (
        "r1",
        ["theirs"],
        None,
    )
    assert ask.refused(f"/runs/r2/segments?cursor={first['next_cursor']}") == (400, "bad-request")


def test_failures_hide_folders_and_other_projects(ask: Reading, tmp_path: Path) -> None:
    write_segment(ask.segments, "q-broken", rule("nothing", "eq", "pro"), project_id="q")
    write_segment(ask.segments, "links", {"operator": "in_segment", "value": "q-broken"})
    write_segment(ask.segments, "mine", {"operator": "in_segment", "value": "links"}, project_id="p")
    write_segment(ask.segments, "listed", rule("id", "in_list", "vip"), project_id="p")
    ask.run(1)
    assert "q-broken" in ask.get("/runs/r1").text
    ask.as_project("p")
    run, segment = ask.get("/runs/r1"), ask.get("/runs/r1/segments/mine")
    assert sorted(one["id"] for one in run.json()["failed"]) == ["listed", "mine"]
    assert segment.json()["message"].endswith("segment 'links' failed")
    for text in (run.text, segment.text, ask.get("/runs/r1/segments/listed").text):
        assert "q-broken" not in text
        assert str(tmp_path) not in text


def test_contact_shows_its_segments_of_the_project(ask: Reading) -> None:
    ask.run(1)
    ask.run(2)
    found = ask.found("/runs/current/contacts/a")
    assert [one["id"] for one in found["segments"]] == ["pro", "shared"]
    assert found["segments"][0]["since"] == "2025-11-01T02:00:00.000Z"
    assert (found["run_id"], found["contact_id"], found["fields"]) == ("r2", "a", None)
    ask.as_project("p")
    assert [one["id"] for one in ask.found("/runs/r1/contacts/a")["segments"]] == ["pro"]
    for unseen in ("d", "nobody"):
        assert ask.refused(f"/runs/r1/contacts/{unseen}") == (404, "no-contact")


@pytest.mark.slow
def test_contact_has_its_fields_if_the_server_has_contacts(ask: Reading, tmp_path: Path) -> None:
    custom = ['{"plan": "pro", "seats": [1, 2]}', "{", None, "{}", "{}"]
    ask.run(
        1,
        CONTACTS.append_column("custom_fields", pa.array(custom))
        .append_column("at", pa.array([0] * 5, pa.timestamp("us", "UTC")))
        .append_column("at_no_zone", pa.array([0] * 5, pa.timestamp("us"))),
    )
    ask.service.contacts = str(tmp_path / "contacts.parquet")
    epoch = "1970-01-01T00:00:00Z"
    fields = {"id": "a", "plan": "pro", "project_id": "p", "at": epoch, "at_no_zone": epoch}
    assert ask.found("/runs/r1/contacts/a")["fields"] == fields | {"custom_fields": {"plan": "pro", "seats": [1, 2]}}
    assert ask.found("/runs/r1/contacts/b")["fields"]["custom_fields"] == "{"
    ask.as_project("p")
    assert ask.found("/runs/r1/contacts/a")["fields"]["id"] == "a"
    assert ask.refused("/runs/r1/contacts/d") == (404, "no-contact")
    (ask.segments / "free.json").unlink()
    ask.run(2)
    assert ask.found("/runs/current/contacts/c") == {
        "run_id": "r2",
        "contact_id": "c",
        "segments": [],
        "fields": {"id": "c", "plan": "free", "project_id": "p"},
    }


@pytest.mark.parametrize(
    "path", ["/runs", "/runs/r1", "/runs/r1/segments", "/runs/r1/segments/pro", "/runs/r1/overlap"]
)
def test_unchanged_answers_are_not_sent_again(ask: Reading, path: str) -> None:
    ask.run(1)
    etag = ask.get(path).headers["ETag"]
    same = ask.get(path, headers={"If-None-Match": f'"x", W/{etag}'})
    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", etag)
    assert "Cookie" in same.headers["Vary"]
    assert ask.get(path, headers={"If-None-Match": '"x"'}).status_code == 200
    assert ask.get(path, headers={"If-None-Match": "x"}).status_code == 400
    ask.run(2, CONTACTS.slice(1))
    assert ask.get(path.replace("r1", "current"), headers={"If-None-Match": etag}).status_code == 200


def test_pruned_and_missing_runs(ask: Reading) -> None:
    assert ask.refused("/runs") == (409, "nothing-published")
    assert ask.refused("/runs/current/overlap") == (409, "nothing-published")
    assert ask.refused("/runs/current/contacts/a") == (409, "nothing-published")
    for day in (1, 2, 3):
        ask.run(day)
    prune_runs(ask.segments.parent / "output", Keep(1, 0), datetime.now(UTC))
    assert ask.found("/runs/r1/segments")["segments"][0]["member_count"] == 1
    assert ask.refused("/runs/r1/overlap") == (410, "run-gone")
    assert ask.refused("/runs/r1/contacts/a") == (410, "run-gone")
    for path in ("", "/segments", "/segments/pro", "/overlap", "/contacts/a"):
        assert ask.refused(f"/runs/r9{path}") == (404, "no-run")


@pytest.mark.parametrize(
    "query",
    [
        *(
            "?limit=0",
            "?limit=366",
            "?limit=1_0",
            "?limit=x",
            "?limit=1&limit=2",
            "?more=1",
            "?cursor=x",
            "?cursor=W10",
        ),
        *("/r1/segments?history=0", "/r1/segments?limit=10001", "/r1/segments?cursor=WyJyMSJd"),
        *(
            "/r1/segments/pro?limit=1",
            "/r1/overlap?top=201",
            "/r1/overlap?segments=",
            f"/r1/overlap?segments={',' * 200}",
        ),
    ],
)
def test_wrong_parameters_are_refused(one_run: Reading, query: str) -> None:
    assert one_run.refused(f"/runs{query}") == (400, "bad-request")


def test_overlaps_are_computed_one_at_a_time_without_blocking_other_requests(
    ask: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask.run(1)
    go_on, at_work, real = threading.Event(), threading.Event(), ask.service.views.overlap

    def wait(*arguments: Any) -> Any:
        at_work.set()
        assert go_on.wait(60)
        return real(*arguments)

    monkeypatch.setattr(ask.service.views, "overlap", wait)
    monkeypatch.setattr("segbatch.interfaces.api.limits.PREVIEW_QUEUE_TIME", 0.2)

    async def ask_all() -> list[int]:
        path = "http://here/api/v1/runs/r1"
        async with httpx.AsyncClient(transport=httpx.ASGITransport(ask.app)) as client:
            first = asyncio.create_task(client.get(f"{path}/overlap"))
            await asyncio.to_thread(at_work.wait, 60)
            others = await asyncio.gather(*(client.get(f"{path}/overlap") for _ in range(12)))
            run = await client.get(path)
            go_on.set()
            return [(await first).status_code, run.status_code, *(answer.status_code for answer in others)]

    assert asyncio.run(ask_all()) == [200, 200, *[503] * 12]


ODD = ("a/b", "/a", "a//b/", "a?b", "a#b", "a%b", "a%2Fb", "a b", "a+b", "a;b=c", "a\\b", "a\nb", "größe", "~")


@pytest.mark.parametrize("name", ODD)
def test_ids_may_have_characters_that_addresses_treat_specially(ask: Reading, name: str) -> None:
    write_segment(ask.segments, "odd", rule("plan", "eq", "pro"), id=name)  # not a valid id, so it fails
    ask.run(1, CONTACTS.set_column(0, "id", pa.array([name, "b", "c", "d", "e"])))
    assert name in [row["id"] for row in ask.found("/runs/r1/segments")["segments"]]
    quoted = quote(name, safe="")
    segment = ask.found(f"/runs/r1/segments/{quoted}")
    assert (segment["id"], segment["status"]) == (name, "failed")
    contact = ask.found(f"/runs/r1/contacts/{quoted}")
    assert (contact["contact_id"], [one["id"] for one in contact["segments"]]) == (name, ["pro", "shared"])


@pytest.mark.parametrize("contact", ["a", "ann@example.com", "x/ann@example.com", "segments@example.com"])
def test_log_has_no_contact_that_is_looked_up(ask: Reading, contact: str, capsys: pytest.CaptureFixture[str]) -> None:
    ask.run(1)
    capsys.readouterr()
    ask.get(f"/runs/current/contacts/{contact}")
    ask.get("/contacts/segments/pro/explanation")
    lines = capsys.readouterr().err.splitlines()
    paths = [line.split()[2] for line in lines]
    assert paths == ["/api/v1/runs/current/contacts/...", "/api/v1/contacts/segments/pro/explanation"]
