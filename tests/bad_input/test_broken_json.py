"""Files that are not JSON, or that programs read in different ways."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from .conftest import write
from .making import A_SEGMENT, nested, segment

if TYPE_CHECKING:
    from .conftest import Program

CONFLICT, ONE_SIDE = "git conflict markers are here", "keep one side and remove the markers"
NO_COMMENTS = "JSON has no comments; remove it"
THE_END = "the file ends here; it may be truncated, or a closing bracket is missing"
A_KEY = "expected a key in double quotes; check for an extra comma"
A_VALUE = "expected a value; check for an extra comma, or a text without quotes"
NO_COMMA = "a comma or a closing bracket is missing"
NO_ESCAPE = r"unknown escape; write a backslash as \\"
NOT_UTF_8 = "line 1 has bytes that are not UTF-8; save the file as UTF-8"
RAW_BREAK = r"a text contains a line break, a tab or another control character; write \n or \t"
EMPTY = f"the file is empty; {A_SEGMENT.replace('an object', 'a JSON object')}"
TOO_DEEP = "lists and objects are nested more than 100 levels deep; flatten the groups"

TELLS_COMMAS = sys.version_info >= (3, 13)
"""Whether Python tells a comma too many from the other mistakes."""


def valued(value: str) -> str:
    return f'{{"name": "S", "rules": [{{"field": "status", "operator": "eq", "value": {value}}}]}}'


BROKEN: dict[str, tuple[str | bytes, str]] = {
    "opened only": ("{", f"not JSON at line 1, column 2: {THE_END}"),
    "cut short": ('{"name": "S", "rules": [', f"not JSON at line 1, column 25: {THE_END}"),
    "single quotes": ("{'name': 'S'}", f"not JSON at line 1, column 2: {A_KEY}"),
    "no quotes": ("{name: 'S'}", f"not JSON at line 1, column 2: {A_KEY}"),
    "comment": ("// mine\n{}", f"not JSON at line 1, column 1: {NO_COMMENTS}"),
    "comment inside": ('{"name": "S",\n // mine\n "rules": []}', f"not JSON at line 2, column 2: {NO_COMMENTS}"),
    "comment behind": ('{"name": "S" # mine\n}', f"not JSON at line 1, column 14: {NO_COMMENTS}"),
    "comment at the end": ('{"name": "S"}\n/* mine */', f"not JSON at line 2, column 1: {NO_COMMENTS}"),
    "cut behind a line end": ('{"name":\n', f"not JSON at line 2, column 1: {THE_END}"),
    "comma behind the last key": (
        '{"name": "S", "rules": [],}',
        "not JSON at line 1, column 26: there is an extra comma"
        if TELLS_COMMAS
        else f"not JSON at line 1, column 27: {A_KEY}",
    ),
    "comma behind the last rule": (
        '{"name": "S",\n"rules": [5,]}',
        "not JSON at line 2, column 12: there is an extra comma"
        if TELLS_COMMAS
        else f"not JSON at line 2, column 13: {A_VALUE}",
    ),
    "comma alone": ("[,]", f"not JSON at line 1, column 2: {A_VALUE}"),
    "no comma": ('{"name": "S"\n "rules": []}', f"not JSON at line 2, column 2: {NO_COMMA}"),
    "no colon": ('{"name" "S"}', "not JSON at line 1, column 9: a colon is missing after the key"),
    "not closed": ('{"name": "S"', f"not JSON at line 1, column 13: {THE_END}"),
    "closed twice": (
        '{"name": "S"}}',
        "not JSON at line 1, column 14: there is more text after the end; a file contains one object or one list",
    ),
    "tab in a text": ('{"name": "two\ttabs"}', f"not JSON at line 1, column 14: {RAW_BREAK}"),
    "line break in a text": ('{"name": "two\nlines"}', f"not JSON at line 1, column 14: {RAW_BREAK}"),
    "text not closed on its line": ('{"name": "S,\n"rules": []}', f"not JSON at line 1, column 13: {RAW_BREAK}"),
    "text not closed at all": (
        '{"name": "S}',
        "not JSON at line 1, column 10: the text that begins here is not closed",
    ),
    "typographic quotes": ('{"name": “S”}', f"not JSON at line 1, column 10: {A_VALUE}"),
    "backslash": (r'{"name": "C:\data"}', f"not JSON at line 1, column 13: {NO_ESCAPE}"),
    "backslash before u": (r'{"name": "C:\users"}', f"not JSON at line 1, column 14: {NO_ESCAPE}"),
    "two documents": (
        '{"name": "S"}\n{"name": "T"}',
        "not JSON at line 2, column 1: there is more text after the end; a file contains one object or one list",
    ),
    "a Python word": ('{"name": None}', f"not JSON at line 1, column 10: {A_VALUE}"),
    "plain text": ("status = active", f"not JSON at line 1, column 1: {A_VALUE}"),
    "a merge that is not finished": (
        '{"name": "S",\n<<<<<<< HEAD\n"match": "all"\n=======\n"match": "any"\n>>>>>>> theirs\n}',
        f"{CONFLICT} (line 2); {ONE_SIDE}",
    ),
    "half of a conflict's markers": ('[\r\n{"name": "S"}\r\n=======\r\n]', f"{CONFLICT} (line 3); {ONE_SIDE}"),
    "binary": (b"\x00\x01\x02", f"not JSON at line 1, column 1: {A_VALUE}"),
    "empty": ("", EMPTY),
    "blank": (" \r\n\t", EMPTY),
    "byte order mark alone": (b"\xef\xbb\xbf", EMPTY),
    "Latin-1": ('{"name": "Zürich"}'.encode("latin-1"), NOT_UTF_8),
    "Latin-1, further down": (
        '{\n"name": "S",\n"description": "Zürich"}'.encode("latin-1"),
        "line 3 has bytes that are not UTF-8; save the file as UTF-8",
    ),
    "UTF-16": ('{"name": "S"}'.encode("utf-16"), NOT_UTF_8),
    "surrogate in UTF-8": (b'{"name": "\xed\xa0\xbd"}', NOT_UTF_8),
    "key twice": ('{"name": "S", "name": "T", "rules": []}', "$: the key 'name' is written twice; keep one"),
    "key twice in a rule": (
        valued('1, "value": 2'),
        "$.rules[0]: the key 'value' is written twice; keep one",
    ),
    "NaN": (valued("NaN"), "$.rules[0].value: NaN is not JSON; write a number"),
    "Infinity": (valued("Infinity"), "$.rules[0].value: Infinity is not JSON; write a number"),
    "-Infinity": (valued("-Infinity"), "$.rules[0].value: -Infinity is not JSON; write a number"),
    "1e999": (valued("1e999"), "$.rules[0].value: 1e999 is too large for a number"),
    "-1e999": (valued("-1e999"), "$.rules[0].value: -1e999 is too large for a number"),
    "more digits than a double": (
        valued("12345678901234567.89"),
        (
            "$.rules[0].value: a JSON number cannot keep all digits of 12345678901234567.89 and would become "
            '1.2345678901234568e+16; write it as a text, in quotes: "12345678901234567.89"'
        ),
    ),
    "a number below all doubles": (
        valued("1e-9999999999999999999"),
        (
            "$.rules[0].value: a JSON number cannot keep all digits of 1e-9999999999999999999 and would become 0.0; "
            'write it as a text, in quotes: "1e-9999999999999999999"'
        ),
    ),
    "5,000 digits": (valued("9" * 5000), "$.rules[0].value: a number of 5000 digits is too long"),
    "350 digits": (valued("9" * 350), "$.rules[0].value: the number is larger than any number that a column can store"),
    "half of a surrogate pair": (
        valued(r'"\ud83d"'),
        "$.rules[0].value: the text has half of a surrogate pair, which no other text can equal; remove it",
    ),
    "half of a surrogate pair in a key": (
        r'{"name": "S", "\ude00": 1}',
        "$: a key has half of a surrogate pair; remove it",
    ),
    "100,000 lists": ("[" * 100_000 + "]" * 100_000, TOO_DEEP),
    "100,000 lists left open": ("[" * 100_000, TOO_DEEP),
    "100,000 groups": ('{"rules":[' * 100_000 + "]}" * 100_000, TOO_DEEP),
    "102 lists": ("[" * 102 + "]" * 102, TOO_DEEP),
    "31 groups": (
        json.dumps(segment(nested(30))),
        "$: groups are nested more than 30 levels deep, including the segment itself; flatten them",
    ),
    "null": ("null", f"$: {A_SEGMENT}; found null"),
    "number": ("3", f"$: {A_SEGMENT}; found 3"),
    "text": ('"status"', f"$: {A_SEGMENT}; found 'status'"),
    "boolean": ("true", f"$: {A_SEGMENT}; found true"),
}


NO_NUMBERS: dict[str, int] = {
    "01": 1,
    "-01": 2,
    "5.": 1,
    ".5": 0,
    "+5": 0,
    "0x1F": 1,
    "1_000": 1,
    "5e": 1,
    "2025-06-01": 4,
    "1.2.3": 3,
}
"""What looks like a number and is none, and how much of it can be read."""


@pytest.mark.parametrize(("word", "length"), NO_NUMBERS.items(), ids=list(NO_NUMBERS))
def test_an_invalid_number_is_shown_as_a_whole(program: Program, word: str, length: int) -> None:
    hint = "write it like 5, 0.5 or -2e3, or as a text in quotes"
    for text, column in ((valued(word), len(valued("")) - 2 + length), (word, 1 + length)):
        write({"segments/bad.json": text})
        where = f"segments/bad.json: not JSON at line 1, column {column}"
        program.finds([f"{where}: '{word}' is not a valid JSON number; {hint}"])


@pytest.mark.parametrize(("content", "message"), BROKEN.values(), ids=list(BROKEN))
def test_a_broken_file_is_reported_and_does_not_affect_others(
    program: Program, content: str | bytes, message: str
) -> None:
    write({"segments/bad.json": content})
    program.finds([f"segments/bad.json: {message}"])
    program.fails_alone([f"segments/bad.json: {message}"])


FINE = {
    "byte order mark": b"\xef\xbb\xbf" + json.dumps(segment()).encode(),
    "30 groups": json.dumps(segment(nested(29))),
    "Windows line ends": json.dumps(segment(), indent=1).replace("\n", "\r\n"),
}


@pytest.mark.parametrize("content", FINE.values(), ids=list(FINE))
def test_odd_but_valid_definitions_are_accepted(program: Program, content: str | bytes) -> None:
    write({"segments/odd.json": content})
    outcome = program("check")
    assert (outcome.status, outcome.out, outcome.err) == (0, "1 segment checked: 0 errors, 0 warnings\n", "")
