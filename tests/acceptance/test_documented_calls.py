"""The documented calls against a real server; then a run evaluates the segments that they created.

The calls with curl are those of `docs/api.md`, and the calls with the clients those of `docs/client.md`.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import duckdb
import pyarrow.parquet as pq
import pytest

import segbatch
from asking import SEGMENTS, Server, serving
from builders import rule, write_segment
from segbatch.client import AsyncSegmentsClient, ConflictError, NotFoundError, SegmentsClient
from segbatch.interfaces.api.keys.key_store import KeyRing

pytestmark = [pytest.mark.slow, pytest.mark.serial]

ROOT = Path(__file__).parents[2]
CONTACTS = ROOT / "sample_data" / "contacts.parquet"
PAGE = (ROOT / "docs" / "api.md").read_text()
PYTHON = re.compile(r"^```py\n(.*?)^```", re.MULTILINE | re.DOTALL)
CURL = re.compile(r"^\*\*(\w+)\*\*.*?^```sh\n(curl.*?)^```", re.MULTILINE | re.DOTALL)
ANSWER = re.compile(r'^```json\n(\{\n  "id".*?)^```', re.MULTILINE | re.DOTALL)

COMMANDS = dict(CURL.findall(PAGE))
"""The action in bold on the page, and the command for it."""

PRO_PLAN_USERS = {
    "name": "Pro Plan Users",
    "description": "All active contacts on the pro plan",
    "rules": [rule("custom_fields.plan", "eq", "pro"), rule("status", "eq", "active")],
}


@dataclass
class Place:
    """A server for one project, with its folder and key."""

    folder: Path
    server: Server
    key: str


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    _, key = KeyRing(tmp_path / "segbatch-keys.json").create(["proj-1"])
    write_segment(tmp_path / "segments", "of-nobody", rule("status", "eq", "active"))
    with serving(tmp_path) as server:
        yield Place(tmp_path, server, key)


class Way(Protocol):
    """A way to call the API; each call returns the response of the API, as JSON data."""

    def __init__(self, place: Place) -> None: ...
    def list(self) -> Any: ...
    def create(self) -> Any: ...
    def get(self, segment_id: str) -> Any: ...
    def update(self, segment_id: str) -> Any: ...
    def delete(self, segment_id: str) -> Any: ...


class Curl:
    """Calls with curl, as in `docs/api.md`."""

    def __init__(self, place: Place) -> None:
        self.environment = os.environ | {"API": place.server.base + SEGMENTS, "KEY": place.key}

    def run(self, what: str, segment_id: str = "") -> Any:
        done = subprocess.run(
            ["bash", "-c", COMMANDS[what]],
            env=self.environment | {"ID": segment_id},
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(done.stdout) if done.stdout else None

    def list(self) -> Any:
        return self.run("List")

    def create(self) -> Any:
        return self.run("Create")

    def get(self, segment_id: str) -> Any:
        return self.run("Get", segment_id)

    def update(self, segment_id: str) -> Any:
        return self.run("Update", segment_id)

    def delete(self, segment_id: str) -> Any:
        return self.run("Delete", segment_id)


class Sync:
    """Calls with the client."""

    def __init__(self, place: Place) -> None:
        self.place = place

    def call(self, call: Callable[[SegmentsClient], Any]) -> Any:
        with SegmentsClient(self.place.server.base, self.place.key, "proj-1") as client:
            return call(client)

    def list(self) -> Any:
        return [segment.to_json() for segment in self.call(lambda client: client.list_segments())]

    def create(self) -> Any:
        return self.call(lambda client: client.create_segment(PRO_PLAN_USERS)).to_json()

    def get(self, segment_id: str) -> Any:
        return self.call(lambda client: client.get_segment(segment_id)).to_json()

    def update(self, segment_id: str) -> Any:
        return self.call(lambda client: client.update_segment(segment_id, {"name": "Enterprise Users"})).to_json()

    def delete(self, segment_id: str) -> Any:
        return self.call(lambda client: client.delete_segment(segment_id))


class Async(Sync):
    """The same calls with the client for `async`."""

    def call(self, call: Callable[[Any], Any]) -> Any:
        async def run() -> Any:
            async with AsyncSegmentsClient(self.place.server.base, self.place.key, "proj-1") as client:
                return await call(client)

        return asyncio.run(run())


NO_CURL = pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")


@pytest.mark.parametrize("way", [pytest.param(Curl, marks=NO_CURL), Sync, Async])
def test_a_run_evaluates_the_segments_that_the_calls_change(place: Place, way: type[Way]) -> None:
    calls = way(place)
    assert calls.list() == []
    created = calls.create()
    assert created == {
        "id": created["id"],
        "project_id": "proj-1",
        **PRO_PLAN_USERS,
        "list_id": None,
        "created_at": created["created_at"],
        "updated_at": None,
    }
    assert calls.list() == [created]
    assert calls.get(created["id"]) == created
    assert evaluated(place, created["id"]) == ("Pro Plan Users", expected())
    updated = calls.update(created["id"])
    assert updated == {**created, "name": "Enterprise Users", "updated_at": updated["updated_at"]}
    assert updated["updated_at"] > created["created_at"]
    assert calls.get(created["id"]) == updated
    assert evaluated(place, created["id"]) == ("Enterprise Users", expected())
    assert calls.delete(created["id"]) is None
    assert calls.list() == []
    assert not (place.folder / "segments" / f"{created['id']}.json").exists()
    assert evaluated(place, created["id"]) == (None, [])
    with pytest.raises((subprocess.CalledProcessError, NotFoundError)):
        calls.get(created["id"])


def evaluated(place: Place, segment_id: str) -> tuple[str | None, list[str]]:
    """Start another run, and return the name of a segment and its members as read by DuckDB."""
    command = [sys.executable, "-m", "segbatch", "run", "--contacts", str(CONTACTS)]
    subprocess.run(command, cwd=place.folder, check=True, capture_output=True)
    with duckdb.connect(str(place.folder / "output" / "segbatch.duckdb"), read_only=True) as connection:
        name = connection.execute("SELECT name FROM segments WHERE segment_id = $1", [segment_id]).fetchone()
        members = connection.execute(
            "SELECT contact_id FROM membership WHERE segment_id = $1 ORDER BY 1", [segment_id]
        ).fetchall()
    return name[0] if name else None, [str(member) for (member,) in members]


def expected() -> list[str]:
    """Compute the members one by one."""
    columns = ["id", "project_id", "status", "custom_fields"]
    found = [
        contact["id"]
        for contact in pq.read_table(CONTACTS, columns=columns).to_pylist()
        if contact["project_id"] == "proj-1"
        and contact["status"] == "active"
        and (contact["custom_fields"] or {}).get("plan") == "pro"
    ]
    assert found
    return sorted(found)


def test_the_page_begins_with_commands_for_segments() -> None:
    """`tests/api/test_docs.py` calls the others."""
    names = ["List", "Create", "Filter", "Get", "Update", "Delete", "Members", "Preview"]
    assert list(COMMANDS)[: len(names)] == names


def test_the_response_on_the_page_matches_the_response_of_the_api(place: Place) -> None:
    """The keys, their order and all values are equal, except generated values."""
    (text,) = ANSWER.findall(PAGE)
    printed, answered = json.loads(text), Sync(place).create()
    own = {"id", "created_at"}
    assert list(printed) == list(answered)
    assert {key: printed[key] for key in printed.keys() - own} == {key: answered[key] for key in answered.keys() - own}


@pytest.mark.parametrize(
    ("code", "printed"),
    list(
        zip(
            [code for page in ("README.md", "docs/client.md") for code in PYTHON.findall((ROOT / page).read_text())],
            [
                "",
                "here Already There\nEnterprise Users\n",
                "['Already There']\n",
                "",
                "$.rules[0].operator 'equals' is not an operator; did you mean 'eq'?\n",
            ],
            strict=True,
        )
    ),
)
def test_the_python_of_the_page_runs(place: Place, code: str, printed: str) -> None:
    write_segment(place.folder / "segments", "here", rule("a", "exists"), name="Already There", project_id="proj-1")
    code = code.replace("http://localhost:8765", place.server.base)
    environment = os.environ | {"KEY": place.key}
    program = f"import os\napi_key, rules = os.environ['KEY'], {PRO_PLAN_USERS['rules']}\n{code}"
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, printed, "")


LOST = """
import httpx
send, lost = httpx.HTTPTransport.handle_request, []
def lose(transport, request):
    answer = send(transport, request)
    if request.method == "PATCH" and not lost:
        lost.append(answer.read())
        answer.close()
        raise httpx.ReadTimeout("timed out")
    return answer
