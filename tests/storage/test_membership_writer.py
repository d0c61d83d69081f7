"""The files of a membership are written batch by batch."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builders import write_contacts
from segbatch.platform.bitmaps import full_bitmap
from segbatch.storage import run_writers
from segbatch.storage.run_writers import MembershipWriter
from segbatch.storage.targets.output import LocalTarget
from workspace import Workspace


def test_large_files_are_flushed_while_others_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[tuple[str, int]] = []

    def flush(path: Path) -> None:
        flushed.append((path.name, pq.read_metadata(path).num_rows))

    monkeypatch.setattr(run_writers, "sync_file", flush)
    monkeypatch.setattr(run_writers, "_LARGE", 2_000)
    writer = MembershipWriter(tmp_path, pa.int64(), {"run_id": "night"})
    for part, contacts in enumerate((1_000, 3)):
        members = full_bitmap(contacts).reshape(1, -1)
        writer.write(part, pa.array(range(contacts), pa.int64()), ["s"], members, np.ones(contacts, dtype=bool))
    assert [file.rows for file in writer.finish()] == [1_000, 3]
    assert flushed == [("part-00000.parquet", 1_000)]


def test_files_of_tables_have_the_folder_of_the_run_and_ids_of_one_type(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LocalTarget, "publication", lambda _target, staged, id_type: f"{staged.folder}~2 {id_type}")
    path = workspace.folder / "contacts.parquet"
    reports = []
    for number, kind in enumerate((pa.int32(), pa.int64(), pa.int16())):
        write_contacts(path, {"id": pa.array([1, 2, 3 + number], kind), "plan": ["pro", "pro", "free"]})
        reports.append(workspace.run(number))
    assert workspace.ask("SELECT * FROM membership WHERE segment_id = 'pro' ORDER BY ALL") == [("pro", 1), ("pro", 2)]
    for number, report in enumerate(reports):
        constants = {"run_id": f"night-{number}", "publication": f"night-{number}~2 int64"}
        for place in (report.membership, Path(report.membership).parent / "changes.parquet"):
            table = pq.read_table(place)
            assert table.schema.field("contact_id").type == pa.int64()
            rows = [{name: row[name] for name in constants} for row in table.to_pylist()]
            assert rows == [constants] * len(rows)
            assert bool(rows) == (place == report.membership or number > 0)
            assert table.schema.names[-1] == "publication"
