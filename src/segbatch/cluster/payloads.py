"""The payloads that tasks exchange: Arrow streams, compressed, with their kind in the metadata of the schema."""

import io
import json
import pickle
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
import polars as pl
import pyarrow as pa

from segbatch.errors import SegbatchError
from segbatch.storage.bit_matrix import Words

Kind = Literal["contacts", "previous", "ids", "rows", "error"]
"""The content of a payload: contacts of the snapshot with their bits, contacts of the previous run with their bits,
ids of contacts, rows of a related table, or an error that a user can meet."""

_KIND, _DETAILS = b"segbatch.payload", b"segbatch.details"
_OPTIONS = pa.ipc.IpcWriteOptions(compression=pa.Codec("zstd", compression_level=1))
"""Most of what is exchanged are ids of contacts, whose characters only an entropy coder compresses."""

_WORD = 8


@dataclass(frozen=True, slots=True)
class Payload:
    """A decoded payload.

    Attributes:
        kind: The kind of the content.
        rows: The content.
        details: Facts about the content, such as the name of the table that rows belong to.
    """

    kind: Kind
    rows: pa.RecordBatch
    details: Mapping[str, str]


def encode_payload(kind: Kind, rows: pa.RecordBatch, details: Mapping[str, str] | None = None) -> bytes:
    """Return rows as a payload."""
    schema = rows.schema.with_metadata({_KIND: kind, _DETAILS: json.dumps(dict(details or {}))})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema, options=_OPTIONS) as writer:
        writer.write_batch(rows)
    return cast("bytes", sink.getvalue().to_pybytes())


def decode_payload(payload: bytes) -> Payload:
    """Return the kind and the rows of a payload."""
    with pa.ipc.open_stream(payload) as reader:
        metadata = reader.schema.metadata
        kind = cast("Kind", metadata[_KIND].decode())
        return Payload(kind, reader.read_next_batch(), json.loads(metadata[_DETAILS]))


def encode_frame(kind: Kind, frame: pl.DataFrame, details: Mapping[str, str] | None = None) -> bytes:
    """Return a frame as a payload, in the format of Polars, because Arrow does not have all of its types."""
    sink = io.BytesIO()
    frame.write_ipc_stream(sink, compression="uncompressed")
    return encode_payload(kind, pa.record_batch([pa.array([sink.getvalue()], pa.large_binary())], ["frame"]), details)


def frame_of(payload: Payload) -> pl.DataFrame:
    """Return the frame in a payload."""
    return pl.read_ipc_stream(io.BytesIO(payload.rows.column(0)[0].as_py()))


def with_words(ids: pa.Array, words: Words) -> pa.RecordBatch:
    """Return contacts with their bits, for payloads of the kinds `contacts` and `previous`.

    Args:
        ids: The ids, in their stored type.
        words: The bits of these contacts.
    """
    rows = words.T.copy()  # the memory of words is used again
    width = words.shape[0] * _WORD
    if not width:
        return pa.record_batch([ids], ["id"])
    bits = pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), len(ids), [None, pa.py_buffer(rows)])
    return pa.record_batch([ids, bits], ["id", "words"])


def words_of(rows: pa.RecordBatch) -> Words:
    """Return the bits of the contacts of a payload. The result may be read-only."""
    if "words" not in rows.schema.names:
        return np.empty((0, rows.num_rows), dtype=np.uint64)
    column = rows.column("words")
    groups = column.type.byte_width // _WORD
    words = np.frombuffer(column.buffers()[1] or b"", dtype=np.uint64)
    start = column.offset * groups
    return words[start : start + len(column) * groups].reshape(len(column), groups).T


def encode_error(error: SegbatchError) -> bytes:
    """Return an error as a payload, which `decode_payloads` raises."""
    return encode_payload("error", pa.record_batch([pa.array([pickle.dumps(error)])], ["error"]))


def decode_payloads(payloads: Iterable[bytes]) -> list[Payload]:
    """Return the payloads of a bucket.

    Raises:
        SegbatchError: A task of the first stage met an error that users can meet.
    """
    decoded = [*map(decode_payload, payloads)]
    for payload in decoded:
        if payload.kind == "error":
            raise pickle.loads(payload.rows.column(0)[0].as_py())  # noqa: S301 - a task of this run has written it
    return decoded
