"""Messages about a related table: they name the table, its rows and its options, and not those of the contacts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import segbatch
from builders import write_contacts, write_segment
from segbatch.errors import SegbatchError
from segbatch.snapshot.open_snapshot import open_snapshot
from segbatch.snapshot.related.sources import TableSource
from segbatch.snapshot.related.tables import open_rows

OF_CONTACTS = (
    "the contacts",
    "--contacts",
    "id column",
    "--id-column",
    "each contact an id",
    "snapshot",
    "contacts.parquet",
)


def _empty_folder() -> str:
    Path("orders").mkdir()
    return "orders"


def _folder_with_other_files() -> str:
    (Path(_empty_folder()) / "a.csv").write_text("contact_id\n")
    return "orders"


def _delta_table() -> str:
    (Path(_empty_folder()) / "_delta_log").mkdir()
    return "orders"


def _lists() -> str:
    write_contacts(Path("orders.parquet"), pa.table({"contact_id": [["a"]]}))
    return "orders.parquet"


def _contact_in_path() -> str:
    write_contacts(Path("orders/contact_id=a/1.parquet"), pa.table({"n": [1]}))
    return "orders"


def _contact_in_one_file() -> str:
    write_contacts(Path("orders/1.parquet"), pa.table({"contact_id": ["a"]}))
    write_contacts(Path("orders/2.parquet"), pa.table({"n": [1]}))
    return "orders"


def _text_file() -> str:
    Path("orders.parquet").write_text("contact_id\n")
    return "orders.parquet"


MESSAGES: list[tuple[Callable[[], str], str]] = [
    (
        _empty_folder,
        "orders: the folder has no .parquet file; export the rows of the table 'orders' (--table orders=PATH)",
    ),
    (
        _folder_with_other_files,
        (
            "orders: the folder has no .parquet file; it has a.csv; export the rows of the table 'orders' as Parquet "
            "(--table orders=PATH)"
        ),
    ),
    (
        _delta_table,
        (
            "orders: is a Delta table, whose folder also has files with rows that were deleted or replaced; "
            "pass it as delta+orders (--table orders=PATH)"
        ),
    ),
    (
        _lists,
        (
            "the column 'contact_id' of the table 'orders' is a list of text; ids are text, whole numbers, UUIDs or "
            "bytes (--table-contact orders=COLUMN)"
        ),
    ),
    (
        _contact_in_path,
        (
            "orders/contact_id=a/1.parquet: has no column 'contact_id': a partition would be the id of all its rows; "
            "name a column of the file (--table-contact orders=COLUMN)"
        ),
    ),
    (
        _contact_in_one_file,
        (
            "orders/2.parquet: has no column 'contact_id', which other files of the table 'orders' have; export all "
            "files with the same schema (--table orders=PATH)"
        ),
    ),
    (
        _text_file,
        "orders.parquet: is not Parquet, is truncated, or is damaged; export it again (--table orders=PATH)",
    ),
    (lambda: "no/*.parquet", "no/*.parquet: matches no file; check the path of the export (--table orders=PATH)"),
    (lambda: "no.parquet", "no.parquet: no such file; check the path of the export (--table orders=PATH)"),
    (
        lambda: "/dev/null",
        "/dev/null: is a pipe or a device, not a regular file; export to a file (--table orders=PATH)",
    ),
    (lambda: "", "the path of the table 'orders' is empty; is a variable not set? (--table orders=PATH)"),
    (lambda: "s3://", "s3://: has no bucket; write s3://BUCKET/KEY (--table orders=PATH)"),
    (
        lambda: "ftp://host/orders",
        (
            "ftp://host/orders: rows of the table 'orders' are read from files, s3://, gs:// and az:// "
            "(--table orders=PATH)"
        ),
    ),
]


@pytest.mark.parametrize(("make", "message"), MESSAGES, ids=lambda value: getattr(value, "__name__", ""))
def test_an_error_of_a_table_names_the_table(make: Callable[[], str], message: str) -> None:
    with pytest.raises(SegbatchError) as raised:
        open_rows("orders", TableSource(make()))
    assert str(raised.value) == message.format(Path.cwd())
    assert not [word for word in OF_CONTACTS if word in str(raised.value)]


def test_an_error_of_the_contacts_names_the_contacts() -> None:
    with pytest.raises(SegbatchError, match=r"export the contacts$"):
        open_snapshot(_empty_folder())


def test_warnings_of_a_table_count_its_rows() -> None:
    rows: dict[str, Any] = {
        "contact_id": ["a", "a", "b"],
        "details": ['{"n": 1}', '{"n": "x"}', "{"],
        "nothing": pa.nulls(3),
        "shop": ["x", "y", "x"],
        "box": pa.array([{"k": 1}] * 3),
    }
    write_contacts(Path("contacts.parquet"), {"id": ["a", "b"]})
    write_contacts(Path("orders/shop=x/1.parquet"), pa.table(rows))
    for key in ("details.n", "details.gone", "nothing", "shop", "box.gone"):
        where = [{"field": key, "operator": "exists"}]
        write_segment(Path("segments"), key, {"table": "orders", "operator": "gte", "value": 1, "where": where})
    report = segbatch.run("contacts.parquet", tables={"orders": "orders"})
    texts = [str(problem) for problem in (*report.warnings, *report.notes)]
    for part in (
        "'details.n' holds numbers for 1 row and texts for 1 row, and all are read as text",
        "'details' of 1 row is not a JSON object",
        "'details' has no 'gone' in the table 'orders', so it is missing for every row",
        "'nothing' contains only nulls in the table 'orders'",
        "1 row has another value in the column 'shop'",
        "'box' has no 'gone' in the table 'orders', so it is missing for every row",
    ):
        assert any(part in text for text in texts), (part, texts)
