"""Test the commands that manage the keys of the API."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from calling import Commands
from failing_disk import refuse_flushes_of_folders
from segbatch.interfaces.api.keys.key_store import KeyRing

FILE = Path("segbatch-keys.json")


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Commands:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    return Commands(monkeypatch, capsys)


def test_create_prints_only_the_secret_to_stdout(call: Commands) -> None:
    assert call("keys", "create", "--project", "p", "--project", "q", "--name", "The [b]CRM[/b]") == 0
    key = KeyRing(FILE).find(call.out.removesuffix("\n"))
    assert key is not None
    assert (key.projects, key.read_only, key.name) == (("p", "q"), False, "The [b]CRM[/b]")
    assert call.err == (f"key {key.id} for p, q, read and write; the secret is shown this once, so keep it now\n")
    assert call("keys", "create", "--project", "p", "--read-only", "--json", "--keys", "other.json") == 0
    made = json.loads(call.out)
    assert call.err == ""
    found = KeyRing(Path("other.json")).find(made["secret"])
    assert found is not None
    assert (made["id"], made["read_only"], made["projects"]) == (found.id, True, ["p"])


def test_list_shows_created_and_revoked_keys_without_secrets(call: Commands) -> None:
    assert call("keys", "list") == 0
    assert call.out.splitlines()[-1] == "0 keys"
    secrets = []
    for name in ("one", "two"):
        assert call("keys", "create", "--project", "p", "--name", name, "--json") == 0
        secrets.append(json.loads(call.out))
    assert call("keys", "revoke", secrets[0]["id"]) == 0
    assert call.out == f"revoked {secrets[0]['id']}\n"
    assert call("keys", "revoke", secrets[0]["id"], "--json") == 0
    assert json.loads(call.out)["revoked_at"]
    assert call("keys", "list", "--json") == 0
    listed = json.loads(call.out)
    assert [(key["name"], bool(key["revoked_at"])) for key in listed] == [("one", True), ("two", False)]
    assert call("keys", "list") == 0
    lines = call.out.splitlines()
    moment = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
    assert re.fullmatch(rf"{listed[0]['id']}  p +read and write  {moment}  {moment}  one *", lines[1])
    assert re.fullmatch(rf"{listed[1]['id']}  p +read and write  {moment}  - +two *", lines[2])
    assert lines[3] == "2 keys"
    assert not any(secret["secret"] in FILE.read_text() for secret in secrets)


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["revoke", "nope"], 4, "there is no key 'nope'; 'segbatch keys list' shows all"),
        (["list", "--keys", "."], 1, ".: is not a file; pass the file of keys (--keys)"),
        (["list", "--keys", ""], 2, "the path of the keys is empty; is a variable not set? (--keys)"),
        (["list", "--keys", "broken.json"], 1, "broken.json: is not a valid file of keys: is not valid JSON"),
        (["create", "--project", ""], 2, "'' is not a valid project or name; use 1 to 200 printable characters"),
        (["create"], 2, "Missing option '--project'"),
        (["create", "--project", "p", "--keys", "no/keys.json"], 1, "no/keys.json: cannot be written: No such file"),
    ],
)
def test_errors_are_one_line(call: Commands, arguments: list[str], status: int, message: str) -> None:
    Path("broken.json").write_text("{")
    assert call("keys", *arguments) == status
    assert message in call.err
    assert call.out == ""


def test_failure_to_print_the_secret_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    command = f"{sys.executable} -m segbatch keys create --project p > /dev/full"
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    (key,) = KeyRing(FILE).list()
    expected = f"key {key.id} was made, and its secret is lost; revoke it: the output cannot be written: "
    assert (ended.returncode, ended.stderr) == (1, f"error: {expected}No space left on device\n")


def test_keys_commands_import_no_server_and_no_polars(call: Commands) -> None:
    call("keys", "create", "--project", "p")
    code = (
        "import sys\nfrom segbatch.interfaces import cli\nsys.argv = ['segbatch', 'keys', 'list']\n"
        "try:\n    cli.main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "assert not {'polars', 'duckdb', 'pyarrow', 'fastapi', 'httpx'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_create_prints_the_secret_even_if_the_folder_cannot_be_flushed(
    call: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_flushes_of_folders(monkeypatch)
    message = "is changed, but that may not survive a power failure: Input/output error; check the disk"
    warning = f"warning: segbatch-keys.json: {message}\n"
    assert call("keys", "create", "--project", "p", "--json") == 0
    made = json.loads(call.out)
    assert call.err == warning
    assert KeyRing(FILE).find(made["secret"]) is not None
    assert call("keys", "revoke", made["id"]) == 0
    assert (call.out, call.err) == (f"revoked {made['id']}\n", warning)
