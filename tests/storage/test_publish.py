"""The files of a published run, and of a run that fails."""

import json
import shutil
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import segbatch
from builders import rule, write_contacts, write_segment
from segbatch import PublishError, UsageError
from segbatch.errors import NothingToPublishError
from segbatch.platform.files import replace_file
from segbatch.runs.query import query
from segbatch.storage import publish
from segbatch.storage.catalog_rebuild import relink
from segbatch.storage.output_lock import FAIL_IF_LOCKED, LockedError, LockPolicy
from segbatch.storage.publish import own_output, stage

ACTIVE = rule("status", "eq", "active")


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """Make a folder with a snapshot and two segments, one of which cannot be evaluated."""
    write_contacts(tmp_path / "contacts.parquet", {"status": ["active", "new", None, "active"]})
    write_segment(tmp_path / "segments", "active", ACTIVE, list_id="L1", description="Who is active")
    write_segment(tmp_path / "segments", "broken", rule("stauts", "eq", "active"))
    return tmp_path


def run(job: Path, output: str = "output", **options: object) -> segbatch.RunReport:
    return segbatch.run(job / "contacts.parquet", job / "segments", job / output, **options)  # type: ignore[arg-type]


def rows(output: Path, sql: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in query(output, sql, 1000).rows]


def test_the_three_tables_show_the_run(job: Path) -> None:
    report = run(job, as_of="2026-01-02T03:04:05Z", timezone="Europe/Berlin")
    output = job / "output"
    assert rows(output, "FROM membership ORDER BY ALL") == [("active", "a"), ("active", "d")]
    columns = "segment_id, list_id, description, status, member_count, entered, exited, run_id"
    assert rows(output, f"SELECT {columns} FROM segments ORDER BY 1") == [
        ("active", "L1", "Who is active", "ok", 2, None, None, report.run.run_id),
        ("broken", None, None, "failed", 0, None, None, None),
    ]
    [(error,)] = rows(output, "SELECT error FROM segments WHERE status = 'failed'")
    assert str(error).endswith(
        "broken.json: $.rules[0].field: the snapshot has no column 'stauts'; did you mean 'status'?"
    )
    [(field,)] = rows(output, "SELECT definition->'rules'->0->>'field' FROM segments WHERE segment_id = 'active'")
    assert field == "status"
    columns = "status, as_of::VARCHAR, timezone, contacts, segments_ok, segments_failed, segments_held, memberships"
    assert rows(output, f"SELECT {columns} FROM runs") == [
        ("partial", "2026-01-02 03:04:05", "Europe/Berlin", 4, 1, 1, 0, 2)
    ]


def test_the_membership_is_plain_parquet_with_both_ids_in_it(job: Path) -> None:
    report = run(job)
    table = pq.read_table(report.membership)
    assert table.schema.names == ["segment_id", "contact_id", "run_id"]
    assert table.to_pylist() == [
        {"segment_id": "active", "contact_id": "a", "run_id": report.run.run_id},
        {"segment_id": "active", "contact_id": "d", "run_id": report.run.run_id},
    ]
    [file] = Path(report.membership).iterdir()
    assert [str(field.type) for field in pq.read_schema(file)] == ["string", "string", "string"]


@pytest.mark.parametrize(
    ("ids", "duckdb_type"),
    [
        (pa.array([3, 1, 2, 9], pa.int32()), "INTEGER"),
        (pa.array([3, 1, 2, 2**64 - 1], pa.uint64()), "UBIGINT"),
        (pa.array(["x", "y", "z", "ü"]).dictionary_encode(), "VARCHAR"),
        (pa.array(["x", "y", "z", "ü"], pa.large_string()), "VARCHAR"),
        (pa.array([1, 2, 3, 4], pa.decimal128(38, 0)), "DECIMAL(38,0)"),
        (pa.array([bytes([n]) * 16 for n in range(4)], pa.uuid()), "UUID"),
    ],
    ids=str,
)
def test_contact_ids_keep_the_type_of_the_snapshot(ids: pa.Array, duckdb_type: str, job: Path) -> None:
    write_contacts(job / "contacts.parquet", {"id": ids, "status": ["active", "new", None, "active"]})
    run(job)
    snapshot = job / "contacts.parquet"
    [(kind, members)] = rows(
        job / "output",
        "SELECT any_value(typeof(contact_id)), count(*) FROM membership m "
        f"JOIN '{snapshot}' c ON c.id = m.contact_id AND c.status = 'active'",
    )
    assert (kind, members) == (duckdb_type, 2)


def test_the_membership_has_no_ids_of_contacts_that_are_in_no_segment(tmp_path: Path) -> None:
    numbers = range(60_000)
    columns = {"id": [f"contact-{number:05}" for number in numbers], "number": numbers}
    write_contacts(tmp_path / "contacts.parquet", columns)
    write_segment(tmp_path / "segments", "first", rule("number", "in", [3, 59_999]))
    write_segment(tmp_path / "segments", "second", rule("number", "eq", 40_000))
    run(tmp_path)
    [file] = (tmp_path / "output" / "runs").glob("*/membership/*.parquet")
    assert file.stat().st_size < 1_500
    found = rows(tmp_path / "output", "FROM membership")
    members = {"first": ("contact-00003", "contact-59999"), "second": ("contact-40000",)}
    assert sorted(found) == [(name, contact_id) for name, ids in members.items() for contact_id in ids]


