"""The record of a query whose rows are a snapshot."""

from pydantic import AwareDatetime

from segbatch.model.record import Record


class DatabaseSource(Record):
    """The query that a file of a snapshot has the rows of. It is in the file's metadata, and in the manifest of runs.

    Attributes:
        address: The address of the database, without user, password and parameters.
        table: The table, if it was read by name.
        query: The query as it was sent.
        driver: The name and the version of the driver.
        read_at: The time when the query was sent.
        rows: The number of rows.
        data_sha256: The SHA-256 of the file up to its footer, in hexadecimal. It is the same for the same rows in the
            same order.
    """

    address: str
    table: str | None = None
    query: str
    driver: str
    read_at: AwareDatetime
    rows: int
    data_sha256: str
