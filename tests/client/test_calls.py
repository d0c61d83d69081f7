"""Test the requests of the client and the parsing of the responses."""

from datetime import UTC, datetime
from typing import Any

import httpx
import polars as pl
import pytest

from client.clients import ETAG, KEY, PAGE, PREVIEW, SAVED, URL, Server, Use, problem, saved
from segbatch import compile_segment
from segbatch.client import AnswerError, Group, Rule, SavedGroup, SavedSegment, Segment, UsageError
from segbatch.platform.version import __version__

PREFIX = "/api/v1/contacts/segments"
RULES = [{"field": "custom_fields.plan", "operator": "eq", "value": "pro"}]


def test_each_method_sends_one_request(use: Use) -> None:
    definition = {"name": "Pro Plan Users", "rules": RULES}
    for name, arguments, answer, expected in [
        ("list_segments", (), httpx.Response(200, json=[SAVED]), ("GET", PREFIX, b"")),
        ("get_segment", ("3f0c",), saved(), ("GET", f"{PREFIX}/3f0c", b"")),
        ("create_segment", (definition,), saved(201), ("POST", PREFIX, None)),
        ("update_segment", ("3f0c", {"name": "Enterprise Users"}), saved(), ("PATCH", f"{PREFIX}/3f0c", None)),
        ("delete_segment", ("3f0c",), httpx.Response(204), ("DELETE", f"{PREFIX}/3f0c", b"")),
    ]:
        server = Server([answer])
        use(server, name, *arguments)
        (request,) = server.requests
        method, path, content = expected
        assert (request.method, str(request.url)) == (method, URL + path)
        assert request.headers["Authorization"] == f"Bearer {KEY}"
        assert request.headers["X-Project-ID"] == "proj-1"
        assert request.headers["User-Agent"] == f"segbatch/{__version__}"
        assert "If-Match" not in request.headers
        if content is None:
            assert server.sent == arguments[-1]
            assert request.headers["Content-Type"] == "application/json"
        else:
            assert request.content == content


def test_get_segment_returns_models_and_the_etag(use: Use) -> None:
    segment = use(Server([saved()]), "get_segment", "3f0c")
    assert isinstance(segment, SavedSegment)
    assert isinstance(segment, Segment)
    assert (segment.id, segment.name, segment.etag, segment.project_id) == ("3f0c", "Pro Plan Users", ETAG, "proj-1")
    assert segment.created_at == datetime(2025, 6, 1, 10, tzinfo=UTC)
    rule, group = segment.rules
    assert isinstance(rule, Rule)
    assert (rule.field, rule.operator, rule.value) == ("custom_fields.plan", "eq", "pro")
    assert isinstance(group, Group)
    assert segment.to_json() == SAVED
    expression = compile_segment(
        segment, {"custom_fields": pl.Struct({"plan": pl.String}), "status": pl.String()}, project="proj-1"
    )
    contacts = pl.DataFrame({"custom_fields": [{"plan": "pro"}, {"plan": "free"}], "status": ["x", "y"]})
    assert contacts.filter(expression).height == 1


@pytest.mark.parametrize(("header", "etag"), [('"a1"', "a1"), ('W/"a1"', "a1"), (None, None)])
def test_etag_is_returned_without_quotes(use: Use, header: str | None, etag: str | None) -> None:
    assert use(Server([saved(etag=header)]), "get_segment", "3f0c").etag == etag


def test_list_segments_returns_segments_without_etags(use: Use) -> None:
    first, second = use(Server([httpx.Response(200, json=[SAVED, SAVED | {"id": "other"}])]), "list_segments")
    assert (first.id, first.etag, second.id) == ("3f0c", None, "other")
    assert use(Server([httpx.Response(200, json=[])]), "list_segments") == []


@pytest.mark.parametrize(
    ("conditions", "query"),
    [
        ({}, b""),
        ({"tags": ["vip", "a b"]}, b"tag=vip&tag=a%20b"),
        ({"tags": ("vip",), "owners": ["ann"]}, b"tag=vip&owner=ann"),
    ],
)
def test_list_segments_sends_tags_and_owners(use: Use, conditions: dict[str, Any], query: bytes) -> None:
    server = Server([httpx.Response(200, json=[])])
    use(server, "list_segments", **conditions)
    assert server.requests[0].url.query.replace(b"+", b"%20") == query


