"""The words for a snapshot or a related table in messages."""

from dataclasses import dataclass

from segbatch.text import clipped


@dataclass(frozen=True, slots=True)
class SourceWords:
    """The words for a snapshot, a related table or a list in messages.

    Attributes:
        owner: The source, which has the columns.
        row: The word for one of its rows.
        rows: All its rows.
        path: The option with the path of the source.
        column: The word for the column of ids.
        option: The option that names this column.
        copy: The name of a plain copy.
    """

    owner: str = "the snapshot"
    row: str = "contact"
    rows: str = "the contacts"
    path: str = "--contacts"
    column: str = "id column"
    option: str = "--id-column NAME"
    copy: str = "contacts"


OF_CONTACTS = SourceWords()


def table_words(name: str) -> SourceWords:
    """Return the words for a related table."""
    owner = f"the table '{clipped(name)}'"
    return SourceWords(
        owner=owner,
        row="row",
        rows=f"the rows of {owner}",
        path=f"--table {name}=PATH",
        column="column",
        option=f"--table-contact {name}=COLUMN",
        copy=name,
    )


def list_words(path: str) -> SourceWords:
    """Return the words for a list in the contacts."""
    owner = f"the list '{clipped(path)}'"
    return SourceWords(owner=owner, row="element", rows=f"the elements of {owner}")
