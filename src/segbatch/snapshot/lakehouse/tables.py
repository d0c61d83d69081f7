"""Opening of a version of a Delta or Iceberg table."""

from segbatch.snapshot.lakehouse.address import TableAddress
from segbatch.snapshot.lakehouse.table import TableVersion


def open_table(address: TableAddress) -> TableVersion:
    """Find the files of a version of a table.

    Args:
        address: The address of a table; the newest version if it names none.

    Raises:
        SnapshotError: The table or the version does not exist, or has features that are not understood.
        UsageError: The library that reads the table's metadata is not installed, or a setting is missing.
    """
    if address.format == "iceberg":
        from segbatch.snapshot.lakehouse.iceberg import open_iceberg_table  # noqa: PLC0415 - imported only if needed

        return open_iceberg_table(address)
    from segbatch.snapshot.lakehouse.delta import open_delta_table  # noqa: PLC0415 - imported only if needed

    return open_delta_table(address)
