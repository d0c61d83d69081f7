"""segbatch.toml: where it is found, and how its paths are resolved."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from segbatch.config.resolve import find_file, read_settings, salvage_settings
from segbatch.errors import ConfigurationError, UsageError

JOBS = """
timezone = "Europe/Berlin"
keep = 3
[jobs.customers]
contacts = "exports/customers.parquet"
output = "audiences/customers"
keep = 9
[jobs.leads]
contacts = "s3://bucket/leads/*.parquet"
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ann")
    return tmp_path


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ((), None),
        ((".",), "../../segbatch.toml"),
        ((".", "a"), "../segbatch.toml"),
        ((".", "a", "a/b"), "segbatch.toml"),
    ],
)
def test_the_nearest_file_is_found(files: tuple[str, ...], found: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in files:
        (Path(place) / "segbatch.toml").touch()
    monkeypatch.chdir("a/b")
    assert find_file() == (Path(found) if found else None)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user_is_read_only_if_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("segbatch.toml").write_text("keep = 3")
    os.chown("segbatch.toml", 12_345, -1)
    monkeypatch.chdir("a/b")
    with pytest.raises(ConfigurationError) as refused:
        read_settings()
    message = "is owned by another user; to use it, pass --config, otherwise --no-config"
    assert str(refused.value) == f"../../segbatch.toml: {message}"
    assert read_settings(config="../../segbatch.toml").values == {"keep": 3}
    assert read_settings(no_config=True).values == {}
    os.chown(".", 12_345, -1)  # as if root of a container works in a folder of the host
    assert read_settings().values == {"keep": 3}


@pytest.mark.parametrize("mode", [0o666, 0o646, 0o602, 0o777])
def test_a_file_that_other_users_can_write_is_rejected(mode: int) -> None:
    file = Path("segbatch.toml")
    file.write_text("keep = 3\non_success = 'touch hooked'")
    file.chmod(mode)
    Path("linked.toml").symlink_to(file)
    for config in (None, "segbatch.toml", "linked.toml"):
        with pytest.raises(ConfigurationError) as refused:
            read_settings(config=config)
        name = config or "segbatch.toml"
        remedy = f"check its contents, then run: chmod go-w {name}"
        assert str(refused.value) == f"{name}: other users can change it, and its hooks would run as you; {remedy}"
        assert salvage_settings(config=config) == {}, "not even after a mistake its hooks are run"
    assert read_settings(no_config=True).values == {}
    file.chmod(mode & ~0o022)
    assert read_settings().values["keep"] == 3


@pytest.mark.parametrize(
    ("members", "elsewhere", "status"),
    [
        ([], 0, "read"),
        (["me"], 0, "read"),
        (["other"], 0, "refused"),
        (["me", "other"], 0, "refused"),
        ([], 1, "refused"),
    ],
)
def test_a_group_writable_file_is_read_if_the_group_is_private_to_the_owner(
    members: list[str], elsewhere: int, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = Path("segbatch.toml")
    file.write_text("keep = 3")
    file.chmod(0o664)  # as with a umask of 002
    group = file.stat().st_gid
    owner = SimpleNamespace(pw_name="me", pw_gid=group + elsewhere)
    monkeypatch.setattr("pwd.getpwuid", lambda _: owner)
    monkeypatch.setattr("grp.getgrgid", lambda _: SimpleNamespace(gr_mem=members))
    if status == "read":
        assert read_settings().values == {"keep": 3}
        return
    with pytest.raises(ConfigurationError, match="other users can change it"):
        read_settings()


def test_an_unknown_group_is_accepted_if_it_is_the_group_of_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = Path("segbatch.toml")
    file.write_text("keep = 3")
    file.chmod(0o660)

    def fail(_: int) -> None:
        raise KeyError

    monkeypatch.setattr("pwd.getpwuid", fail)
    monkeypatch.setattr("os.getegid", lambda: file.stat().st_gid)
    assert read_settings().values == {"keep": 3}
    monkeypatch.setattr("os.getegid", lambda: file.stat().st_gid + 1)
    with pytest.raises(ConfigurationError, match="other users can change it"):
        read_settings()


def test_no_file_is_found_in_a_deleted_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("a/b")
    Path.cwd().rmdir()
    assert find_file() is None


PATHS = {
    "relative": ('output = "out"', "output", "../../out"),
    "upwards": ('output = "../out"', "output", "../../../out"),
    "absolute": ('output = "/srv/out"', "output", "/srv/out"),
    "home": ('output = "~/out"', "output", "/home/ann/out"),
    "home of nobody": ('output = "~nobody-there/out"', "output", "../../~nobody-there/out"),
    "address": ('contacts = "s3://bucket/c.parquet"', "contacts", "s3://bucket/c.parquet"),
    "glob at an address": ('contacts = "gs://bucket/*.parquet"', "contacts", "gs://bucket/*.parquet"),
    "glob": ('contacts = "c/**/*.parquet"', "contacts", "../../c/**/*.parquet"),
    "keys": ('keys = "k.json"', "keys", "../../k.json"),
    "segments": ('segments = "s"', "segments", "../../s"),
    "no path": ('timezone = "UTC"', "timezone", "UTC"),
}


@pytest.mark.parametrize(("line", "name", "value"), PATHS.values(), ids=list(PATHS))
def test_a_path_is_relative_to_the_folder_of_the_file(
    line: str, name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("segbatch.toml").write_text(line)
    monkeypatch.chdir("a/b")
    assert read_settings().values == {name: value}


def test_a_path_in_the_environment_is_relative_to_the_current_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("segbatch.toml").write_text('output = "out"')
    monkeypatch.chdir("a/b")
    monkeypatch.setenv("SEGBATCH_OUTPUT", "out")
    assert read_settings().get("output") == "out"


def test_glob_characters_in_the_name_of_the_folder_are_escaped(folder: Path) -> None:
    odd = folder / "we[ird]*"
    odd.mkdir()
    (odd / "segbatch.toml").write_text('contacts = "*.parquet"\noutput = "out"')
    settings = read_settings(config=str(odd / "segbatch.toml"))
    assert settings.get("contacts") == f"{folder}/we[[]ird][*]/*.parquet"
    assert settings.get("output") == f"{folder}/we[ird]*/out"


def test_a_job_overrides_the_top_level_and_the_environment_overrides_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("segbatch.toml").write_text(JOBS)
    monkeypatch.setenv("SEGBATCH_OUTPUT", "elsewhere")
    settings = read_settings(job="customers")
    assert settings.origins == {
        "contacts": "segbatch.toml: jobs.customers.contacts",
        "output": "SEGBATCH_OUTPUT",
        "timezone": "segbatch.toml: timezone",
        "keep": "segbatch.toml: jobs.customers.keep",
    }
    assert settings.values == {
        "contacts": "exports/customers.parquet",
        "output": "elsewhere",
        "timezone": "Europe/Berlin",
        "keep": 9,
    }


@pytest.mark.parametrize("name", ["contacts", "output"])
def test_a_setting_that_is_only_in_jobs_requires_a_job(name: str) -> None:
    Path("segbatch.toml").write_text(JOBS)
    settings = read_settings()
    message = f"segbatch.toml: '{name}' is set only in jobs: customers, leads; choose one with --job or SEGBATCH_JOB"
    with pytest.raises(UsageError) as refused:
        settings.get(name)
    assert str(refused.value) == message


def test_a_setting_at_the_top_level_or_in_the_environment_requires_no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("segbatch.toml").write_text(f'output = "all"\n{JOBS}')
    monkeypatch.setenv("SEGBATCH_CONTACTS", "c.parquet")
    settings = read_settings()
    assert (settings.get("output"), settings.get("contacts"), settings.get("keep")) == ("all", "c.parquet", 3)


def test_a_job_takes_no_settings_from_other_jobs() -> None:
    Path("segbatch.toml").write_text(JOBS)
    assert read_settings(job="leads").get("output") is None  # the default is used, as without any file


def test_a_file_with_a_byte_order_mark_is_read() -> None:
    Path("segbatch.toml").write_bytes(b'\xef\xbb\xbfproject = "p\xc3\xa9"\r\n')
    assert read_settings().values == {"project": "pé"}


@pytest.mark.parametrize(("written", "share"), [("0.3", "0.3"), ("1", "1"), ('"30%"', "30%"), ('"0.3"', "0.3")])
def test_max_change_is_a_number_or_a_text(written: str, share: str) -> None:
    Path("segbatch.toml").write_text(f"max_change = {written}")
    assert read_settings().get("max_change") == share


@pytest.mark.parametrize(
    ("written", "value"), [("1", True), ("true", True), ("no", False), ("0", False), ("off", False)]
)
def test_a_boolean_variable_accepts_the_usual_words(
    written: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGBATCH_STRICT", written)
    assert read_settings().values == {"strict": value}


def test_lower_case_variables_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("segbatch_output", "x")
    monkeypatch.setenv("SEGBATCH_KEEP", "4")
    assert read_settings().values == {"keep": 4}


def test_a_variable_with_several_names_is_split_at_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGBATCH_LINT_IGNORE", "holds-for-all  never")
    assert read_settings().values == {"lint_ignore": ["holds-for-all", "never"]}


def test_no_settings_are_loaded_without_a_file_and_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SEGBATCH_")]:
        monkeypatch.delenv(name)
    settings = read_settings()
    assert (settings.values, settings.file, settings.jobs, settings.warnings) == ({}, None, (), ())
