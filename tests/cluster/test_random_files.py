"""Random contacts in files of random layouts, over two runs: a cluster publishes what a local run publishes."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

import segbatch
from oracle.fields import Form
from oracle.layouts import Layout, layouts
from oracle.strategies import ALL, Case, cases
from run_walks import small_batches
from segbatch.cluster.base import Cluster
from segbatch.cluster.loop import LoopCluster
from segbatch.cluster.splits import split_files
from segbatch.engine.base import Engine
from segbatch.engine.local import LocalEngine
from segbatch.errors import SegbatchError
from segbatch.runs.query import query
from segbatch.storage.manifest_io import read_manifest
from ways import lists_folder, valid

FACTS = ("warnings", "notes", "fields", "kept_fields", "tables", "deleted", "snapshot", "id_column")


def publish(folder: Path, case: Case, engine: Engine | Cluster, output: str) -> Any:
    """Publish two runs, the second without some contacts; return what is published, or the error."""
    published = []
    for day in range(2):
        try:
            report = segbatch.run(
                folder / f"contacts-{day}",
                folder / "segments.json",
                folder / output,
                as_of=case.options["as_of"],
                timezone=case.options["timezone"],
                lists=lists_folder(),
                run_id=f"run-{day}",
                guard=segbatch.Guard(accepted=["all"], allow_collapse=True),
                allow_empty=True,
                engine=engine,
            )
        except SegbatchError as error:
            return type(error), str(error).replace(f"/{output}", "")
        manifest = read_manifest(folder / output / "runs" / f"run-{day}")
        published.append((report.segments, [getattr(manifest, name) for name in FACTS]))
    tables = [query(folder / output, f"SELECT * FROM {name} ORDER BY ALL", 100_000).rows for name in TABLES]
    return published, tables


TABLES = ("membership", "membership_changes")


def compare(form: Form, data: st.DataObject) -> None:
    case: Case = data.draw(cases(ALL, form))
    layout: Layout = data.draw(layouts())
    stays = data.draw(st.lists(st.booleans(), min_size=case.table.num_rows, max_size=case.table.num_rows))
    with TemporaryDirectory() as name, small_batches(), pytest.MonkeyPatch.context() as patched:
        patched.setattr(split_files, "__defaults__", (4,))
        folder = Path(name)
        segments = [segment.to_json() for segment in valid(case.segments.values())]
        (folder / "segments.json").write_text(json.dumps(segments))
        for day, table in enumerate((case.table, case.table.take(np.flatnonzero(stays)[::-1]))):
            (folder / f"contacts-{day}").mkdir()
            layout.write(table, folder / f"contacts-{day}")
        expected = publish(folder, case, LocalEngine(), "local")
        found = publish(folder, case, LoopCluster(data.draw(st.sampled_from([1, 3]))), "cluster")
        event("published" if isinstance(expected[0], list) else "refused")
        assert found == expected


@pytest.mark.parametrize("form", ["struct", "json", "map"])
@given(data=st.data())
def test_a_cluster_publishes_what_a_local_run_publishes(form: Form, data: st.DataObject) -> None:
    compare(form, data)