def test_empty_segments_are_listed_too(job: Path) -> None:
    write_segment(job / "segments", "active", rule("status", "eq", "gone"))
    report = run(job)
    assert rows(job / "output", "FROM membership") == []
    assert report.segments[0].member_count == 0


def test_a_run_in_which_every_segment_fails_publishes_nothing(job: Path) -> None:
    run(job)
    (job / "segments" / "active.json").write_text("{")
    with pytest.raises(NothingToPublishError, match="no segment can be evaluated; nothing was published") as caught:
        run(job)
    assert len(caught.value.problems) == 3
    assert len(rows(job / "output", "FROM membership")) == 2


def test_a_broken_definition_is_listed_without_unreadable_parts(job: Path) -> None:
    (job / "segments" / "torn.json").write_text("{")
    run(job)
    found = rows(job / "output", "SELECT segment_id, name, definition FROM segments WHERE segment_id = 'torn'")
    assert found == [("torn", None, None)]


def test_files_of_a_killed_run_are_removed(job: Path) -> None:
    left = job / "output" / "runs" / ".tmp-killed" / "membership"
    left.mkdir(parents=True)
    (left / "part-00000.parquet").write_bytes(b"half")
    run(job)
    assert [path.name for path in (job / "output" / "runs").iterdir() if path.name.startswith(".")] == []


def test_two_runs_on_one_output_do_not_run_at_once(job: Path) -> None:
    with (
        own_output(job / "output", "run r1", LockPolicy()),
        pytest.raises(LockedError, match=r"run r1 \(process [0-9]+ on .+\) has been at work on it since 20"),
    ):
        run(job)
    assert run(job).run.memberships == 2
    assert LockedError.exit_code == 75


def test_every_published_run_is_listed_and_the_last_one_is_shown(job: Path) -> None:
    first = run(job)
    write_contacts(job / "contacts.parquet", {"status": ["active"] * 4})
    second = run(job)
    listed = rows(job / "output", "SELECT run_id, memberships FROM runs ORDER BY started_at")
    assert listed == [(first.run.run_id, 2), (second.run.run_id, 4)]
    assert len(rows(job / "output", "FROM membership")) == 4
    assert (job / "output" / "current").read_text().strip() == second.run.run_id


def test_a_reader_with_the_tables_open_stops_no_run_and_is_not_disturbed(job: Path) -> None:
    report = run(job)
    with duckdb.connect(str(report.catalogue), read_only=True) as reader:
        write_contacts(job / "contacts.parquet", {"status": ["active"] * 4})
        run(job)
        assert reader.execute("SELECT count(*) FROM membership").fetchall() == [(2,)]


def test_the_manifest_has_the_checksums_of_files_read_and_written(job: Path) -> None:
    report = run(job)
    manifest = json.loads((Path(report.membership).parent / "manifest.json").read_text())
    [file, *others], [read] = manifest["files"], manifest["snapshot"]
    assert [entry["path"] for entry in others] == ["state.arrow", "changes.parquet"]
    assert file["sha256"] == sha256((Path(report.membership).parent / file["path"]).read_bytes()).hexdigest()
    assert file["size"] == (Path(report.membership).parent / file["path"]).stat().st_size
    assert read["sha256"] == sha256((job / "contacts.parquet").read_bytes()).hexdigest()
    assert manifest["run"]["snapshot_fingerprint"] == report.run.snapshot_fingerprint


def test_a_failed_run_leaves_only_the_published_files(job: Path) -> None:
    run(job)
    before = sorted(path for path in (job / "output").rglob("*") if path.is_file())
    write_contacts(job / "contacts.parquet", {"id": ["a", "a"], "status": ["active", "new"]})
    with pytest.raises(segbatch.SnapshotError):
        run(job)
    assert sorted(path for path in (job / "output").rglob("*") if path.is_file()) == before
    assert len(rows(job / "output", "FROM membership")) == 2


def test_a_moved_output_is_fixed_by_one_command(job: Path) -> None:
    run(job)
    moved = job / "elsewhere [1] * it's"
    shutil.move(job / "output", moved)
    with duckdb.connect(str(moved / "segbatch.duckdb"), read_only=True) as tables, pytest.raises(duckdb.IOException):
        tables.execute("FROM membership")
    for view in ("membership", "membership_changes", "membership_history", "runs"):
        assert query(moved, f"FROM {view}", 10).complete
    relink(moved)
    with duckdb.connect(str(moved / "segbatch.duckdb"), read_only=True) as tables:
        assert len(tables.execute("FROM membership").fetchall()) == 2


