"""A check of an output is repeated while runs are published."""

import pytest

from segbatch.runs.verification import Verified, check_settled


@pytest.mark.parametrize(
    ("pointers", "problems", "checked"),
    [
        ("a", [[]], "a"),
        ("aa", [["x"]], "a"),
        ("abb", [["x"], []], "ab"),
        ("abbcc", [["x"], ["y"], []], "abc"),
        ("abbccd", [["x"], ["y"], ["z"]], "abc"),
    ],
)
def test_a_check_with_problems_is_repeated_if_a_run_was_published(
    pointers: str, problems: list[list[str]], checked: str
) -> None:
    seen, results, current = list[str](), iter(problems), iter(pointers)

    def check(pointer: str) -> Verified:
        seen.append(pointer)
        return Verified(problems=next(results))

    found = check_settled(lambda: next(current), check)
    assert "".join(seen) == checked
    assert found.problems == problems[-1]
    assert next(current, None) is None
