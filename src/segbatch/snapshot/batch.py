"""A batch of contacts of a snapshot."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl
import pyarrow as pa

from segbatch.snapshot.encoded_texts import EncodedTexts
from segbatch.snapshot.related.query import TableCounts


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch of contacts of a snapshot.

    Attributes:
        ids: The ids, in the id type of the snapshot.
        frame: The requested columns, one row per contact in the order of `ids`.
        texts: The requested columns that are not in the frame, because they have few distinct texts.
        tables: For each related table that was read, the number of its rows.
    """

    ids: pa.Array
    frame: pl.DataFrame
    texts: Mapping[str, EncodedTexts] = field(default_factory=dict)
    tables: Mapping[str, TableCounts] = field(default_factory=dict)
