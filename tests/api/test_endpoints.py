"""Test the five documented endpoints."""

import json
from pathlib import Path

import pytest

from asking import PRO, SEGMENTS, Asking

DOCUMENTED = ["id", "project_id", "name", "description", "rules", "list_id", "created_at", "updated_at"]


@pytest.fixture
def ask(tmp_path: Path) -> Asking:
    return Asking(tmp_path).as_project("p")


def test_post_creates_a_segment_as_documented(ask: Asking) -> None:
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


def test_segments_with_the_same_name_get_different_ids(ask: Asking) -> None:
    made = [ask.made()["id"] for _ in range(3)]
    assert len(set(made)) == 3
    assert all(len(segment_id) == 36 for segment_id in made)


def test_list_is_a_bare_array(ask: Asking) -> None:
    assert ask("GET").json() == []
    made = [ask.made(name=name) for name in "abc"]
    assert sorted(ask("GET").json(), key=str) == sorted(made, key=str)


def test_owner_tags_expiry_and_enabled_are_set_and_removed(ask: Asking) -> None:
    keys = {"enabled": False, "owner": "growth", "tags": ["vip"], "expires_at": "2026-12-31"}
    made = ask.made(**keys)
    assert {key: made[key] for key in keys} == keys
    changed = ask("PATCH", f"/{made['id']}", json={"enabled": True, "tags": ["new"]}).json()
    assert (changed["enabled"], changed["tags"], changed["owner"]) == (True, ["new"], "growth")
    assert not keys.keys() & ask("PATCH", f"/{made['id']}", json=dict.fromkeys(keys)).json().keys()
    refused = ask("PATCH", f"/{made['id']}", json={"tags": ["vip", "vip"]})
    assert refused.status_code == 422
    assert refused.json()["errors"] == [{"path": "$.tags", "message": "the tag 'vip' is listed twice; remove it"}]


def test_previous_ids_cannot_be_set(ask: Asking) -> None:
    message = "'previous_ids' is recorded by 'segbatch segments rename'; leave it out"
    refused = ask("POST", json=PRO | {"previous_ids": ["other"]})
    assert (refused.status_code, refused.json()["errors"]) == (422, [{"path": "$.previous_ids", "message": message}])
    made = ask.made()
    assert ask("PATCH", f"/{made['id']}", json={"previous_ids": ["other"]}).status_code == 422
    assert ask("PATCH", f"/{made['id']}", json={"previous_ids": [], "name": "x"}).status_code == 200


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", "abc"),
        ("?tag=vip", "ab"),
        ("?tag=new&tag=old", "bc"),
        ("?owner=ann", "ac"),
        ("?tag=vip&owner=ann", "a"),
        ("?tag=none", ""),
        ("?owner=ann&owner=bob", "abc"),
    ],
)
def test_list_shows_segments_with_a_tag_or_an_owner(ask: Asking, query: str, names: str) -> None:
    ask.made(name="a", tags=["vip"], owner="ann")
    ask.made(name="b", tags=["vip", "new"], owner="bob")
    ask.made(name="c", tags=["old"], owner="ann")
    assert sorted(segment["name"] for segment in ask("GET", query).json()) == list(names)


def test_patch_changes_only_the_keys_in_the_body(ask: Asking) -> None:
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


def test_patch_without_a_difference_keeps_updated_at_unset(ask: Asking) -> None:
    made = ask.made()
    assert ask("PATCH", f"/{made['id']}", json={}).json() == made
    assert ask("PATCH", f"/{made['id']}", json=made).json() == made, "what was answered may be sent back"
    assert ask("PATCH", f"/{made['id']}", json={"name": "Pro"}).json()["updated_at"] is None


def test_patch_sets_updated_at_and_accepts_its_own_response(ask: Asking) -> None:
    made = ask.made()
    after = ask("PATCH", f"/{made['id']}", json={"name": "Other"}).json()
    assert after["updated_at"] >= after["created_at"]
    assert ask("PATCH", f"/{made['id']}", json=after | {"name": "Third"}).status_code == 200


