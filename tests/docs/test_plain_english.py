"""Texts for people are in plain English, without turns of phrase that are hard to read.

The tests read docstrings, comments and messages in `src`, and the Markdown pages without their code. Banned turns do
not occur at all. The others are counted, and occur at most `ALLOWED` times in a thousand words.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ALLOWED = {"src": 0.8, "docs": 0.5}
"""The allowed number of turns in a thousand words, in texts of the program and in pages."""

BANNED = {
    r"\bwhatever\s+(?:the|it|that)\b": "regardless of the, any",
    r"\bas\s+long\s+as\s+it\b": "while it",
    r"\bstands?\b": "is, is stored, is listed",
    r"\bso\s+(?:many|much|few|long|often)\b": "the number, or: for that time",
    r"\bwhere\s+there\s+(?:is|are)\b": "if",
    r"\b(?:some|no|every|any)body\b|\bstrangers?\b": "another user, no contact, all users, anyone",
    r"\bbeside\b": "next to, while, besides",
    r"\b(?:to|last )night\b|\bnights?\b": "run, this run, previous run",
    r"\bmend(?:s|ed|ing)?\b": "fix",
    r"\banew\b": "again",
    r"\bwhom\b": "who, or a sentence of its own",
    r"\b(?:is|are)\s+taken\s+for\b": "counts as",
    r"\blies?\b": "is in, is stored",
    r"\ball the same\b": "still",
    r"\bby itself\b": "automatically, or: alone",
    r"\b(?:thereof|therein|wherein|whereof|lest|hitherto)\b": "a plain word",
    r"\b(?:is|are)\s+taken\s+away\b": "is removed",
    r"\b(?:ought\s+to|shall)\b": "must, should",
}
"""Turns that must not occur, as regular expressions, and their replacements."""

COUNTED = {
    r"\b(?:by|of)\s+which\b": "with, that, or a sentence of its own",
    r"\b(?:where|unless)\s+that\b": "if",
    r"\b(?:tells?|told|telling)\b": "report, print, return, pass, log",
    r"(?<!\bthere\s)(?<!\bThere\s)\b(?:is|are|was|were)\s+no\s+(?!longer\b)\w+": "is not a valid X, X is missing",
    r"\b(?:is|are|was|were)\s+none\b": "is missing, does not exist",
    r"(?:\A|(?<=[.!]\s)|(?<=\n))What\s[^.?!]*(?=[.!]|\Z)": "the noun: Warnings that ..., The path that ...",
    r"(?:\A|(?<=[.!]\s)|(?<=\n))Who\s[^.?!]*(?=[.!]|\Z)": "the noun: Users who ...; or: If you ...",
    r"\b(?:in|for|to|from|with|over|at|through|on|under|behind|before|after)\s+which\b": "that, or a new sentence",
    r"(?:\A|(?<=[.!]\s)|(?<=\n))Let\s+\w+": "the imperative: Keep ..., Allow ...",
    r"(?<!message )(?<!warning )(?<!error )(?<!.md\) )\b(?:says?|said)\b": "report, contain, set",
    r"\bwhere\s+(?:it|one|none|some|nothing|this|they)\b": "if, when",
}
"""Turns that are rarely clear, as regular expressions, and the usual replacements."""

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
MODULES = sorted((ROOT / "src").rglob("*.py"))
CODE = re.compile(r"^( *)(```|~~~).*?^\1\2|`[^`\n]+`|<!--.*?-->|\]\([^)]*\)|\"[^\"\n]*\"", re.MULTILINE | re.DOTALL)
"""Code in a text, and quoted words, which are not checked."""


@dataclass(frozen=True)
class Text:
    """A text for people, with its file and first line."""

    file: Path
    line: int
    words: str


def texts_of_module(file: Path) -> Iterator[Text]:
    """Yield the comments of a module, and its strings of several words: docstrings, help texts, messages."""
    source = file.read_text(encoding="utf-8")
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield Text(file, token.start[0], without_code(token.string))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
            yield Text(file, node.lineno, without_code(node.value))


def texts_of_page(file: Path) -> Text:
    """Return a Markdown page without its code."""
    return Text(file, 1, without_code(file.read_text(encoding="utf-8")))


def without_code(words: str) -> str:
    """Blank the code in a text but keep its lines, so that line numbers do not change."""
    return CODE.sub(lambda found: "\n" * found[0].count("\n") or "X", words)


def found_in(text: Text, turns: dict[str, str]) -> Iterator[str]:
    """Yield a message for each turn in a text: its place, the turn and its replacement."""
    name = text.file.relative_to(ROOT) if text.file.is_relative_to(ROOT) else text.file
    for pattern, better in turns.items():
        for turn in re.finditer(pattern, text.words):
            line = text.line + text.words.count("\n", 0, turn.start())
            yield f"{name}:{line}: '{' '.join(turn[0].split())}' - write: {better}"


@cache
def texts(kind: str) -> tuple[Text, ...]:
    """Return the texts of the program, or of the pages."""
    if kind == "src":
        return tuple(text for file in MODULES for text in texts_of_module(file))
    return tuple(texts_of_page(file) for file in PAGES)


@pytest.mark.parametrize("kind", ["src", "docs"])
def test_banned_turns_of_phrase_do_not_occur(kind: str) -> None:
    found = [turn for text in texts(kind) for turn in found_in(text, BANNED)]
    assert not found, "\n".join(["turns of phrase that are hard to read:", *found])


@pytest.mark.parametrize("kind", ["src", "docs"])
def test_other_turns_of_phrase_are_rare(kind: str) -> None:
    found = [turn for text in texts(kind) for turn in found_in(text, COUNTED)]
    rate = 1_000 * len(found) / sum(len(text.words.split()) for text in texts(kind))
    summary = f"{rate:.2f} turns in 1,000 words, at most {ALLOWED[kind]} are allowed; rewrite some of these:"
    assert rate <= ALLOWED[kind], "\n".join([summary, *found])


@pytest.mark.parametrize(
    ("words", "turn"),
    [
        ("Shown all the same.", "all the same"),
        ("It is no file.", "is no file"),
        ("There is no file, and it is no longer read.", None),
        ("What is not read. More.", "What is not read"),
        ("What is read?", None),
        ("A run\nto\nwhich it belongs", "to which"),
        ('`told` and "told" are quoted', None),
        ("```\ntold\n```\nend", None),
    ],
)
def test_turns_of_phrase_are_found_in_text_but_not_in_code(words: str, turn: str | None) -> None:
    found = list(found_in(Text(ROOT / "page.md", 1, without_code(words)), BANNED | COUNTED))
    assert [line.split("'")[1] for line in found] == ([] if turn is None else [turn])


def test_a_turn_of_phrase_is_reported_with_its_file_and_line(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text('"""A module.\n\nIt is shown all the same."""\n\nX = 1  # shall stay\n', encoding="utf-8")
    found = [turn for text in texts_of_module(module) for turn in found_in(text, BANNED)]
    assert [line.removeprefix(str(tmp_path)) for line in found] == [
        "/module.py:5: 'shall' - write: must, should",
        "/module.py:3: 'all the same' - write: still",
    ]
