"""Test access by keys and projects, and that projects cannot detect segments of other projects."""

import json
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from asking import PRO, Asking
from segbatch.definitions.store import index, segment_store
from segbatch.interfaces.api.keys.key_store import KeyRing


class Keyed(Asking):
    """Send requests with keys."""

    def __init__(self, folder: Path) -> None:
        self.ring = KeyRing(folder / "keys.json")
        self.key, self.secret = self.ring.create(["p"])
        _, self.other = self.ring.create(["q"])
        _, self.both = self.ring.create(["p", "q"])
        _, self.reading = self.ring.create(["p"], read_only=True)
        super().__init__(folder, self.ring)
        self.use(self.secret)

    def use(self, secret: str, project: str | None = None) -> "Keyed":
        self.headers = {"Authorization": f"Bearer {secret}"} | ({"X-Project-ID": project} if project else {})
        return self


@pytest.fixture
def ask(tmp_path: Path) -> Keyed:
    return Keyed(tmp_path)


def test_key_for_one_project_needs_no_project_header(ask: Keyed) -> None:
    made = ask.made()
    assert made["project_id"] == "p"
    assert ask.use(ask.both, "p")("GET", f"/{made['id']}").json() == made
    assert ask.use(ask.both, "q")("GET").json() == []
    assert ask.use(ask.both)("GET").status_code == 400
    assert ask.use(ask.secret, "p")("GET").json() == [made]


@pytest.mark.parametrize("project", ["q", "r", "P", "p, q", "p,p", "*", "null", "p/../q"])
def test_key_cannot_access_other_projects(ask: Keyed, project: str) -> None:
    answer = ask.use(ask.secret, project)("GET")
    assert answer.status_code == 403
    assert answer.json()["type"].endswith(":forbidden")


def everything(ask: Keyed, segment_id: str) -> list[tuple[int, str]]:
    """Return the responses to all requests for a segment."""
    asked = [("GET", {}), ("PATCH", {"json": {"name": "x"}}), ("PATCH", {"json": {"project_id": "p"}}), ("DELETE", {})]
    answers = [ask(method, f"/{segment_id}", **options) for method, options in asked]
    answers += [ask("DELETE", f"/{segment_id}", headers={"If-Match": '"x"'})]
    answers += [ask("POST", json=PRO | {"rules": [{"operator": "not_in_segment", "value": segment_id}]})]
    answers += [ask("POST", json=PRO | {"id": segment_id})]
    return [(answer.status_code, answer.text.replace(segment_id, "ID")) for answer in answers]


