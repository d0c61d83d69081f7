"""The keys `enabled`, `owner`, `tags`, `expires_at` and `previous_ids` of a definition."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from builders import rule, segment
from segbatch.definitions.definition import BrokenDefinition, Definition
from segbatch.definitions.validation import validate
from segbatch.model.lifecycle import expiry_time
from segbatch.model.segment import ID_RULE

SOME = rule("plan", "exists")
LIKE = "write a date like 2026-12-31, or a time like 2026-12-31T18:00:00Z"


def test_the_keys_have_defaults_and_are_written_as_they_were_set() -> None:
    plain = segment(SOME)
    assert (plain.enabled, plain.owner, plain.tags, plain.expires_at) == (True, None, (), None)
    keys: dict[str, Any] = {"enabled": False, "owner": "growth", "tags": ["vip", "a b"], "expires_at": "2026-12-31"}
    assert {key: segment(SOME, **keys).to_json()[key] for key in keys} == keys


@pytest.mark.parametrize(
    "text",
    [
        "\U0001f469\u200d\U0001f4bb growth",  # a woman at a computer: two emojis and a joiner
        "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",  # the flag of Scotland
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # a Persian word
        "\u2764\ufe0f",
    ],
)
def test_owner_and_tags_can_have_emojis_and_words_of_several_characters(text: str) -> None:
    written = segment(SOME, owner=text, tags=[text], name=text).to_json()
    assert (written["owner"], written["tags"], written["name"]) == (text, [text], text)


@pytest.mark.parametrize(
    ("key", "value", "path", "message"),
    [
        ("enabled", "yes", "$.enabled", "'enabled' must be true or false; found 'yes'"),
        ("enabled", None, "$.enabled", "'enabled' must be true or false; found null"),
        ("owner", 5, "$.owner", "'owner' must be a text; found 5"),
        ("owner", " ", "$.owner", "the owner is blank; write a text, or remove it"),
        ("owner", "growth ", "$.owner", "the owner 'growth ' begins or ends with white space; remove it"),
        ("owner", "a\tb", "$.owner", "the owner 'a\\tb' has a character that cannot be printed; remove it"),
        ("owner", "a\u202eb", "$.owner", "the owner 'a\\u202eb' has a character that cannot be printed; remove it"),
        ("owner", "ab\u200d", "$.owner", "the owner 'ab\\u200d' has a character that cannot be printed; remove it"),
        (
            "tags",
            ["a\U000e0062"],
            "$.tags[0]",
            "the tag 'a\\U000e0062' has a character that cannot be printed; remove it",
        ),
        ("owner", "o" * 201, "$.owner", "the owner has 201 characters; at most 200 are allowed"),
        ("tags", "vip", "$.tags", "'tags' must be a list; found 'vip'"),
        ("tags", ["vip", 5], "$.tags[1]", "a tag is a text; found 5"),
        ("tags", [""], "$.tags[0]", "the tag is blank; write a text, or remove it"),
        ("tags", ["t" * 101], "$.tags[0]", "the tag has 101 characters; at most 100 are allowed"),
        ("tags", ["vip", "new", "vip"], "$.tags", "the tag 'vip' is listed twice; remove it"),
        ("tags", [f"t{number}" for number in range(51)], "$.tags", "there are 51 tags; at most 50 are allowed"),
        ("previous_ids", ["a b"], "$.previous_ids", f"'a b' cannot be an id; {ID_RULE}"),
        ("previous_ids", ["a", "a"], "$.previous_ids", "the previous id 'a' is listed twice; remove it"),
        ("previous_ids", ["s"], "$.previous_ids", "'s' is the id of the segment itself; remove it"),
        (
            "previous_ids",
            [f"a{number}" for number in range(21)],
            "$.previous_ids",
            "there are 21 previous ids; at most 20 are allowed",
        ),
        ("expires_at", 5, "$.expires_at", "'expires_at' must be a text; found 5"),
        ("expires_at", "soon", "$.expires_at", f"'soon' is not a valid date or time; {LIKE}"),
        ("expires_at", "2026-12-31 18:00", "$.expires_at", f"'2026-12-31 18:00' is not a valid date or time; {LIKE}"),
        ("expires_at", "2026-02-30", "$.expires_at", f"'2026-02-30' does not exist; {LIKE}"),
        ("expires_at", "2026-12-31T25:00Z", "$.expires_at", f"'2026-12-31T25:00Z' does not exist; {LIKE}"),
    ],
)
def test_an_invalid_value_is_refused_with_its_place(key: str, value: Any, path: str, message: str) -> None:
    _, problems = validate({"id": "s", "name": "S", "rules": [SOME], key: value})
    assert [(problem.path, problem.message) for problem in problems] == [(path, message)]


@pytest.mark.parametrize(
    ("text", "zone", "moment"),
    [
        ("2026-07-01", "UTC", datetime(2026, 7, 1, tzinfo=UTC)),
        ("2026-07-01", "Europe/Berlin", datetime(2026, 6, 30, 22, tzinfo=UTC)),
        ("2026-07-01T12:30", "Europe/Berlin", datetime(2026, 7, 1, 10, 30, tzinfo=UTC)),
        ("2026-07-01T12:30:15.5Z", "Europe/Berlin", datetime(2026, 7, 1, 12, 30, 15, 500_000, tzinfo=UTC)),
        ("2026-07-01T12:30+02:00", "UTC", datetime(2026, 7, 1, 10, 30, tzinfo=UTC)),
        ("2026-03-29T02:30", "Europe/Berlin", datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        ("0001-01-01", "Europe/Berlin", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:00-05:00", "UTC", datetime(9999, 12, 31, 23, tzinfo=UTC)),
    ],
)
def test_an_expiry_is_a_moment_in_the_time_zone_of_the_run(text: str, zone: str, moment: datetime) -> None:
    assert segment(SOME, expires_at=text).expires_at == text
    assert expiry_time(text, ZoneInfo(zone)) == moment


@pytest.mark.parametrize(
    ("data", "owner", "tags"),
    [
        ({"owner": "growth", "tags": ["vip", 5]}, "growth", ("vip",)),
        ({"owner": 5, "tags": "vip"}, None, ()),
        (None, None, ()),
    ],
)
def test_owner_and_tags_of_a_broken_definition_are_those_that_can_be_read(
    data: Any, owner: str | None, tags: tuple[str, ...]
) -> None:
    broken = BrokenDefinition("s", "s.json", "$", (), data)
    assert (broken.owner, broken.tags) == (owner, tags)


def test_a_definition_has_the_owner_and_the_tags_of_its_segment() -> None:
    definition = Definition(segment(SOME, owner="growth", tags=["vip"]))
    assert (definition.owner, definition.tags) == ("growth", ("vip",))
