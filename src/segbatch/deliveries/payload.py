"""The file of a delivery: its rows as NDJSON or Parquet, which each attempt sends from the start."""

import os
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa

from segbatch.deliveries.destination import PayloadFormat
from segbatch.deliveries.rows import Rows
from segbatch.errors import ExportError
from segbatch.exports.rows import CHANGE, CHANGES, CONTACT_ID
from segbatch.exports.writers import Format, Layout, combine_frames, make_writer
from segbatch.snapshot.id_checks import ids_as_series

_OWNER_ONLY = 0o600
_WRITERS: dict[PayloadFormat, Format] = {"ndjson": "jsonl", "parquet": "parquet"}


@dataclass(frozen=True, slots=True)
class Payload:
    """The rows of a delivery in a file.

    Attributes:
        entered: The number of contacts that entered.
        exited: The number of contacts that left.
    """

    path: Path
    entered: int
    exited: int


def write_payload(rows: Rows, payload_format: PayloadFormat, path: Path) -> Payload:
    """Write the rows of a delivery to a file that only its owner can read.

    Raises:
        ExportError: The file cannot be written.
        PublishError: The rows cannot be read.
    """
    number = entered = 0
    empty = pl.DataFrame([ids_as_series(pa.array([], rows.id_type)).alias(CONTACT_ID), pl.Series(CHANGE, [], CHANGES)])
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _OWNER_ONLY)
        with os.fdopen(descriptor, "wb") as file:
            writer = make_writer(_WRITERS[payload_format], file, Layout(empty, rows.id_type))
            for frame in combine_frames(rows.frames):
                if len(frame):
                    writer.write(frame)
                    number += len(frame)
                    entered += int((frame.get_column(CHANGE) == "entered").sum())
            writer.finish()
    except OSError as error:
        raise ExportError(f"{path}: cannot be written: {error.strerror}") from None
    return Payload(path, entered, number - entered)
