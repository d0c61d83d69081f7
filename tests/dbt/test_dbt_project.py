"""The example project for dbt: contacts are built by dbt, published by segbatch, and read by dbt again."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import duckdb
import pytest

import segbatch
from builders import write_segment

ROOT = Path(__file__).parents[2]
DBT = ROOT / ".venv-dbt/bin/dbt"
CONTACTS = "target/contacts.parquet"
OUTPUT = "target/output"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project, as the working folder."""
    folder = tmp_path / "docs/examples/dbt"
    shutil.copytree(ROOT / "docs/examples/dbt", folder)
    shutil.copytree(ROOT / "sample_data", tmp_path / "sample_data")
    monkeypatch.chdir(folder)
    return folder


def dbt(*arguments: str, **environment: str) -> Mapping[str, str]:
    """Run dbt, and return the status of each model, test and source."""
    done = subprocess.run([DBT, *arguments], env=os.environ | environment, capture_output=True, text=True, check=False)
    results = Path("target/sources.json" if arguments[0] == "source" else "target/run_results.json")
    assert results.exists(), done.stdout + done.stderr
    found = {result["unique_id"]: result["status"] for result in json.loads(results.read_text())["results"]}
    assert done.returncode == int(bool({"error", "fail", "runtime error"} & set(found.values()))), done.stdout
    return found


def publish() -> None:
    segbatch.run(CONTACTS, "../../../sample_data/segments", OUTPUT)


def statuses(found: Mapping[str, str], part: str) -> list[str]:
    return [status for name, status in found.items() if part in name]


def test_contacts_are_built_published_and_read_again(project: Path) -> None:
    assert set(dbt("build", "--target", "before", "--select", "before").values()) == {"success", "pass"}
    publish()
    assert dbt("source", "freshness") == {"source.audiences.segbatch.runs": "pass"}
    built = dbt("build", "--select", "source:segbatch", "after")
    assert set(built.values()) == {"success", "pass"}
    assert len(built) > 10
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{project}/target/warehouse.duckdb' AS warehouse (READ_ONLY)")
        connection.execute(f"ATTACH '{project}/{OUTPUT}/segbatch.duckdb' AS published (READ_ONLY)")
        paid = """
            SELECT segment_id, members, paid_total FROM warehouse.paying_audiences EXCEPT
            SELECT s.segment_id, s.member_count, coalesce((
                SELECT sum(amount) FROM '../../../sample_data/orders.parquet'
                WHERE status = 'paid' AND contact_id IN (
                    SELECT contact_id FROM published.membership m WHERE m.segment_id = s.segment_id)), 0)
            FROM published.segments s
        """
        assert connection.sql(paid).fetchall() == []
        trend = "SELECT count(*) FROM warehouse.audience_trend WHERE growth IS NULL"
        assert connection.sql(trend).fetchall() == connection.sql("SELECT count(*) FROM published.segments").fetchall()


def test_a_segment_that_failed_is_a_warning_of_dbt(project: Path) -> None:
    dbt("build", "--target", "before", "--select", "before")
    write_segment(project / "../../../sample_data/segments", "broken", {"field": "nowhere", "operator": "exists"})
    publish()
    built = dbt("build", "--select", "source:segbatch", "after")
    assert statuses(built, "accepted_values") == ["warn"]


def test_members_that_are_not_contacts_of_the_snapshot_fail(project: Path) -> None:
    dbt("build", "--target", "before", "--select", "before")
    publish()
    fewer = project / "fewer"
    fewer.mkdir()
    shutil.copy("../../../sample_data/orders.parquet", fewer)
    with duckdb.connect() as connection:
        connection.execute(f"COPY (FROM '{CONTACTS}' LIMIT 100) TO '{fewer}/contacts.parquet'")
    dbt("build", "--target", "before", "--select", "before", CRM_EXPORTS=str(fewer))
    assert statuses(dbt("build", "--select", "after"), "every_member_is_counted") == ["fail"]


def test_runs_that_are_too_old_are_not_fresh(project: Path) -> None:
    dbt("build", "--target", "before", "--select", "before")
    publish()
    page = project / "models/after/audiences.yml"
    page.write_text(page.read_text().replace("{count: 50, period: hour}", "{count: 0, period: minute}"))
    assert dbt("source", "freshness") == {"source.audiences.segbatch.runs": "error"}
