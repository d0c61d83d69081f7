"""Invalid settings: in segbatch.toml, in the environment, and in the choice of file and job."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .conftest import GOOD, write

if TYPE_CHECKING:
    from .conftest import Program

TWO_JOBS = (
    '[jobs.customers]\ncontacts = "contacts.parquet"\n'
    '[jobs.leads]\ncontacts = "leads.parquet"\noutput = "audiences/leads"\n'
)
HINT = "text needs quotes, and tables need [ ]"
KEYS_OF_A_JOB = (
    "there are allow_collapse, allow_empty, buckets, contacts, custom_fields, deliver, destinations, dialect, engine, "
    "exclude, hook_timeout, id_column and 29 more"
)
ALL_KEYS = (
    "there are allow_collapse, allow_empty, buckets, contacts, custom_fields, deliver, destinations, dialect, engine, "
    "exclude, hook_timeout, id_column and 30 more"
)
NAME_OF_A_DESTINATION = (
    "a name has letters, digits, '-' and '_', begins with a letter or digit, and has at most 64 of them"
)

NUL = "has a NUL in it, which no path, no command and no name can have; remove it"
FILES: dict[str, tuple[str, list[str]]] = {
    "unknown": ('contcts = "x"', ["contcts: unknown; did you mean 'contacts'?"]),
    "unknown in a job": (
        '[jobs.customers]\ncontcts = "x"',
        ["jobs.customers.contcts: unknown; did you mean 'contacts'?"],
    ),
    "unknown table": ('[job.customers]\ncontacts = "x"', ["job: unknown; did you mean 'jobs'?"]),
    "unknown, like none": ("zebra = 1", [f"zebra: unknown; {ALL_KEYS}"]),
    "with hyphens": ('id-column = "x"', ["id-column: unknown; did you mean 'id_column'?"]),
    "jobs in a job": (
        "[jobs.a.jobs.b]\n",
        [f"jobs.a.jobs: unknown; {KEYS_OF_A_JOB}"],
    ),
    "for one run": ('run_id = "x"', ["run_id: is an option of a single run, not a setting; use --run-id"]),
    "for one run, a flag": (
        "[jobs.a]\ndry_run = true",
        ["jobs.a.dry_run: is an option of a single run, not a setting; use --dry-run"],
    ),
    "text": ("output = 5", ["output: must be a text in quotes; found 5"]),
    "whole number": ('keep = "7"', ["keep: must be a whole number; found '7'"]),
    "whole number, a part": ("keep = 7.5", ["keep: must be a whole number; found 7.5"]),
    "true or false": ("strict = 1", ["strict: must be true or false; found 1"]),
    "number": ('keep_days = "1"', ["keep_days: must be a number; found '1'"]),
    "number, none": ("keep_days = nan", ["keep_days: must be a number; found NaN"]),
    "number, without end": ("keep_days = inf", ["keep_days: must be a number; found Infinity"]),
    "list": ('lint_ignore = "x"', ['lint_ignore: must be a list of texts such as ["a", "b"]; found \'x\'']),
    "in a list": ("lint_ignore = [1]", ["lint_ignore.0: must be a text in quotes; found 1"]),
    "table": ('jobs.customers = "x"', ["jobs.customers: must be a table, written as [jobs.NAME]; found 'x'"]),
    "tables": ('jobs = ["x"]', ['jobs: must be a table of jobs, each written as [jobs.NAME]; found ["x"]']),
    "too few": ("keep = 1", ["keep: must be at least 2; found 1"]),
    "too many": ("serve_port = 65536", ["serve_port: must be at most 65535; found 65536"]),
    "share": ('max_change = "a third"', ["max_change: 'a third' is not a share; write it like 30% or 0.3"]),
    "share, a number": (
        "max_change = 30",
        ["max_change: '30' is more than 10 times the size; write a share like 30% or 0.3"],
    ),
    "share, none": ("max_change = true", ["max_change: must be a text in quotes; found true"]),
    "empty": ('contacts = ""', ["contacts: is empty; write a text, or remove the line"]),
    "destination, both": (
        '[destinations.crm]\ncommand = "x"\nurl = "https://a.example/x"',
        ["destinations.crm: needs either a command or a url"],
    ),
    "destination, neither": ("[destinations.crm]", ["destinations.crm: needs either a command or a url"]),
    "destination, not a table": (
        'destinations.crm = "x"',
        ["destinations.crm: must be a table, written as [destinations.NAME]; found 'x'"],
    ),
    "destinations, not a table": (
        'destinations = "x"',
        ["destinations: must be a table, written as [destinations.NAME]; found 'x'"],
    ),
    "destination, name": (
        '[destinations."a/b"]\ncommand = "x"',
        [
            f"destinations: 'a/b' cannot be the name of a destination; {NAME_OF_A_DESTINATION}",
        ],
    ),
    "destination, unknown key": (
        '[destinations.crm]\ncomand = "x"\nurl = "https://a.example/x"',
        ["destinations.crm.comand: unknown; did you mean 'command'?"],
    ),
    "destination, http": (
        '[destinations.crm]\nurl = "http://a.example/x"',
        [
            "destinations.crm.url: sends ids to 'a.example' without encryption; use https, or http to localhost only",
        ],
    ),
    "destination, no address": (
        '[destinations.crm]\nurl = "a.example/secret"',
        ["destinations.crm.url: is not an address such as https://example.com/hook"],
    ),
    "destination, password": (
        '[destinations.crm]\nurl = "https://me:secret@a.example/x"',
        [
            "destinations.crm.url: contains a user name or a password; write a header such as Authorization instead",
        ],
    ),
    "destination, header": (
        '[destinations.crm]\nurl = "https://a.example/x"\nheaders = { "a b" = "x" }',
        ["destinations.crm.headers: 'a b' is not the name of a header"],
    ),
    "destination, header's value": (
        '[destinations.crm]\nurl = "https://a.example/x"\nheaders = { Key = "a\\nb" }',
        [
            "destinations.crm.headers: the value of Key has characters that a header cannot have; use printable ASCII",
        ],
    ),
    "destination, header's type": (
        '[destinations.crm]\nurl = "https://a.example/x"\nheaders = { Key = 12345 }',
        ["destinations.crm.headers.Key: must be a text in quotes"],
    ),
    "destination, headers": (
        '[destinations.crm]\nurl = "https://a.example/x"\nheaders = "Key: secret"',
        ["destinations.crm.headers: must be a table of texts"],
    ),
    "destination, headers of a command": (
        '[destinations.crm]\ncommand = "x"\nheaders = { Key = "x" }',
        ["destinations.crm: has headers, which only a url can have; remove them"],
    ),
    "destination, empty command": (
        '[destinations.crm]\ncommand = " "',
        ["destinations.crm.command: is not a command; write a shell command"],
    ),
    "destination, format": (
        '[destinations.crm]\ncommand = "x"\nformat = "csv"',
        ["destinations.crm.format: must be 'ndjson' or 'parquet'; found 'csv'"],
    ),
    "destination, start": (
        '[destinations.crm]\ncommand = "x"\nstart = "never"',
        ["destinations.crm.start: must be 'now' or 'all'; found 'never'"],
    ),
    "destination, numbers": (
        '[destinations.crm]\ncommand = "x"\ntimeout = 0\nretries = 11',
        [
            "destinations.crm.timeout: must be at least 0.1; found 0",
            "destinations.crm.retries: must be at most 10; found 11",
        ],
    ),
    "destination, segments": (
        '[jobs.a.destinations.crm]\ncommand = "x"\nsegments = "vip"',
        ['jobs.a.destinations.crm.segments: must be a list of texts such as ["a", "b"]; found \'vip\''],
    ),
    "all at once": (
        'keep = 1\n[jobs.b]\nstrict = "no"\ntimzone = "UTC"',
        [
            "keep: must be at least 2; found 1",
            "jobs.b.strict: must be true or false; found 'no'",
            "jobs.b.timzone: unknown; did you mean 'timezone'?",
        ],
    ),
    "no TOML": ("contacts = x.parquet", [f"line 1, column 12: invalid value; {HINT}"]),
    "no TOML, further down": (
        'keep = 3\n\n[jobs.a\noutput = "x"',
        [f"line 3, column 8: expected ']' at the end of a table declaration; {HINT}"],
    ),
    "NUL in a path": ('output = "a\\u0000b"', [f"output: {NUL}"]),
    "NUL in all texts": (
        'contacts = "\\u0000"\non_failure = "\\u0000"\nmetrics_file = "a\\u0000"\n[jobs.a]\nproject = "\\u0000"',
        [f"{key}: {NUL}" for key in ("contacts", "on_failure", "metrics_file", "jobs.a.project")],
    ),
    "a date": ("timezone = 2025-01-01", ["timezone: must be a text in quotes; found 2025-01-01"]),
    "no time for hooks": ("hook_timeout = 0", ["hook_timeout: must be at least 0.1; found 0"]),
    "less than nothing": ("keep_days = -0.5", ["keep_days: must be at least 0; found -0.5"]),
    "cut short": ('contacts = "x', [f"line 1, column 14: unterminated string; {HINT}"]),
    "twice": ("keep = 3\nkeep = 4", ["line 2: 'keep' is set twice, also on line 1; remove one of them"]),
    "twice in a job": (
        "[jobs.a]\nkeep = 3\nwait = true\n[jobs.b]\nkeep = 3\nkeep = 4",
        ["line 6: 'keep' is set twice, also on line 5; remove one of them"],
    ),
    "twice, in several lines": (
        "exclude = [\n 'a',\n]\nkeep = 3\nexclude = [\n 'b',\n 'c',\n]",
        ["line 5: 'exclude' is set twice, also on line 1; remove one of them"],
    ),
    "twice in one line": (
        "jobs = { a = { keep = 2, keep = 3 } }",
        ["line 1: 'keep' is set twice in one table; remove one of them"],
    ),
    "table twice": (
        "[jobs.a]\nkeep = 2\n[jobs.a]\nwait = true",
        ["line 3: the table [jobs.a] is defined twice, also on line 1; merge them into one"],
    ),
    "table of a dotted key": (
        "jobs.a.keep = 2\n[jobs.a]\nwait = true",
        ["line 2: the table [jobs.a] is defined twice; merge them into one"],
    ),
    "dotted key twice": (
        "[jobs]\na.keep = 2\n'a'.keep = 3",
        ["line 3: 'a.keep' is set twice, also on line 2; remove one of them"],
    ),
    "key with an escape twice": ('"a\\"b" = 1\n"a\\"b" = 2', ["line 2: a key is set twice; remove one of them"]),
}

VARIABLES: dict[str, tuple[dict[str, str], list[str]]] = {
    "whole number": ({"SEGBATCH_KEEP": "many"}, ["SEGBATCH_KEEP: must be a whole number; found 'many'"]),
    "too few": ({"SEGBATCH_KEEP": "1"}, ["SEGBATCH_KEEP: must be at least 2; found '1'"]),
    "number": ({"SEGBATCH_KEEP_DAYS": "x"}, ["SEGBATCH_KEEP_DAYS: must be a number; found 'x'"]),
    "true or false": ({"SEGBATCH_STRICT": "maybe"}, ["SEGBATCH_STRICT: must be true or false; found 'maybe'"]),
    "share": (
        {"SEGBATCH_MAX_CHANGE": "30"},
        ["SEGBATCH_MAX_CHANGE: '30' is more than 10 times the size; write a share like 30% or 0.3"],
    ),
}

UNKNOWN: dict[str, tuple[str, str]] = {
    "near": ("SEGBATCH_OUTPT", "unknown setting; did you mean 'SEGBATCH_OUTPUT'?"),
    "near a choice": ("SEGBATCH_JOBS", "unknown setting; did you mean 'SEGBATCH_JOB'?"),
    "like none": ("SEGBATCH_ZEBRA", "unknown setting; 'segbatch config show' lists all settings"),
    "for options only": ("SEGBATCH_ACCEPT", "unknown setting; 'segbatch config show' lists all settings"),
}

OF_OTHERS = (
    "SEGBATCH_EXAMPLES",
    "SEGBATCH_API_KEY",
    "SEGBATCH_API_URL",
    "SEGBATCH_PROJECT_ID",
    "SEGBATCH_PORT",
    "SEGBATCH_PORT_8765_TCP_ADDR",
    "SEGBATCH_SERVICE_HOST",
    "SEGBATCH_SERVICE_PORT_HTTP",
    "SEGBATCHES",
)

CHOICES: dict[str, tuple[tuple[str, ...], str]] = {
    "unknown job": (
        ("--job", "custmers"),
        "segbatch.toml: unknown job 'custmers'; did you mean 'customers'? (--job)",
    ),
    "unknown job, like none": (
        ("--job", "zebra"),
        "segbatch.toml: unknown job 'zebra'; it defines customers, leads (--job)",
    ),
    "an address as a job": (
        ("--job", "postgresql://me:canary@db/crm"),
        "segbatch.toml: unknown job 'postgresql://db/crm'; it defines customers, leads (--job)",
    ),
    "no job": (
        (),
        "segbatch.toml: 'contacts' is set only in jobs: customers, leads; choose one with --job or SEGBATCH_JOB",
    ),
    "no file": (
        ("--job", "customers", "--no-config"),
        "the job 'customers' is not defined: segbatch.toml is not read because of --no-config (--job)",
    ),
    "another file": (("--config", "nightly.toml"), "nightly.toml: cannot be read: No such file or directory"),
    "a folder": (("--config", "segments"), "segments: cannot be read: Is a directory"),
    "a file and none": (
        ("--no-config", "--config", "own.toml"),
        "own.toml: is set together with --no-config; use only one of them (or SEGBATCH_NO_CONFIG)",
    ),
    "empty": (("--config", ""), "the path of the settings is empty; is a variable not set? (--config)"),
}


@pytest.mark.parametrize(("text", "messages"), FILES.values(), ids=list(FILES))
@pytest.mark.parametrize("command", [("run",), ("config", "show"), ("segments", "list")], ids=lambda words: words[0])
def test_an_invalid_setting_is_reported_with_its_place(
    program: Program, command: tuple[str, ...], text: str, messages: list[str]
) -> None:
    write(GOOD | {"segbatch.toml": text})
    program.refuses(2, [f"segbatch.toml: {message}" for message in messages], *command)


def test_a_file_that_is_not_text_is_reported(program: Program) -> None:
    write(GOOD | {"segbatch.toml": b'keep = 3\noutput = "\xff"\n'})
    program.refuses(2, ["segbatch.toml: line 2: is not UTF-8; save it as UTF-8"], "run")


def test_a_link_that_is_broken_is_not_a_missing_file(program: Program) -> None:
    write(GOOD)
    Path("segbatch.toml").symlink_to("gone.toml")
    program.refuses(2, ["segbatch.toml: cannot be read: No such file or directory"], "run")


NO_FILE = "is not a file; name the settings file"


def test_a_pipe_is_not_waited_for(program: Program) -> None:
    write(GOOD)
    os.mkfifo("segbatch.toml")
    program.refuses(2, [f"segbatch.toml: {NO_FILE}"], "run")
    program.refuses(2, [f"/dev/zero: {NO_FILE}"], "run", "--config", "/dev/zero")


def test_a_file_that_is_far_too_long_is_reported(program: Program) -> None:
    write(GOOD | {"segbatch.toml": "keep = 3\n" + "#" * 1024 * 1024})
    program.refuses(2, ["segbatch.toml: is longer than 1,024 KiB, which is too long for a settings file"], "run")


def test_a_file_that_is_nested_too_deeply_is_reported(program: Program) -> None:
    write(GOOD | {"segbatch.toml": f"x = {'[' * 100_000}"})
    program.refuses(2, ["segbatch.toml: is nested too deeply"], "run")


@pytest.mark.parametrize(("variables", "messages"), VARIABLES.values(), ids=list(VARIABLES))
def test_an_invalid_variable_is_reported_with_its_name(
    program: Program, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], messages: list[str]
) -> None:
    write(GOOD)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    program.refuses(2, messages, "run")


def test_a_message_names_the_variable_even_if_the_file_has_the_setting(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(GOOD | {"segbatch.toml": "keep = 14\n[jobs.customers]\nstrict = true\n"})
    monkeypatch.setenv("SEGBATCH_KEEP", "abc")
    monkeypatch.setenv("SEGBATCH_STRICT", "maybe")
    messages = [
        "SEGBATCH_STRICT: must be true or false; found 'maybe'",
        "SEGBATCH_KEEP: must be a whole number; found 'abc'",
    ]
    program.refuses(2, messages, "run", "--job", "customers")


@pytest.mark.parametrize(("name", "message"), UNKNOWN.values(), ids=list(UNKNOWN))
def test_a_variable_that_is_not_a_setting_causes_a_warning(
    program: Program, monkeypatch: pytest.MonkeyPatch, name: str, message: str
) -> None:
    write(GOOD)
    monkeypatch.setenv(name, "x")
    outcome = program("run", "--contacts", "contacts.parquet")
    assert (outcome.status, outcome.err) == (0, f"warning: {name}: {message}\n")


@pytest.mark.parametrize(
    "name", ["SEGBATCH_EXAMPLES", "SEGBATCH_API_KEY", "SEGBATCH_API_URL", "SEGBATCH_PROJECT_ID", "SEGBATCHES"]
)
def test_a_variable_of_another_purpose_is_not_warned_of(
    program: Program, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    write(GOOD)
    monkeypatch.setenv(name, "x")
    outcome = program("check")
    assert (outcome.status, outcome.err) == (0, "")


@pytest.mark.parametrize(("options", "message"), CHOICES.values(), ids=list(CHOICES))
def test_an_invalid_choice_is_reported(program: Program, options: tuple[str, ...], message: str) -> None:
    write(GOOD | {"segbatch.toml": TWO_JOBS})
    program.refuses(2, [message], "run", *options)


def test_a_job_without_a_file_is_reported(program: Program) -> None:
    write(GOOD)
    message = "the job 'x' is not defined: segbatch.toml is neither in this folder nor above it (--job)"
    program.refuses(2, [message], "run", "--job", "x")


BY_SETTING: dict[str, tuple[str, str, str]] = {
    "zone": (
        'timezone = "Mars"',
        "SEGBATCH_TIMEZONE=Mars",
        "unknown time zone 'Mars'; write an IANA name such as Europe/Berlin ({})",
    ),
    "segments": (
        'segments = "seg"',
        "SEGBATCH_SEGMENTS=seg",
        "seg: no such file or folder; check the path of the definitions ({})",
    ),
}


@pytest.mark.parametrize(("line", "variable", "message"), BY_SETTING.values(), ids=list(BY_SETTING))
def test_a_message_names_who_set_an_option(
    program: Program, monkeypatch: pytest.MonkeyPatch, line: str, variable: str, message: str
) -> None:
    write(GOOD)
    name, value = variable.split("=")
    setting = line.split(maxsplit=1)[0]
    assert message.format(f"--{setting}") in program("check", f"--{setting}", value).err
    monkeypatch.setenv(name, value)
    assert message.format(name) in program("check").err
    monkeypatch.delenv(name)
    write({"segbatch.toml": line})
    assert message.format(f"segbatch.toml: {setting}") in program("check").err
