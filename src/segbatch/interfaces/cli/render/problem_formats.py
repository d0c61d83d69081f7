"""Problems in the formats of CI systems: workflow commands of GitHub, and SARIF for code scanning."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import quote

from segbatch.definitions.suggestions import read_choice
from segbatch.errors import Problem, Severity, UsageError
from segbatch.findings.finding import NAMES
from segbatch.platform.version import __version__

ReportFormat = Literal["text", "json", "github", "sarif"]
"""The formats of `check` and `lint`."""

_GITHUB_COMMANDS: dict[Severity, str] = {"error": "error", "warning": "warning", "note": "notice"}
_DEFINITION = "definition"
"""The SARIF rule of problems that are not lint findings."""

_SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_MEANING_OF_DEFINITION = "A problem of a segment definition"


def read_report_format(text: str) -> ReportFormat:
    """Parse a value of `--format`.

    Raises:
        UsageError: It is not the name of a format.
    """
    formats: tuple[ReportFormat, ...] = get_args(ReportFormat)
    return read_choice(text, formats, "a format", "--format")


def choose_format(wanted: ReportFormat | None, *, as_json: bool) -> ReportFormat:
    """Return the format that `--format` and `--json` select.

    Raises:
        UsageError: They contradict each other.
    """
    if as_json and wanted not in {None, "json"}:
        raise UsageError(f"--json and --format {wanted} contradict each other; pass one of them")
    return "json" if as_json else wanted or "text"


def github_lines(problems: Iterable[Problem]) -> Iterable[str]:
    """Yield a workflow command for each problem; GitHub shows it at its line of the file.

    Problems in a file of one line have no line in other formats; GitHub needs one to show a problem in the file.
    """
    for problem in problems:
        values = {
            "file": _relative(problem.file) if problem.file else None,
            "line": str(problem.line or 1) if problem.file else None,
            "title": f"segbatch: {problem.finding or problem.severity}",
        }
        properties = ",".join(f"{key}={_escape_property(value)}" for key, value in values.items() if value)
        yield f"::{_GITHUB_COMMANDS[problem.severity]} {properties}::{_escape(_text(problem))}"


def _text(problem: Problem) -> str:
    """Return the message with the segment and the place in the file, but without the file."""
    segment = f"segment '{problem.segment_id}'" if problem.segment_id else None
    return ": ".join(part for part in (segment, problem.path, problem.message) if part)


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")


def _relative(file: str) -> str:
    """Return a path relative to the working folder if it is below it, because CI systems want paths in a repository."""
    path = os.path.relpath(file) if os.path.isabs(file) else file  # noqa: PTH117 - relpath has no counterpart
    return Path(file if path.startswith("..") else path).as_posix()


def as_sarif(problems: Sequence[Problem]) -> dict[str, Any]:
    """Return a SARIF 2.1.0 log of problems."""
    meanings: Mapping[str, str] = {str(name): meaning for name, meaning in NAMES.items()}
    rules = sorted({problem.finding or _DEFINITION for problem in problems})
    driver = {
        "name": "segbatch",
        "version": __version__,
        "rules": [
            {"id": rule, "shortDescription": {"text": meanings.get(rule, _MEANING_OF_DEFINITION)}} for rule in rules
        ],
    }
    results = [_sarif_result(problem, rules) for problem in problems]
    return {"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]}


def _sarif_result(problem: Problem, rules: Sequence[str]) -> dict[str, Any]:
    rule = problem.finding or _DEFINITION
    result = {
        "ruleId": rule,
        "ruleIndex": rules.index(rule),
        "level": problem.severity,
        "message": {"text": _text(problem)},
    }
    return result | {"locations": [_sarif_location(problem, problem.file)]} if problem.file else result


def _sarif_location(problem: Problem, file: str) -> dict[str, Any]:
    physical = {"artifactLocation": {"uri": quote(_relative(file))}, "region": {"startLine": problem.line or 1}}
    logical = [{"fullyQualifiedName": problem.path}] if problem.path else []
    return {"physicalLocation": physical, **({"logicalLocations": logical} if logical else {})}
