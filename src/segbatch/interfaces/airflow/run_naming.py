"""The evaluation time and the id that a run gets from its DAG run."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from segbatch.storage.layout import to_run_id


def moment_of(context: Mapping[str, Any]) -> datetime:
    """Return the time that a run is evaluated as of: the end of the DAG run's data interval.

    A DAG run without an interval (triggered by an asset, or by hand without a date) uses the time after which it was
    scheduled to run. Both stay the same when a task is retried or cleared.

    Args:
        context: The context of the task.
    """
    dag_run = context["dag_run"]
    moment: datetime = dag_run.data_interval_end or dag_run.run_after
    return moment


def run_id_of(context: Mapping[str, Any]) -> str:
    """Return the id of a task's run: the id of the DAG run, which stays the same when it is retried or cleared.

    For mapped tasks, the number of the copy is appended.

    Args:
        context: The context of the task.
    """
    number = context["ti"].map_index
    return to_run_id(context["run_id"] if number in {None, -1} else f"{context['run_id']}@{number}")
