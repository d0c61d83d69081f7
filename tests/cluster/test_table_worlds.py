"""Random rules on random related tables: the tasks of a cluster find the members and counts of a local run."""

import pickle
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.fields import Form
from oracle.related_worlds import related_cases
from oracle.strategies import ALL
from segbatch.cluster.contacts_split import ContactsSplit
from segbatch.cluster.job import Job, decode_versioned
from segbatch.cluster.loop import LoopCluster
from segbatch.cluster.map_task import map_split
from segbatch.cluster.payloads import decode_payloads, words_of
from segbatch.cluster.splits import Item, encode_item, split_files
from segbatch.cluster.table_plan import without_files
from segbatch.cluster.table_reduction import complete_contacts
from segbatch.cluster.table_split import table_items
from segbatch.compiler.prepare import PreparedEvaluation
from segbatch.engine.local import LocalEngine
from segbatch.snapshot.related.query import TableCounts
from segbatch.storage.id_types import IdTypes
from segbatch.storage.segment_bits import SegmentBits
from ways import prepared

Members = dict[str, set[object]]


@pytest.mark.parametrize("form", ["struct", "json"])
@given(data=st.data(), buckets=st.sampled_from([1, 2, 5]))
def test_a_cluster_selects_whom_a_local_run_selects(form: Form, data: st.DataObject, buckets: int) -> None:
    case = data.draw(related_cases(ALL, form))
    with prepared(case) as ready:
        members, counts = by_run(ready)
        found, tables = by_cluster(ready, buckets)
        assert found == members
        assert {name: tables.get(name, TableCounts()) for name in counts} == counts


def by_run(ready: PreparedEvaluation) -> tuple[Members, dict[str, TableCounts]]:
    """Return the members that a local run finds, and the counts of tables in files."""
    found: Members = {entry.definition.segment_id: set() for entry in ready.plan.segments}
    counts: dict[str, TableCounts] = {}
    for members in LocalEngine().evaluate(ready.plan, ready.snapshot):
        for name in found:
            found[name] |= {*np.array(members.ids.to_pylist(), object)[members.frame.get_column(name).to_numpy()]}
        counts |= members.tables
    own = {name for name, table in ready.tables.items() if hasattr(table.snapshot, "files")}
    return found, {name: one for name, one in counts.items() if name in own}


def by_cluster(ready: PreparedEvaluation, buckets: int) -> tuple[Members, dict[str, TableCounts]]:
    """Return what the tasks of a cluster find, without the comparison with a previous run."""
    plan, snapshot = ready.plan, ready.snapshot
    segment_ids = [entry.definition.segment_id for entry in plan.segments]
    bits = SegmentBits((None, *reversed(segment_ids)))
    id_types = IdTypes.of("contacts", snapshot.id_type, None)
    contacts = replace(snapshot, files=(), queries=())
    job = Job("run", ready.clock.as_of, without_files(plan), contacts, id_types, (), bits, buckets).encode()
    parts: list[Item[Job]] = [*map(ContactsSplit, split_files(snapshot, 2)), *table_items(plan)]
    items = [encode_item(number, item) for number, item in enumerate(parts)]
    results = LoopCluster().exchange(partial(map_split, job), items, partial(reduce_members, job), buckets)
    found: Members = {name: set() for name in segment_ids}
    counts: dict[str, TableCounts] = {}
    for more, tables in map(pickle.loads, results):
        for name, ids in more.items():
            found[name] |= ids
        for name, one in tables.items():
            counts[name] = counts.get(name, TableCounts()).plus(one.rows, one.orphans, one.later)
    return found, counts


def reduce_members(job: bytes, _bucket: int, payloads: Sequence[bytes]) -> bytes:
    """Return the members in a bucket, and the counts of its rows."""
    opened, decoded = decode_versioned(job), decode_payloads(payloads)
    completed = complete_contacts(opened, [one.rows for one in decoded if one.kind == "contacts"], decoded)
    found: Members = {name: set() for name in opened.segment_ids}
    for batch in completed.contacts:
        words, ids = words_of(batch), batch.column(0).to_pylist()
        for name in found:
            group, bit = divmod(opened.bits.bits[name], 64)
            found[name] |= {ids[row] for row in np.flatnonzero(words[group] >> np.uint64(bit) & np.uint64(1))}
    return pickle.dumps((found, completed.tables))