@pytest.mark.parametrize("etag", ["a1", '"a1"', 'W/"a1"', " a1\n"])
def test_if_match_accepts_an_etag_in_any_form(use: Use, etag: str) -> None:
    for method, arguments, answer in [
        ("update_segment", ("3f0c", {"name": "x"}), saved()),
        ("delete_segment", ("3f0c",), httpx.Response(204)),
    ]:
        server = Server([answer])
        use(server, method, *arguments, if_match=etag)
        assert server.requests[0].headers["If-Match"] == '"a1"'


def test_if_match_wildcard_is_sent_unchanged(use: Use) -> None:
    server = Server([saved()])
    use(server, "update_segment", "3f0c", {"name": "x"}, if_match="*")
    assert server.requests[0].headers["If-Match"] == "*"


@pytest.mark.parametrize(
    ("definition", "sent"),
    [
        (Segment.model_validate({"id": "a", "name": "A", "rules": RULES}), {"id": "a", "name": "A", "rules": RULES}),
        (
            {
                "name": "A",
                "rules": (Rule(field="a", operator="exists"), Group.model_validate({"match": "any", "rules": RULES})),
            },
            {"name": "A", "rules": [{"field": "a", "operator": "exists"}, {"match": "any", "rules": RULES}]},
        ),
        ({"name": "Zoë \u2028", "description": None}, {"name": "Zoë \u2028", "description": None}),
    ],
)
def test_create_segment_accepts_models_and_dictionaries(use: Use, definition: Any, sent: Any) -> None:
    server = Server([saved()])
    use(server, "create_segment", definition)
    assert server.sent == sent


def test_segment_from_the_server_can_be_sent_back(use: Use) -> None:
    segment = use(Server([saved()]), "get_segment", "3f0c")
    server = Server([saved()])
    use(server, "update_segment", segment.id, segment, if_match=segment.etag)
    assert server.sent == SAVED


NEWER: dict[str, Any] = {
    "shared_with": "ann",
    "rules": [
        {"field": "plan", "operator": "eq", "value": "pro", "weight": 3},
        {
            "match": "any",
            "label": "x",
            "rules": [{"match": "none", "label": "y", "rules": [{**RULES[0], "weight": 1}]}],
        },
    ],
}


def test_unknown_keys_of_a_newer_server_are_kept_and_sent_back(use: Use) -> None:
    segment: SavedSegment = use(Server([saved(**NEWER)]), "get_segment", "3f0c")
    assert segment.model_extra == {"shared_with": "ann"}
    group = segment.rules[1]
    assert isinstance(group, SavedGroup)
    assert group.model_extra == {"label": "x"}
    assert segment.to_json() == SAVED | NEWER
    server = Server([saved()])
    use(server, "update_segment", "3f0c", {"rules": segment.rules})
    assert server.sent == {"rules": NEWER["rules"]}


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (httpx.Response(200, text="<html>"), "answered text/plain; charset=utf-8 in place of JSON; is the base URL"),
        (httpx.Response(204), "answered 204 No Content and nothing in place of JSON; is the base URL right?"),
        (httpx.Response(200, content=b"[" * 100_000), "answered no content type in place of JSON"),
        (
            httpx.Response(200, content=b"{", headers={"Content-Type": "application/json"}),
            "answered application/json that is not valid JSON; was it changed or cut off on its way?",
        ),
        (httpx.Response(200, json=[]), "sent a response that this version does not know: $: must be "),
        (saved(name=7), "sent a response that this version does not know: $.name: must be a text"),
        (
            saved(rules=[{"field": "a", "operator": "sounds_like", "value": "x"}]),
            "sent a response that this version does not know: $.rules[0].operator: must be 'eq'",
        ),
        (httpx.Response(302, headers={"Location": "http://other/"}), "redirects to 'http://other/', and keys"),
    ],
)
def test_unusable_responses_raise_answer_error(use: Use, answer: httpx.Response, message: str) -> None:
    with pytest.raises(AnswerError) as told:
        use(Server([answer]), "get_segment", "3f0c")
    assert str(told.value).startswith(f"{URL}{PREFIX}/3f0c: {message}")


