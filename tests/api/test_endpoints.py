"""The five endpoints of the documentation."""

import json
from pathlib import Path

import pytest

from asking import PRO, SEGMENTS, Asking

DOCUMENTED = ["id", "project_id", "name", "description", "rules", "list_id", "created_at", "updated_at"]


@pytest.fixture
def ask(tmp_path: Path) -> Asking:
    return Asking(tmp_path).as_project("p")


def test_a_segment_is_made_as_documented(ask: Asking) -> None:
    answer = ask("POST", json=PRO | {"description": "Who pays", "list_id": "l"})
    made = answer.json()
    assert answer.status_code == 201
    assert list(made) == DOCUMENTED
    assert made | {"id": "", "created_at": ""} == {
        **PRO,
        "id": "",
        "project_id": "p",
        "description": "Who pays",
        "list_id": "l",
        "created_at": "",
        "updated_at": None,
    }
    assert answer.headers["Location"] == f"{SEGMENTS}/{made['id']}"
    assert ask("GET", f"/{made['id']}").json() == made
    saved = json.loads((ask.segments / f"{made['id']}.json").read_text())
    assert saved["rules"] == PRO["rules"]
    assert saved["project_id"] == "p"


def test_no_two_segments_share_an_id_whatever_their_names(ask: Asking) -> None:
    made = [ask.made()["id"] for _ in range(3)]
    assert len(set(made)) == 3
    assert all(len(segment_id) == 36 for segment_id in made)


def test_the_list_is_a_bare_array(ask: Asking) -> None:
    assert ask("GET").json() == []
    made = [ask.made(name=name) for name in "abc"]
    assert sorted(ask("GET").json(), key=str) == sorted(made, key=str)


def test_an_update_changes_what_it_is_sent_and_nothing_else(ask: Asking) -> None:
    made = ask.made(description="d", match="any", max_change=0.5)
    path = f"/{made['id']}"
    changed = ask("PATCH", path, json={"name": "Enterprise", "description": None})
    assert changed.status_code == 200
    after = changed.json()
    assert after == made | {"name": "Enterprise", "description": None, "updated_at": after["updated_at"]}
    assert after["updated_at"] >= made["created_at"]
    assert after["match"] == "any"
    assert after["max_change"] == 0.5
    assert "match" not in ask("PATCH", path, json={"match": None}).json()


def test_what_changes_nothing_is_no_change(ask: Asking) -> None:
    made = ask.made()
    assert ask("PATCH", f"/{made['id']}", json={}).json() == made
    assert ask("PATCH", f"/{made['id']}", json=made).json() == made, "what was answered may be sent back"
    assert ask("PATCH", f"/{made['id']}", json={"name": "Pro"}).json()["updated_at"] is None


def test_what_was_changed_says_when_and_may_be_sent_back(ask: Asking) -> None:
    made = ask.made()
    after = ask("PATCH", f"/{made['id']}", json={"name": "Other"}).json()
    assert after["updated_at"] >= after["created_at"]
    assert ask("PATCH", f"/{made['id']}", json=after | {"name": "Third"}).status_code == 200


def test_a_deleted_segment_is_gone(ask: Asking) -> None:
    made = ask.made()
    answer = ask("DELETE", f"/{made['id']}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert ask("GET", f"/{made['id']}").status_code == 404
    assert ask("DELETE", f"/{made['id']}").status_code == 404
    assert not list(ask.segments.glob("*.json"))


def test_a_segment_written_by_hand_is_served_and_changed_where_it_is(ask: Asking) -> None:
    file = ask.segments / "by-hand.json"
    file.write_text(json.dumps({"$schema": "x", "project_id": "p", **PRO}, indent=4))
    found = ask("GET", "/by-hand").json()
    assert list(found) == DOCUMENTED
    assert (found["created_at"], found["updated_at"]) == (None, None)
    assert ask("PATCH", "/by-hand", json={"name": "New"}).json()["name"] == "New"
    assert json.loads(file.read_text())["$schema"] == "x"


def test_a_definition_file_can_be_posted_as_it_is(ask: Asking) -> None:
    assert ask("POST", json={"$schema": "../segment.schema.json", "project_id": "p", **PRO}).status_code == 201


def test_head_is_get_without_its_body(ask: Asking) -> None:
    assert ask("HEAD").status_code == 200


def test_somebody_without_keys_and_project_sees_all(tmp_path: Path) -> None:
    everybody = Asking(tmp_path)
    assert everybody.made()["project_id"] is None
    assert everybody.made(project_id="q")["project_id"] == "q"
    assert len(everybody("GET").json()) == 2


def test_the_server_says_that_it_is_there(ask: Asking) -> None:
    answer = ask("GET", "/healthz", headers={"Host": "anything"})
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize(
    ("header", "status"),
    [('"{etag}"', 200), ('"other", "{etag}"', 200), ("*", 200), ('W/"{etag}"', 412), ('"other"', 412), ("{etag}", 400)],
)
def test_a_change_is_made_only_to_what_was_read(ask: Asking, header: str, status: int) -> None:
    made = ask("POST", json=PRO)
    path = f"/{made.json()['id']}"
    headers = {"If-Match": header.format(etag=made.headers["ETag"].strip('"'))}
    assert ask("PATCH", path, json={"name": "New"}, headers=headers).status_code == status
    assert ask("GET", path).json()["name"] == ("New" if status == 200 else "Pro")


def test_a_stale_etag_deletes_nothing(ask: Asking) -> None:
    made = ask("POST", json=PRO)
    path = f"/{made.json()['id']}"
    old = {"If-Match": made.headers["ETag"]}
    new = {"If-Match": ask("PATCH", path, json={"name": "New"}, headers=old).headers["ETag"]}
    stale = ask("DELETE", path, headers=old)
    assert stale.status_code == 412
    assert stale.json()["detail"].endswith(
        "was changed by another user since it was read; read it again and repeat the change"
    )
    assert ask("DELETE", path, headers=new).status_code == 204


@pytest.mark.parametrize(
    ("header", "status"),
    [('"{etag}"', 304), ('W/"{etag}"', 304), ('"a", "{etag}"', 304), ("*", 304), ('"other"', 200), ("{etag}", 400)],
)
def test_what_a_client_has_is_not_sent_again(ask: Asking, header: str, status: int) -> None:
    made = ask("POST", json=PRO)
    etag = made.headers["ETag"].strip('"')
    answer = ask("GET", f"/{made.json()['id']}", headers={"If-None-Match": header.format(etag=etag)})
    assert answer.status_code == status
    if status == 304:
        assert (answer.headers["ETag"], answer.content) == (f'"{etag}"', b"")


def test_a_segment_that_is_named_is_not_deleted(ask: Asking) -> None:
    made = ask.made()
    user = ask.made(rules=[{"operator": "in_segment", "value": made["id"]}])
    answer = ask("DELETE", f"/{made['id']}")
    assert answer.status_code == 409
    assert answer.json()["named_by"] == [user["id"]]
    assert user["id"] in answer.json()["detail"]


def test_a_broken_file_hides_no_other(ask: Asking) -> None:
    made = ask.made()
    (ask.segments / "broken.json").write_text(json.dumps({"project_id": "p", **PRO, "rules": []}))
    assert [segment["id"] for segment in ask("GET").json()] == [made["id"]]
    answer = ask("GET", "/broken")
    assert answer.status_code == 409
    assert [wrong["path"] for wrong in answer.json()["errors"]] == ["$.rules"]
    assert ask("PATCH", "/broken", json={"rules": PRO["rules"]}).json()["name"] == "Pro"
    assert len(ask("GET").json()) == 2