def test_deleted_segment_is_not_found(ask: Asking) -> None:
    made = ask.made()
    answer = ask("DELETE", f"/{made['id']}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert ask("GET", f"/{made['id']}").status_code == 404
    assert ask("DELETE", f"/{made['id']}").status_code == 404
    assert not list(ask.segments.glob("*.json"))


def test_handwritten_file_is_served_and_updated_in_place(ask: Asking) -> None:
    file = ask.segments / "by-hand.json"
    file.write_text(json.dumps({"$schema": "x", "project_id": "p", **PRO}, indent=4))
    found = ask("GET", "/by-hand").json()
    assert list(found) == DOCUMENTED
    assert (found["created_at"], found["updated_at"]) == (None, None)
    assert ask("PATCH", "/by-hand", json={"name": "New"}).json()["name"] == "New"
    assert json.loads(file.read_text())["$schema"] == "x"


def test_post_accepts_the_content_of_a_definition_file(ask: Asking) -> None:
    assert ask("POST", json={"$schema": "../segment.schema.json", "project_id": "p", **PRO}).status_code == 201


def test_head_request_succeeds(ask: Asking) -> None:
    assert ask("HEAD").status_code == 200


def test_requests_without_keys_and_project_see_all_segments(tmp_path: Path) -> None:
    everybody = Asking(tmp_path)
    assert everybody.made()["project_id"] is None
    assert everybody.made(project_id="q")["project_id"] == "q"
    assert len(everybody("GET").json()) == 2


def test_health_check_answers_ok_for_any_host(ask: Asking) -> None:
    answer = ask("GET", "/healthz", headers={"Host": "anything"})
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize(
    ("header", "status"),
    [('"{etag}"', 200), ('"other", "{etag}"', 200), ("*", 200), ('W/"{etag}"', 412), ('"other"', 412), ("{etag}", 400)],
)
def test_if_match_applies_a_change_only_to_the_current_version(ask: Asking, header: str, status: int) -> None:
    made = ask("POST", json=PRO)
    path = f"/{made.json()['id']}"
    headers = {"If-Match": header.format(etag=made.headers["ETag"].strip('"'))}
    assert ask("PATCH", path, json={"name": "New"}, headers=headers).status_code == status
    assert ask("GET", path).json()["name"] == ("New" if status == 200 else "Pro")


def test_delete_with_a_stale_etag_is_refused(ask: Asking) -> None:
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
def test_if_none_match_returns_304_for_an_unchanged_segment(ask: Asking, header: str, status: int) -> None:
    made = ask("POST", json=PRO)
    etag = made.headers["ETag"].strip('"')
    answer = ask("GET", f"/{made.json()['id']}", headers={"If-None-Match": header.format(etag=etag)})
    assert answer.status_code == status
    if status == 304:
        assert (answer.headers["ETag"], answer.content) == (f'"{etag}"', b"")


def test_delete_refuses_a_referenced_segment(ask: Asking) -> None:
    made = ask.made()
    user = ask.made(rules=[{"operator": "in_segment", "value": made["id"]}])
    answer = ask("DELETE", f"/{made['id']}")
    assert answer.status_code == 409
    assert answer.json()["named_by"] == [user["id"]]
    assert user["id"] in answer.json()["detail"]


def test_broken_file_does_not_hide_other_segments(ask: Asking) -> None:
    made = ask.made()
    (ask.segments / "broken.json").write_text(json.dumps({"project_id": "p", **PRO, "rules": []}))
    assert [segment["id"] for segment in ask("GET").json()] == [made["id"]]
    answer = ask("GET", "/broken")
    assert answer.status_code == 409
    assert [wrong["path"] for wrong in answer.json()["errors"]] == ["$.rules"]
    assert ask("PATCH", "/broken", json={"rules": PRO["rules"]}).json()["name"] == "Pro"
    assert len(ask("GET").json()) == 2


def test_examples_are_returned_as_they_were_sent_and_can_be_removed(ask: Asking) -> None:
    examples = {"in": [{"status": "active", "custom_fields.seats": 80}]}
    made = ask("POST", json=PRO | {"examples": examples}).json()
    assert made["examples"] == ask("GET", f"/{made['id']}").json()["examples"] == examples
    assert "examples" not in ask("PATCH", f"/{made['id']}", json={"examples": None}).json()
    refused = ask("POST", json=PRO | {"examples": {}})
    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (422, "$.examples")