def test_redirects_are_not_followed(use: Use) -> None:
    server = Server([httpx.Response(307, headers={"Location": "http://thief/"})])
    with pytest.raises(AnswerError, match="keys are not sent to other addresses"):
        use(server, "delete_segment", "3f0c")
    assert len(server.requests) == 1


@pytest.mark.parametrize("segment_id", ["a/b", "a?b#c", "../../keys", "%2e%2e", "é \n", "\ud800", "a" * 500])
def test_segment_id_is_escaped_to_one_part_of_the_path(use: Use, segment_id: str) -> None:
    server = Server([problem(404)])
    with pytest.raises(Exception, match="what is wrong"):
        use(server, "get_segment", segment_id)
    path = server.requests[0].url.raw_path.decode()
    assert path.startswith(f"{PREFIX}/")
    assert "/" not in path.removeprefix(f"{PREFIX}/")
    assert "?" not in path


@pytest.mark.parametrize("segment_id", ["", ".", "..", None, 5, b"a"])
def test_invalid_segment_ids_are_refused(use: Use, segment_id: Any) -> None:
    server = Server([httpx.Response(204)])
    with pytest.raises(UsageError, match="is not a valid segment id"):
        use(server, "delete_segment", segment_id)
    assert server.requests == []


@pytest.mark.parametrize(
    ("arguments", "named", "message"),
    [
        (
            ("a", {"name": {1, 2}}),
            {},
            "the definition cannot be written as JSON: 'set' is neither a text, a number, a list",
        ),
        (("a", {"name": float("nan")}), {}, "the definition cannot be written as JSON: "),
        (("a", {"name": b"x"}), {}, "the definition cannot be written as JSON: 'bytes' is neither"),
        (("a", 5), {}, "a definition must be a dictionary or a Segment; found 5"),
        (("a", [{"name": "x"}]), {}, "a definition must be a dictionary or a Segment; found [{"),
        (("a", None), {}, "a definition must be a dictionary or a Segment; found null"),
        (("a", {}), {"if_match": 5}, "5 is not an ETag (if_match)"),
        (("a", {}), {"if_match": ""}, "'' is not an ETag (if_match)"),
        (("a", {}), {"if_match": 'a", "b'}, "is not an ETag (if_match)"),
        (("a", {}), {"if_match": "a\r\nX: y"}, "is not an ETag (if_match)"),
    ],
)
def test_invalid_arguments_are_refused_before_sending(use: Use, arguments: Any, named: Any, message: str) -> None:
    server = Server([saved()])
    with pytest.raises(UsageError) as told:
        use(server, "update_segment", *arguments, **named)
    assert message in str(told.value)
    assert server.requests == []


@pytest.mark.parametrize("definition", [5, [{"rules": RULES}], None])
def test_preview_refuses_invalid_definitions(use: Use, definition: Any) -> None:
    server = Server([httpx.Response(200, json=PREVIEW)])
    with pytest.raises(UsageError, match="a definition must be "):
        use(server, "preview", definition)
    assert server.requests == []


def test_segment_id_too_long_for_a_url_is_refused(use: Use) -> None:
    server = Server([saved()])
    with pytest.raises(UsageError, match=r"segments/aaa.*… is not a valid URL: URL too long"):
        use(server, "get_segment", "a" * 100_000)
    assert server.requests == []


def test_iter_members_reads_all_pages(use: Use) -> None:
    pages = [
        PAGE | {"members": ["a", "b"], "next_cursor": "x/2"},
        PAGE | {"members": [], "next_cursor": "x/9"},
        PAGE | {"members": ["c", 4], "next_cursor": None},
    ]
    server = Server([httpx.Response(200, json=page) for page in pages])
    assert use(server, "iter_members", "3f0c", limit=2) == ["a", "b", "c", 4]
    asked = [str(request.url).removeprefix(f"{URL}{PREFIX}/3f0c/members") for request in server.requests]
    assert asked == ["?limit=2", "?cursor=x%2F2&limit=2", "?cursor=x%2F9&limit=2"]