def test_segment_of_another_project_is_answered_like_a_missing_segment(ask: Keyed) -> None:
    theirs = ask.use(ask.other).made()
    (ask.segments / "vip.json").write_text(json.dumps({**PRO, "project_id": "q"}))
    (ask.segments / "broken.json").write_text(json.dumps({"project_id": "q"}))
    ask.use(ask.secret)
    nothing = everything(ask, "00000000-0000-4000-8000-000000000000")
    assert [status for status, _ in nothing] == [404, 404, 404, 404, 404, 422, 422]
    assert everything(ask, theirs["id"]) == nothing
    assert everything(ask, "vip") == everything(ask, "pip"), "and not as what was perhaps meant"
    assert everything(ask, "broken") == nothing
    assert ask("GET").json() == []
    assert ask.use(ask.other)("GET", f"/{theirs['id']}").json() == theirs


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count the slow operations of the store."""
    done = Counter[str]()

    def counting(module: ModuleType, name: str) -> None:
        real = getattr(module, name)

        def counted(*arguments: Any) -> Any:
            done[name] += 1
            return real(*arguments)

        monkeypatch.setattr(module, name, counted)

    for name in ("walk", "read_file", "_signature", "did_you_mean", "find_files"):
        counting(index, name)
    counting(segment_store, "read_entries")
    return done


def test_missing_segments_and_segments_of_other_projects_take_the_same_work(
    ask: Keyed, work: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = ask.use(ask.other).made()["id"]
    ask.use(ask.secret).made()
    monkeypatch.setattr(index, "_CLOCK_TICK", -10_000_000_000)  # treat files written just now as old
    for believed in (0.0, 1_000.0):
        monkeypatch.setattr(index, "_UNKNOWN_ID_TTL", believed)
        ask("GET")
        done = list[Counter[str]]()
        for segment_id in (theirs, "00000000-0000-4000-8000-000000000000"):
            work.clear()
            everything(ask, segment_id)
            done.append(work.copy())
        assert done[0] == done[1]
        assert bool(done[0]["walk"]) == (believed == 0), "within a while nobody looks at every file again"
        assert done[0]["did_you_mean"] == 6


@pytest.mark.parametrize("content", ['{"name":"x', json.dumps({"name": "x"}), "[1]", "7", "\ufeff{"])
def test_broken_file_without_a_known_project_is_answered_like_a_missing_segment(ask: Keyed, content: str) -> None:
    ask.made()
    nothing = everything(ask, "second-project-pips")
    (ask.segments / "second-project-vips.json").write_text(content)
    assert everything(ask, "second-project-vips") == nothing
    assert everything(ask, "second-project-vip") == nothing, "and not as what was perhaps meant"
    rules = [{"operator": "in_segment", "value": "second-project-vips"}]
    answer = ask("POST", "/preview", json={"rules": rules})
    assert (answer.status_code, answer.json()["detail"]) == (
        422,
        "$.rules[0].value: there is no segment 'second-project-vips'",
    )


def test_broken_file_with_a_project_is_reported_to_that_project(ask: Keyed) -> None:
    (ask.segments / "mine.json").write_text(json.dumps({"project_id": "p", "name": "Mine"}))
    assert ask("GET", "/mine").json()["type"].endswith(":broken-segment")
    assert ask("PATCH", "/mine", json={"rules": PRO["rules"]}).status_code == 200


@pytest.mark.parametrize("names", [["d"], ["d1", "d2"]], ids=["in one file", "in two"])
def test_same_id_in_two_projects_addresses_separate_segments(ask: Keyed, names: list[str]) -> None:
    both = [{**PRO, "id": "dup", "project_id": project} for project in ("p", "q")]
    files = {names[0]: both} if len(names) == 1 else dict(zip(names, both, strict=True))
    for name, content in files.items():
        (ask.segments / f"{name}.json").write_text(json.dumps(content))
    for secret, project in ((ask.secret, "p"), (ask.other, "q")):
        ask.use(secret)
        assert [found["project_id"] for found in ask("GET").json()] == [project]
        assert ask("GET", "/dup").json()["project_id"] == project
        assert ask("PATCH", "/dup", json={"name": project}).json()["name"] == project
    assert ask.use(ask.secret)("DELETE", "/dup").status_code == 204
    assert ask("GET", "/dup").status_code == 404
    assert ask.use(ask.other)("GET", "/dup").json()["name"] == "q"


def test_duplicate_id_in_one_project_is_reported_without_file_names(ask: Keyed) -> None:
    for name in ("d1", "d2"):
        (ask.segments / f"{name}.json").write_text(json.dumps({**PRO, "id": "dup", "project_id": "p"}))
    answer = ask("GET", "/dup")
    told = {"path": "$.id", "message": "2 definitions have the id 'dup'; give all but one another id"}
    assert (answer.status_code, answer.json()["errors"]) == (409, [told])
    assert "d1" not in answer.text


def test_shared_segments_can_be_referenced_but_not_read(ask: Keyed) -> None:
    (ask.segments / "shared.json").write_text(json.dumps(PRO))
    assert ask("GET").json() == []
    assert ask("GET", "/shared").status_code == 404
    assert ask.made(rules=[{"operator": "in_segment", "value": "shared"}])["project_id"] == "p"


def test_reference_from_another_project_does_not_prevent_deletion(ask: Keyed) -> None:
    made = ask.made()
    user = {**PRO, "project_id": "q", "rules": [{"operator": "in_segment", "value": made["id"]}]}
    (ask.segments / "user.json").write_text(json.dumps(user))
    assert ask("DELETE", f"/{made['id']}").status_code == 204


def test_reference_from_a_shared_segment_prevents_deletion_without_its_name(ask: Keyed) -> None:
    made = ask.made()
    (ask.segments / "secret.json").write_text(
        json.dumps({**PRO, "rules": [{"operator": "in_segment", "value": made["id"]}]})
    )
    answer = ask("DELETE", f"/{made['id']}")
    assert (answer.status_code, answer.json()["named_by"]) == (409, [])
    detail = f"segment '{made['id']}' is referenced by 1 segment without a project, which would fail without it"
    assert answer.json()["detail"] == f"{detail}; change them first", "there is no way to force it"
    assert "secret" not in answer.text


def test_patch_accepts_unchanged_references_to_deleted_segments(ask: Keyed) -> None:
    rules = [{"operator": "in_segment", "value": "gone"}]
    (ask.segments / "old.json").write_text(json.dumps({**PRO, "project_id": "p", "rules": rules}))
    assert ask("PATCH", "/old", json={"name": "New", "rules": rules}).status_code == 200
    assert ask("PATCH", "/old", json={"rules": rules * 2}).status_code == 422


def test_read_only_key_cannot_change_segments(ask: Keyed) -> None:
    made = ask.made()
    ask.use(ask.reading)
    assert ask("GET").json() == [made]
    changes: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "", {"json": PRO}),
        ("POST", "", {"content": b"nonsense"}),
        ("PATCH", f"/{made['id']}", {"json": {"name": "x"}}),
        ("DELETE", f"/{made['id']}", {}),
        ("DELETE", "/nothing", {}),
    ]
    for method, path, options in changes:
        assert ask(method, path, **options).status_code == 403, method
    assert ask("GET").json() == [made]


def test_revoked_key_is_refused_immediately(ask: Keyed) -> None:
    assert ask("GET").status_code == 200
    ask.ring.revoke(ask.key.id)
    answer = ask("GET")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="segbatch", error="invalid_token"'
    assert ask("POST", json=PRO).status_code == 401


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("Bearer {secret}", 200),
        ("bearer {secret}", 200),
        ("BEARER  {secret} ", 200),
        ("", 401),
        ("Bearer", 401),
        ("Bearer ", 401),
        ("{secret}", 401),
        ("Basic {secret}", 401),
        ("Bearer {secret}x", 401),
        ("Bearer {secret},{secret}", 401),
        ("Bearer {secret} {secret}", 401),
        ("Bearer\t{secret}", 401),
        ("Bearer é{secret}", 401),
        ("Bearer " + "x" * 10_000, 401),
    ],
)
def test_key_is_accepted_only_as_a_bearer_token(ask: Keyed, header: str, status: int) -> None:
    value = header.format(secret=ask.secret).encode()
    answer = ask("GET", headers=[(b"Authorization", value)])
    assert answer.status_code == status
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)


def test_key_with_invalid_bytes_is_refused(ask: Keyed) -> None:
    assert ask("GET", headers=[(b"Authorization", b"Bearer \xff\xfe")]).status_code == 400


@pytest.mark.parametrize("name", ["Authorization", "X-Project-ID"])
def test_duplicate_headers_are_refused(ask: Keyed, name: str) -> None:
    twice = {"Authorization": f"Bearer {ask.secret}", "X-Project-ID": "p"}
    headers = [*twice.items(), (name, twice[name])]
    answer = ask("GET", headers=headers)
    assert answer.status_code == 400
    assert answer.json()["detail"] == f"the header {name} was sent 2 times; send it once"


def test_requests_without_a_key_cannot_detect_segments(ask: Keyed) -> None:
    made = ask.made()
    ask.headers = {}
    for method in ("GET", "PATCH", "DELETE"):
        there, not_there = (ask(method, path) for path in (f"/{made['id']}", "/nothing"))
        assert (there.status_code, there.text) == (not_there.status_code, not_there.text)
        assert there.status_code == 401
    assert ask("POST", content=b"x" * 10_000_000).status_code == 401


def test_log_contains_no_secrets_and_no_bodies(ask: Keyed, capsys: pytest.CaptureFixture[str]) -> None:
    ask.made(name="Quite Private")
    ask("GET", f"/x?key={ask.secret}")
    log = capsys.readouterr().err
    assert ask.secret not in log
    assert "Private" not in log
    assert "201 " in log
    assert f"key={ask.key.id} project=p" in log


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "here"}, 200),
        ({"Host": "here:8765"}, 200),
        ({"Host": "HERE"}, 200),
        ({"Host": "evil.example"}, 421),
        ({"Host": "here.evil.example"}, 421),
        ({"Host": ""}, 421),
        ({"Host": "here", "Origin": "http://here"}, 200),
        ({"Host": "here", "Origin": "http://evil.example"}, 403),
        ({"Host": "here", "Origin": "null"}, 403),
    ],
)
def test_server_without_keys_refuses_foreign_hosts_and_origins(
    tmp_path: Path, headers: dict[str, str], status: int
) -> None:
    assert Asking(tmp_path)("GET", headers=headers).status_code == status


def test_server_with_keys_accepts_any_host_and_origin(ask: Keyed) -> None:
    assert ask("GET", headers={"Host": "api.example.com", "Origin": "https://app.example.com"}).status_code == 200


def test_requests_are_refused_while_the_file_of_keys_is_broken(ask: Keyed, tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text("{")
    answer = ask("GET")
    assert answer.status_code == 503
    assert str(tmp_path) not in answer.text
