"""`segbatch init` creates a project that works, and never changes a file."""

import tomllib
from pathlib import Path

import pytest

from builders import write_contacts
from calling import Commands


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(monkeypatch, capsys)


CREATED = "created segbatch.toml\ncreated segments/all-contacts.json\ncreated .gitignore\n"


@pytest.mark.usefixtures("folder")
def test_a_new_project_passes_the_check_and_runs(call: Commands) -> None:
    assert call("init") == 0
    assert call.out == f"{CREATED}next: segbatch check, then set contacts in segbatch.toml and: segbatch run\n"
    assert call("check") == 0
    assert (call.out, call.err) == ("1 segment checked: 0 errors, 0 warnings\n", "")
    write_contacts(Path("contacts.parquet"), {"status": ["active", "new"]})
    settings = Path("segbatch.toml").read_text()
    Path("segbatch.toml").write_text(settings.replace("# contacts", "contacts"))
    assert call("check") == 0
    assert call("run") == 0
    assert "all-contacts" in call.out
    assert "/output/" in Path(".gitignore").read_text().splitlines()


@pytest.mark.usefixtures("folder")
def test_every_commented_setting_is_valid(call: Commands) -> None:
    call("init", "a/new folder")
    assert "next: cd 'a/new folder'; segbatch check" in call.out
    file = Path("a/new folder/segbatch.toml")
    lines = file.read_text().splitlines()
    file.write_text("\n".join(line.removeprefix("# ") if " = " in line else line for line in lines))
    assert set(tomllib.loads(file.read_text())) == {
        "contacts",
        "id_column",
        "segments",
        "output",
        "max_change",
        "timezone",
    }
    assert call("config", "show", "--config", str(file)) == 0


@pytest.mark.parametrize("existing", ["segbatch.toml", "segments/all-contacts.json"])
def test_an_existing_file_is_not_changed_and_nothing_is_created(folder: Path, call: Commands, existing: str) -> None:
    Path(existing).parent.mkdir(exist_ok=True)
    Path(existing).write_text("mine")
    before = sorted(folder.rglob("*"))
    assert call("init") == 2
    message = f"error: {existing}: already exists; nothing was created; remove it, or name another folder\n"
    assert (call.out, call.err) == ("", message)
    assert (sorted(folder.rglob("*")), Path(existing).read_text()) == (before, "mine")


@pytest.mark.usefixtures("folder")
def test_an_existing_gitignore_is_kept(call: Commands) -> None:
    Path(".gitignore").write_text("mine\n")
    assert call("init") == 0
    assert "kept .gitignore unchanged; add these lines to it: /output/, segbatch-keys.json" in call.out
    assert Path(".gitignore").read_text() == "mine\n"


def test_a_dangling_link_is_not_followed(folder: Path, call: Commands) -> None:
    Path("segbatch.toml").symlink_to("elsewhere")
    assert call("init") == 2
    assert list(folder.iterdir()) == [folder / "segbatch.toml"]


@pytest.mark.parametrize("folder_name", ["afile", "segments"])
def test_a_file_in_place_of_a_folder_is_named(folder: Path, call: Commands, folder_name: str) -> None:
    Path(folder_name).write_text("mine")
    arguments = [] if folder_name == "segments" else [folder_name]
    assert call("init", *arguments) == 2
    assert call.err == f"error: {folder_name}: is not a folder; nothing was created; name another folder\n"
    assert [path.name for path in folder.iterdir()] == [folder_name]


def test_an_empty_path_is_not_the_current_folder(folder: Path, call: Commands) -> None:
    assert call("init", "") == 2
    assert call.err == "error: the path of the folder is empty; is a variable not set? (DIR)\n"
    assert not any(folder.iterdir())


@pytest.mark.usefixtures("folder")
def test_a_folder_that_cannot_be_created_is_one_message(call: Commands) -> None:
    Path("file").write_text("")
    assert call("init", "file/below") == 1
    message = "error: file/below: cannot be written: Not a directory; nothing was created\n"
    assert call.err == message
