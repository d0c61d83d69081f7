"""Related tables in the settings file, and in the environment."""

from pathlib import Path

import pytest

from builders import write_contacts, write_segment
from calling import Commands

from .making import on, write_table


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(monkeypatch, capsys)


@pytest.fixture
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_contacts(Path("contacts.parquet"), {"id": ["a", "b"]})
    rows = {"customer": ["a", "a", "b"], "at": ["2026-01-01", "2027-01-01", "2027-01-01"]}
    write_table(Path("data/orders.parquet"), rows)
    write_segment(Path("segments"), "buyers", on(operator="gte", value=1))


PREVIEW = ("preview", "buyers", "--contacts", "contacts.parquet")


@pytest.mark.usefixtures("_files")
def test_tables_of_the_file_are_relative_to_it_and_options_change_their_columns(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("segbatch.toml").write_text('[tables.orders]\npath = "data/*.parquet"\ncontact = "customer"\n')
    assert commands(*PREVIEW) == 0
    assert commands.out == "buyers: 2 of 2 contacts, 100.0%: a, b\n"
    assert commands(*PREVIEW, "--table-contact", "orders=at") == 0
    assert commands.out.startswith("buyers: 0 of 2 contacts")
    assert commands(*PREVIEW, "--table", "orders=other.parquet") == 2
    assert "other.parquet: no such file" in commands.err
    monkeypatch.setenv("SEGBATCH_TABLES", "orders=data/orders.parquet")
    monkeypatch.setenv("SEGBATCH_TABLE_CONTACT", "orders=customer")
    assert commands(*PREVIEW, "--no-config") == 0
    assert commands.out.startswith("buyers: 2 of 2 contacts")


@pytest.mark.usefixtures("_files")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tables = 5", "tables: must be related tables, each written as [tables.NAME]; found 5"),
        ("[tables]\norders = 5", "tables.orders: must be a table, written as [tables.NAME]; found 5"),
        ('[tables.orders]\ncontact = "c"', "tables.orders.path: is missing; a related table needs a path"),
        ('[tables.orders]\npath = ""', "tables.orders.path: is empty; write a text, or remove the line"),
        (
            '[tables.orders]\npath = "x"\ntiem = "at"',
            "tables.orders.tiem: unknown; did you mean 'time'?",
        ),
        (
            '[tables."a b"]\npath = "x"',
            (
                "tables: 'a b' cannot be the name of a table; a name has letters (A-Z, a-z), digits, '_' and '-', and "
                "at most 128 of them"
            ),
        ),
    ],
)
def test_a_mistake_in_the_file_has_its_message(commands: Commands, text: str, message: str) -> None:
    Path("segbatch.toml").write_text(text)
    assert commands(*PREVIEW) == 2
    assert commands.err == f"error: segbatch.toml: {message}\n"


NOTE = "note: no segment reads the tables 'event', 'orders2' (--table)\n"


@pytest.mark.usefixtures("_files")
@pytest.mark.parametrize(
    "command",
    [
        ("check",),
        ("check", "--contacts", "contacts.parquet"),
        ("lint",),
        ("lint", "--contacts", "contacts.parquet"),
        ("run", "--contacts", "contacts.parquet"),
        PREVIEW,
    ],
    ids=" ".join,
)
def test_a_table_that_no_segment_reads_is_a_note(commands: Commands, command: tuple[str, ...]) -> None:
    options = ("--table", "orders=data", "--table-contact", "orders=customer")
    commands(*command, *options, "--table", "event=none.parquet", "--table", "orders2=data")
    assert NOTE in commands.err
    commands(*command, *options)
    assert "no segment reads" not in commands.err


@pytest.mark.usefixtures("_files")
def test_many_tables_that_no_segment_reads_are_one_note(commands: Commands) -> None:
    tables = [part for name in "abcdefg" for part in ("--table", f"{name}=none.parquet")]
    commands("check", *tables)
    assert "note: no segment reads the tables 'a', 'b', 'c', 'd', 'e' and 2 more (--table)\n" in commands.err
    Path("segments/broken.json").write_text("{}")
    commands("check", *tables)
    assert "no segment reads" not in commands.err