def test_only_a_published_output_can_be_relinked(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing is published there"):
        relink(tmp_path)


def test_a_damaged_manifest_is_named(job: Path) -> None:
    report = run(job)
    (Path(report.membership).parent / "manifest.json").write_text("{}")
    with pytest.raises(PublishError, match=r"manifest\.json: is missing or damaged"):
        relink(job / "output")


def test_an_output_that_cannot_be_written_is_one_message(job: Path) -> None:
    (job / "file").write_text("not a folder")
    with pytest.raises(
        PublishError, match=r"file: a file is in the way; remove it, or publish elsewhere .*; nothing was published"
    ):
        run(job, "file")


def test_a_run_that_is_refused_removes_neither_lock_nor_folder_of_the_run_at_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, ensure = tmp_path / "output", publish.ensure_replaceable
    with ExitStack() as first:

        def start_first(path: Path) -> None:
            monkeypatch.setattr(publish, "ensure_replaceable", ensure)
            first.enter_context(own_output(path, "run r1", FAIL_IF_LOCKED))

        monkeypatch.setattr(publish, "ensure_replaceable", start_first)
        for name in ("r2", "r3"):
            with pytest.raises(LockedError, match="run r1 "), own_output(output, f"run {name}", FAIL_IF_LOCKED):
                pytest.fail("two runs are at work")
            assert sorted(path.name for path in output.iterdir()) == ["lock", "runs"]


def test_staging_leaves_nothing_when_it_fails(tmp_path: Path) -> None:
    def write_half() -> None:
        with own_output(tmp_path, "run r1", LockPolicy()), stage(tmp_path, "r1") as folder:
            (folder / "half").write_text("x")
            raise OSError(28, "ignored")

    with pytest.raises(PublishError, match="No space left"):
        write_half()
    assert list(tmp_path.iterdir()) == []


def test_a_stale_log_of_duckdb_does_not_break_the_next_run(job: Path) -> None:
    run(job)
    (job / "output" / "segbatch.duckdb.wal").write_bytes(b"garbage")
    run(job)
    assert len(rows(job / "output", "FROM membership")) == 2


def test_an_empty_snapshot_is_published_only_if_allowed(job: Path) -> None:
    write_contacts(job / "contacts.parquet", {"status": pa.array([], pa.string())})
    with pytest.raises(segbatch.SnapshotError, match="has no contacts, which would empty every segment"):
        run(job)
    assert run(job, allow_empty=True).run.contacts == 0


@pytest.mark.parametrize("step", ["build_catalogue", "sync_folder", "set_current"])
@pytest.mark.parametrize("error", [OSError(28, "full"), KeyboardInterrupt()], ids=["full", "interrupted"])
def test_a_run_that_fails_while_it_is_published_is_undone(
    job: Path, monkeypatch: pytest.MonkeyPatch, step: str, error: BaseException
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    run(job)
    before = sorted((job / "output").rglob("*"))
    monkeypatch.setattr(publish, step, fail)
    with pytest.raises((PublishError, KeyboardInterrupt)):
        run(job)
    assert sorted((job / "output").rglob("*")) == before
    assert len(rows(job / "output", "FROM runs")) == 1


def test_a_run_whose_tables_cannot_be_replaced_is_published(job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Path:
        raise OSError(28, "full")

    run(job)
    with monkeypatch.context() as broken:
        broken.setattr(publish, "replace_catalogue", fail)
        report = run(job, run_id="second")
        where = f"{job / 'output'}: cannot be written: No space left on device"
        outcome = "segbatch.duckdb still shows the previous run; run segbatch relink, or wait for the next run"
        assert [str(warning) for warning in report.warnings] == [f"{where}; run second is published, but {outcome}"]
    assert len(rows(job / "output", "FROM runs")) == 1
    relink(job / "output")
    assert len(rows(job / "output", "FROM runs")) == 2


@pytest.mark.parametrize("name", ["current", "segbatch.duckdb"])
def test_a_folder_in_the_way_of_a_file_is_reported_and_undoes_the_run(job: Path, name: str) -> None:
    output = job / "output"
    with pytest.raises(PublishError, match=rf"output/{name}: a folder is in the way; .*; nothing was published"):
        run(job, progress=lambda *_: (output / name).mkdir(exist_ok=True))
    assert sorted(output.rglob("*")) == [output / name]


def test_a_run_that_may_be_published_is_not_undone(job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def replace_and_fail(new: Path, old: Path) -> None:
        replace_file(new, old)
        raise OSError(5, "on the way to the disk")

    run(job)
    with monkeypatch.context() as broken:
        broken.setattr(publish, "replace_file", replace_and_fail)
        report = run(job, run_id="second")
        where = f"{job / 'output'}: cannot be written: Input/output error"
        assert [str(warning) for warning in report.warnings] == [
            f"{where}; run second is published, but that may not survive a power failure; check the disk",
        ]
    relink(job / "output")
    assert len(rows(job / "output", "FROM runs")) == 2
    assert len(rows(job / "output", "FROM membership")) == 2


def test_a_run_that_reuses_a_folder_name_is_not_removed(job: Path) -> None:
    keep = segbatch.Keep(2, 0)
    for _ in range(5):
        run(job, run_id="tonight", as_of="2026-01-02", keep=keep)
        assert len(rows(job / "output", "FROM membership")) == 2
    assert len(list((job / "output" / "runs").iterdir())) <= 2
