"""Test the endpoint for members with fields of the contacts, which reads the run and the contacts of the server."""

from pathlib import Path
from typing import Any
from uuid import UUID

import polars as pl
import pyarrow as pa
import pytest

import segbatch
from asking import Asking
from builders import rule, write_contacts, write_segment
from segbatch.snapshot.id_format import matches_any_id

CONTACTS = pa.table(
    {
        "id": ["a", "b", "c", "d", "e"],
        "plan": ["pro", "pro", "free", "pro", "pro"],
        "seen": pa.array([0, None, 0, 0, 0], pa.timestamp("us", "UTC")),
        "project_id": ["p", "p", "p", "q", "p"],
        "custom_fields": ['{"tier": 1, "tags": ["x"]}', '{"tier": 2}', None, '{"tier": 3}', "{}"],
    }
)


@pytest.fixture
def ask(tmp_path: Path) -> Asking:
    contacts = write_contacts(tmp_path / "contacts.parquet", CONTACTS)
    made = Asking(tmp_path, contacts=str(contacts)).as_project("p")
    write_segment(made.segments, "pro", rule("plan", "eq", "pro"), project_id="p")
    write_segment(made.segments, "theirs", rule("plan", "eq", "pro"), project_id="q")
    segbatch.run(contacts, made.segments, tmp_path / "output", run_id="one", as_of="2025-11-01T02:00:00Z")
    return made


def page(ask: Asking, query: str, segment_id: str = "pro") -> Any:
    answer = ask("GET", f"/{segment_id}/members/fields?{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def refused(ask: Asking, query: str, segment_id: str = "pro") -> tuple[int, str]:
    answer = ask("GET", f"/{segment_id}/members/fields?{query}")
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


@pytest.mark.slow
def test_members_have_the_chosen_fields(ask: Asking) -> None:
    found = page(ask, "field=custom_fields.tier&field=seen&field=custom_fields.nothing&limit=2")
    cursor = found.pop("next_cursor")
    assert found == {
        "segment_id": "pro",
        "run_id": "one",
        "as_of": "2025-11-01T02:00:00.000Z",
        "status": "ok",
        "member_count": 3,
        "fields": ["custom_fields.tier", "seen", "custom_fields.nothing"],
        "members": [
            {
                "id": "a",
                "values": {"custom_fields.tier": 1, "seen": "1970-01-01T00:00:00Z", "custom_fields.nothing": None},
            },
            {"id": "b", "values": {"custom_fields.tier": 2, "seen": None, "custom_fields.nothing": None}},
        ],
    }
    last = page(ask, f"field=plan&cursor={cursor}")
    assert (last["members"], last["next_cursor"]) == ([{"id": "e", "values": {"plan": "pro"}}], None)
    assert page(ask, "field=custom_fields&field=custom_fields&limit=1")["members"] == [
        {"id": "a", "values": {"custom_fields": {"tier": 1, "tags": ["x"]}}}
    ]


@pytest.mark.slow
def test_values_are_only_those_of_contacts_of_the_project(ask: Asking, tmp_path: Path) -> None:
    moved = CONTACTS.set_column(3, "project_id", [["q", "p", "p", "q", "p"]]).slice(0, 3)
    write_contacts(tmp_path / "contacts.parquet", moved)
    assert page(ask, "field=plan")["members"] == [
        {"id": "a", "values": None},  # now a contact of another project
        {"id": "b", "values": {"plan": "pro"}},
        {"id": "e", "values": None},  # no longer a contact
    ]
    ask.headers = {}
    assert [one["values"] for one in page(ask, "field=plan")["members"]] == [{"plan": "pro"}, {"plan": "pro"}, None]


@pytest.mark.slow
def test_without_contacts_members_have_only_ids(ask: Asking) -> None:
    ask.service.contacts = None
    found = page(ask, "field=plan")
    assert (found["fields"], found["members"]) == (None, [{"id": one, "values": None} for one in "abe"])


@pytest.mark.slow
def test_what_members_with_fields_refuse(ask: Asking, capsys: pytest.CaptureFixture[str]) -> None:
    many = "&".join(f"field=f{number}" for number in range(11))
    for query in (
        "",
        "field=",
        "limit=1",
        many,
        "field=plan&limit=501",
        "field=plan&limit=1&limit=2",
        "field=plan&x=1",
    ):
        assert refused(ask, query) == (400, "bad-request")
    assert refused(ask, "field=plan&cursor=x") == (400, "bad-request")
    for name in ("plna", "a..b", "plan.x.%00"):
        assert refused(ask, f"field=plan&field={name}") == (404, "no-field")
    for segment_id in ("theirs", "nothing"):
        assert refused(ask, "field=plan", segment_id) == (404, "not-found")
    write_segment(ask.segments, "new", rule("plan", "eq", "pro"), project_id="p")
    assert refused(ask, "field=plan", "new") == (409, "nothing-published")
    assert "plna" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("ids", "wanted", "found"),
    [
        (pa.array(["ä", "b", None]), ["ä", "c"], [True, False, False]),
        (pa.array([-1, 2**62, None], pa.int64()), [2**62, "x", -1], [True, True, False]),
        (pa.array([10**30, 1], pa.decimal128(38, 0)), [10**30], [True, False]),
        (pa.array([b"\x00\xff", b"a"], pa.binary()), ["00ff", "xx"], [True, False]),
        (pa.array([UUID(int=1).bytes, UUID(int=2).bytes], pa.uuid()), [str(UUID(int=2)), "x"], [False, True]),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_ids_of_all_types_are_found(ids: pa.Array, wanted: list[object], found: list[bool]) -> None:
    storage = ids.storage if isinstance(ids, pa.ExtensionArray) else ids
    assert matches_any_id(pl.Series("id", storage), ids.type, wanted).to_list() == found
