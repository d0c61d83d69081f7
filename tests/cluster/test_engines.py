"""The engine of a run by its name, where no cluster is."""

from pathlib import Path

import pytest

import segbatch
from calling import Commands
from segbatch.cluster.engine_names import read_engine, read_spark_remote
from segbatch.cluster.loop import LoopCluster
from segbatch.engine.local import LocalEngine
from segbatch.errors import UsageError
from segbatch.platform.urls import redact_url
from workspace import Workspace

REMOTE = "sc://127.0.0.1:15002"


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(monkeypatch, capsys)


def arguments(workspace: Workspace) -> list[str]:
    folder = workspace.folder
    paths = {"contacts": folder / "contacts.parquet", "segments": folder / "segments", "output": folder / "output"}
    return ["run", *(word for name, path in paths.items() for word in (f"--{name}", str(path)))]


def test_the_name_of_an_engine_is_checked(call: Commands, workspace: Workspace) -> None:
    assert call(*arguments(workspace), "--engine", "sparc") == 2
    assert "'sparc' is not an engine; did you mean 'spark'? (--engine)" in call.err
    with pytest.raises(UsageError, match="'ray' is not an engine; use local or spark"):
        read_engine("ray")


@pytest.mark.parametrize(
    "address", ["spark://127.0.0.1:7077", "sc://", "", "sc://a:0", "sc://a:99999", "sc://a:b", "sc:///a"]
)
def test_the_address_of_a_server_is_checked(address: str) -> None:
    with pytest.raises(UsageError, match=r"is not a Spark Connect server; use sc://HOST:PORT \(--spark-remote\)"):
        read_spark_remote(address)


@pytest.mark.parametrize("after", ["/path", "/token=secret", "/path;token=secret", "/a/b"])
def test_an_address_has_no_path(call: Commands, workspace: Workspace, after: str) -> None:
    assert call(*arguments(workspace), "--engine", "spark", "--spark-remote", REMOTE + after) == 2
    assert "an address has no path; use sc://HOST:PORT, and sc://HOST:PORT/;token=TOKEN" in call.err
    assert "secret" not in call.err


@pytest.mark.parametrize("after", ["/;token", "/;token=secret==", "/;token=se/cret"])
def test_other_text_behind_a_server_is_refused_and_not_shown(call: Commands, workspace: Workspace, after: str) -> None:
    assert call(*arguments(workspace), "--engine", "spark", "--spark-remote", REMOTE + after) == 2
    assert f"'{REMOTE}/' is followed by text that is not a list of parameters" in call.err
    assert "secret" not in call.err


@pytest.mark.parametrize("address", [REMOTE, "sc://a", "sc://[::1]:443/", "sc://a:443/;token=a%3D;use_ssl=true"])
def test_addresses_of_servers_are_accepted(address: str) -> None:
    assert read_spark_remote(address) == address


def test_a_server_needs_the_engine(call: Commands, workspace: Workspace) -> None:
    assert call(*arguments(workspace), "--spark-remote", REMOTE) == 2
    assert "a Spark Connect server needs the engine 'spark' (--spark-remote)" in call.err


def test_buckets_need_the_engine(call: Commands, workspace: Workspace) -> None:
    assert call(*arguments(workspace), "--buckets", "4") == 2
    assert "contacts are divided into buckets only with the engine 'spark' (--buckets)" in call.err
    with pytest.raises(UsageError, match="only with the engine 'spark'"):
        workspace.run(0, engine=LocalEngine(), buckets=4)


def test_a_run_is_shown_with_its_engine_and_buckets(call: Commands, workspace: Workspace) -> None:
    workspace.contacts(a="pro", b="pro", c="pro")
    workspace.run(0, engine=LoopCluster(), buckets=2)
    assert call("runs", "show", "--output", str(workspace.output)) == 0
    assert ["engine", "loop,", "2", "buckets"] in [line.split() for line in call.out.splitlines()]


def test_a_number_of_buckets_has_a_limit(call: Commands, workspace: Workspace) -> None:
    assert call(*arguments(workspace), "--engine", "spark", "--buckets", "100001") == 2
    assert "--buckets" in call.err
    for buckets in (0, 100_001):
        with pytest.raises(UsageError, match=rf"1 to 100,000 buckets, not {buckets:,} \(--buckets\)"):
            workspace.run(0, engine=LoopCluster(), buckets=buckets)


SETTINGS = f'engine = "spark"\nspark_remote = "{REMOTE}"\nbuckets = 8\n'


def test_a_job_with_a_server_can_run_here(
    call: Commands, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.segment("pro")
    workspace.contacts(c1="pro")
    monkeypatch.chdir(workspace.folder)
    Path("segbatch.toml").write_text(SETTINGS)
    assert call(*arguments(workspace), "--engine", "local") == 0
    assert workspace.ask("SELECT contact_id FROM membership") == [("c1",)]
    monkeypatch.setenv("SEGBATCH_ENGINE", "local")
    assert call(*arguments(workspace)) == 0


@pytest.mark.parametrize(("option", "value"), [("--spark-remote", REMOTE), ("--buckets", "4")])
def test_a_local_engine_does_not_override_what_is_as_strong(
    call: Commands, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, option: str, value: str
) -> None:
    monkeypatch.chdir(workspace.folder)
    Path("segbatch.toml").write_text(SETTINGS)
    assert call(*arguments(workspace), "--engine", "local", option, value) == 2
    assert f"the engine 'spark' ({option})" in call.err
    Path("segbatch.toml").write_text(SETTINGS.replace('"spark"', '"local"'))
    assert call(*arguments(workspace)) == 2
    assert "the engine 'spark' (segbatch.toml: spark_remote)" in call.err


@pytest.mark.parametrize("remote", [None, REMOTE])
def test_pyspark_has_to_be_installed(remote: str | None, workspace: Workspace) -> None:
    with pytest.raises(UsageError, match="needs PySpark, which is not installed; install the version of the cluster"):
        workspace.run(0, engine="spark", spark_remote=remote)


def test_an_engine_is_a_setting(call: Commands, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspace.folder)
    Path("segbatch.toml").write_text(f'engine = "local"\nspark_remote = "{REMOTE}/;token=secret"\nbuckets = 8\n')
    assert call("config", "show") == 0
    assert REMOTE in call.out
    assert "secret" not in call.out
    Path("segbatch.toml").write_text('engine = "sparc"\n')
    assert call("config", "show") == 2
    assert "'sparc' is not an engine; did you mean 'spark'?" in call.err


def test_a_token_is_not_shown() -> None:
    assert redact_url("sc://host:443/;token=secret;user_id=me") == "sc://host:443/"


def test_an_engine_can_be_named_in_python(workspace: Workspace) -> None:
    assert isinstance(workspace.run(0, engine="local"), segbatch.RunReport)
