"""Every night in Airflow: wait for the snapshot, publish, check. And a second DAG, which reads what was published.

Copy this file into the folder of your DAGs, and set the names below, here or in the environment of all of Airflow's
programs. docs/airflow.md tells what one sees, and what to do when something went wrong.
"""

import os
import shlex
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.sensors.filesystem import FileSensor
from airflow.sdk import Asset, CronDataIntervalTimetable, dag, task

from segbatch.airflow import SegbatchOperator

NIGHT = "{{ (dag_run.data_interval_end or dag_run.run_after) | ds }}"
"""The day, in UTC, on which the data interval ends. (`{{ ds }}` is when it begins, and undefined without one.)"""

SNAPSHOT = os.environ.get("AUDIENCES_SNAPSHOT", f"/data/contacts/{NIGHT}.parquet")
SEGMENTS = os.environ.get("AUDIENCES_SEGMENTS", "/data/segments")
OUTPUT = os.environ.get("AUDIENCES_OUTPUT", "/data/audiences")
TIMEZONE = os.environ.get("AUDIENCES_TIMEZONE", "UTC")
SCHEDULE = os.environ.get("AUDIENCES_SCHEDULE", "0 2 * * *")
POLL_SECONDS = float(os.environ.get("AUDIENCES_POLL_SECONDS", "60"))
REWIND = "{{ var.value.get(dag.dag_id ~ '_rewind', 'false') }}"
"""Set the variable `audiences_rewind` of Airflow's to `true` for as long as you redo older nights; docs/airflow.md
tells how. It is named after the DAG, so that a copy of another name has its own."""

AUDIENCES = Asset("audiences")

ENTERED = """
    SELECT segment_id, count(*) FROM membership_changes WHERE run_id = ? AND change = 'entered' GROUP BY ALL ORDER BY 1
"""


@dag(
    schedule=CronDataIntervalTimetable(SCHEDULE, timezone=TIMEZONE),
    start_date=datetime(2025, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,  # one night after the other
    default_args={"retries": 2},
    tags=["segbatch"],
)
def audiences() -> None:
    """Publish the audiences of a night."""
    wait = FileSensor(
        task_id="wait_for_snapshot",
        filepath=SNAPSHOT,
        deferrable=True,  # it is Airflow's triggerer that waits, and no worker
        poke_interval=POLL_SECONDS,
        timeout=timedelta(hours=6),
    )
    publish = SegbatchOperator(
        task_id="publish",
        contacts=SNAPSHOT,
        segments=SEGMENTS,
        output_dir=OUTPUT,
        timezone=TIMEZONE,
        rewind=REWIND,
        on_partial="warn",  # one broken segment stops nobody who reads the others; `all_segments_are_well` tells of it
        outlets=[AUDIENCES],
        execution_timeout=timedelta(hours=2),
    )
    verify = BashOperator(
        task_id="verify",
        bash_command=shlex.join([sys.executable, "-m", "segbatch", "verify", "--output", OUTPUT]),
    )

    @task(retries=0)
    def all_segments_are_well(run: Any) -> None:
        broken = run["segments_failed"] + run["segments_held"]
        if broken:
            raise ValueError(
                f"segments that failed or were held, and keep their members: {broken}; see the log of 'publish'"
            )

    wait >> publish >> verify
    all_segments_are_well(publish.output)


@dag(schedule=[AUDIENCES], start_date=datetime(2025, 1, 1, tzinfo=UTC), tags=["segbatch"])
def after_audiences() -> None:
    """Read what was published, as soon as it is."""

    @task
    def count_who_entered(triggering_asset_events: Any = None) -> dict[str, Any]:
        import duckdb

        run = triggering_asset_events[AUDIENCES][-1].extra
        with duckdb.connect(run["catalogue"], read_only=True) as connection:
            entered = dict(connection.execute(ENTERED, [run["run_id"]]).fetchall())
        # The members as such are in run["membership"], a folder of Parquet files that belongs to this run alone.
        return {"run_id": run["run_id"], "entered": entered}

    count_who_entered()


audiences()
after_audiences()
