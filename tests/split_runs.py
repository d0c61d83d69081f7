"""Runs on one machine whose files are split into buckets of contacts, as a run on a cluster writes them."""

from collections.abc import Sequence
from pathlib import Path
from zlib import crc32

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from segbatch.errors import Problem
from segbatch.model.manifest import Buckets, Manifest, PublishedFile
from segbatch.pipeline.evaluation import RunEvaluation
from segbatch.platform.bitmaps import WORD, Bitmaps, word_count
from segbatch.platform.checksum_file import DigestingFile
from segbatch.storage.bit_matrix import Memory, Words
from segbatch.storage.state import State, StateWriter, open_state

BUCKETS = 3


def split_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Split the files of each run before it is published."""
    evaluate = RunEvaluation.evaluate

    def evaluate_and_split(self: RunEvaluation, folder: Path | None) -> tuple[Manifest, Sequence[Problem]]:
        manifest, notices = evaluate(self, folder)
        return manifest if folder is None else split_files(folder, manifest), notices

    monkeypatch.setattr(RunEvaluation, "evaluate", evaluate_and_split)


def split_files(folder: Path, manifest: Manifest, number: int = BUCKETS) -> Manifest:
    """Split the files of a run in a folder, and return its manifest."""
    state = open_state(folder)
    contacts, states = _split_state(folder, state, manifest.run.contacts, number)
    members = sorted((folder / "membership").iterdir())
    written = _split_rows(members, [f"membership/bucket-{bucket:05}-part-00000.parquet" for bucket in range(number)])
    written += states
    written += _split_rows([folder / "changes.parquet"], [f"changes/{bucket:05}.parquet" for bucket in range(number)])
    (folder / "state.arrow").unlink()
    buckets = Buckets(number=number, hash="crc32", contacts=tuple(contacts))
    return manifest.model_copy(update={"files": tuple(written), "buckets": buckets})


def _bucket_of(contact_id: object, number: int) -> int:
    return crc32(str(contact_id).encode()) % number


def _split_rows(files: Sequence[Path], paths: Sequence[str]) -> list[PublishedFile]:
    folder = files[0].parent if files[0].name == "changes.parquet" else files[0].parent.parent
    table = pa.concat_tables(pq.ParquetFile(file).read() for file in files)
    buckets = np.array([_bucket_of(one, len(paths)) for one in table.column("contact_id").to_pylist()], dtype=np.int64)
    for file in files:
        file.unlink()
    written = []
    for bucket, path in enumerate(paths):
        (folder / path).parent.mkdir(exist_ok=True)
        rows = table.filter(pl.Series(buckets == bucket).to_arrow())
        with DigestingFile(folder / path) as new:
            pq.write_table(rows, new, store_schema=False)
        written.append(PublishedFile(path=path, rows=rows.num_rows, size=new.size, sha256=new.sha256))
    return written


def _split_state(
    folder: Path, state: State, contacts: int, number: int
) -> tuple[Sequence[int], Sequence[PublishedFile]]:
    """Write a state for each bucket, and return the number of contacts of the snapshot in each."""
    (folder / "state").mkdir()
    ids = [one for batch in range(len(state.starts) - 1) for one in state.ids(batch).to_pylist()]
    words = [state.words(batch, Memory()) for batch in range(len(state.starts) - 1)]
    buckets = np.array([_bucket_of(one, number) for one in ids], dtype=np.int64)
    counts, written = [], []
    for bucket in range(number):
        rows = np.flatnonzero(buckets == bucket)
        counts.append(int((rows < contacts).sum()))
        temporary = folder / "state" / f"{bucket}"
        temporary.mkdir()
        writer = StateWriter(temporary, state.bitmap, state.id_type)
        chosen = np.concatenate([*words, np.empty((len(words[0]) if words else 0, 0), np.uint64)], axis=1)[:, rows]
        if len(rows):
            writer.write(pa.array([ids[row] for row in rows], state.id_type), _bitmaps(chosen))
        path = f"state/{bucket:05}.arrow"
        written.append(writer.finish().model_copy(update={"path": path}))
        (temporary / "state.arrow").rename(folder / path)
        temporary.rmdir()
    return counts, written


def _bitmaps(words: Words) -> Bitmaps:
    bits = np.unpackbits(words.T.copy().view(np.uint8), axis=1, bitorder="little").T  # one row per bit
    padded = np.zeros((len(bits), word_count(words.shape[1]) * WORD), dtype=np.uint8)
    padded[:, : words.shape[1]] = bits
    return np.packbits(padded, axis=1, bitorder="little").view(np.uint64)