def test_list_members_returns_a_page_with_its_run(use: Use) -> None:
    server = Server([httpx.Response(200, json=PAGE | {"more": 1})])
    page = use(server, "list_members", "3f0c")
    assert (page.run_id, page.as_of, page.status) == ("tuesday", datetime(2025, 6, 1, 2, tzinfo=UTC), "ok")
    assert (page.member_count, page.members, page.next_cursor) == (5, ("a", "b"), None)
    assert str(server.requests[0].url) == f"{URL}{PREFIX}/3f0c/members"


def test_members_are_listed_with_fields(use: Use) -> None:
    members: list[dict[str, Any]] = [
        {"id": "a", "values": {"status": "active", "tags": ["x", 1]}},
        {"id": 4, "values": None},
    ]
    answer = PAGE | {"fields": ["status", "tags"], "members": members, "next_cursor": "x/2"}
    server = Server([httpx.Response(200, json=answer)])
    page = use(server, "list_members_with_fields", "3f0c", ["status", "tags"], cursor="x/1", limit=2)
    assert (page.fields, page.member_count, page.next_cursor) == (("status", "tags"), 5, "x/2")
    assert [(one.id, one.values) for one in page.members] == [(one["id"], one["values"]) for one in members]
    path = f"{URL}{PREFIX}/3f0c/members/fields"
    assert str(server.requests[0].url) == f"{path}?field=status&field=tags&cursor=x%2F1&limit=2"
    assert server.requests[0].extensions["timeout"]["read"] == 90
    without = PAGE | {"fields": None, "members": [{"id": "a", "values": None}]}
    assert use(Server([httpx.Response(200, json=without)]), "list_members_with_fields", "3f0c", ("a",)).fields is None


@pytest.mark.parametrize("fields", ["status", [], ()])
def test_fields_of_members_are_a_list(use: Use, fields: Any) -> None:
    server = Server([saved()])
    with pytest.raises(UsageError, match="fields must be a list of names, at least one"):
        use(server, "list_members_with_fields", "3f0c", fields)
    assert server.requests == []


@pytest.mark.parametrize(
    ("definition", "first", "sent"),
    [
        ({"rules": [Rule(field="a", operator="exists")]}, None, {"rules": [{"field": "a", "operator": "exists"}]}),
        ({"rules": RULES, "match": "any"}, 3, {"rules": RULES, "match": "any", "first": 3}),
        (
            Segment.model_validate({"id": "a", "name": "A", "rules": RULES}),
            0,
            {"id": "a", "name": "A", "rules": RULES, "first": 0},
        ),
    ],
)
def test_preview_sends_the_rules_and_parses_the_response(
    use: Use, definition: Any, first: int | None, sent: Any
) -> None:
    server = Server([httpx.Response(200, json=PREVIEW)])
    preview = use(server, "preview", definition, first=first)
    assert (preview.contacts, preview.member_count, preview.share, preview.first) == (10, 3, 0.3, (1, 2))
    assert [(warning.path, warning.message) for warning in preview.warnings] == [
        ("$.rules[0].field", "no contact has it")
    ]
    assert (server.requests[0].method, str(server.requests[0].url)) == ("POST", f"{URL}{PREFIX}/preview")
    assert server.sent == sent


@pytest.mark.parametrize(("timeout", "expected"), [(None, 90), (5, 90), (200, 200)])
def test_preview_uses_a_longer_timeout(use: Use, timeout: float | None, expected: float) -> None:
    server = Server([httpx.Response(200, json=PREVIEW)])
    use(server, "preview", {"rules": RULES}, options={"timeout": timeout} if timeout else None)
    assert server.requests[0].extensions["timeout"]["read"] == expected
    server = Server([saved()])
    use(server, "get_segment", "a", options={"timeout": timeout} if timeout else None)
    assert server.requests[0].extensions["timeout"]["read"] == (timeout or 30)