httpx.HTTPTransport.handle_request = lose
"""
"""Loses the response of the first change after the change is applied."""


def test_the_retry_loop_of_the_page_updates_once_if_a_response_is_lost(place: Place) -> None:
    (code,) = [code for code in PYTHON.findall((ROOT / "docs" / "client.md").read_text()) if "StaleError" in code]
    code = code.replace("http://localhost:8765", place.server.base)
    shown = "print(len(lost), client.get_segment(segment.id).name)\nclient.close()"
    program = f"{LOST}\nimport os\napi_key = os.environ['KEY']\n{code}\n{shown}"
    environment = os.environ | {"KEY": place.key}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1 In Berlin, checked\n", "")


def test_members_and_previews_match_the_result_of_a_run(place: Place) -> None:
    with SegmentsClient(place.server.base, place.key) as client:
        segment = client.create_segment(PRO_PLAN_USERS)
        with pytest.raises(ConflictError) as told:
            client.list_members(segment.id)
        assert told.value.code == "nothing-published"
        _, members = evaluated(place, segment.id)
        assert sorted(map(str, client.iter_members(segment.id, limit=100))) == members
        page = client.list_members(segment.id)
        assert (page.segment_id, page.status, page.member_count) == (segment.id, "ok", len(members))
        preview = client.preview({"rules": PRO_PLAN_USERS["rules"]}, first=3)
    assert preview.member_count == len(members)
    assert set(preview.first) < set(members)
    assert len(preview.first) == 3

    async def listed() -> list[str]:
        async with AsyncSegmentsClient(place.server.base, place.key) as client:
            return [str(member) async for member in client.iter_members(segment.id)]

    assert sorted(asyncio.run(listed())) == members


def test_the_library_compiles_a_segment_of_the_api(place: Place) -> None:
    import polars as pl  # noqa: PLC0415 - only this test needs it

    with SegmentsClient(place.server.base, place.key) as client:
        segment = client.create_segment(PRO_PLAN_USERS)
    contacts = pl.read_parquet(CONTACTS)
    found = contacts.filter(segbatch.compile_segment(segment, contacts.schema), pl.col("project_id") == "proj-1")
    assert sorted(found["id"]) == expected()
