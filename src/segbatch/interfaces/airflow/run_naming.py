"""What a DAG run says of the run that it makes: the moment for which that holds, and its id."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from segbatch.storage.layout import legal_run_id

__all__ = ["moment_of", "run_id_of"]


def moment_of(context: Mapping[str, Any]) -> datetime:
    """Return the moment for which a run holds: the end of the DAG run's data interval.

    A DAG run that has none (triggered by an asset, or by hand without a date) has the moment from which on it was to
    run. Either stays what it is when a task is tried again or cleared.

    Args:
        context: The task's context.
    """
    dag_run = context["dag_run"]
    moment: datetime = dag_run.data_interval_end or dag_run.run_after
    return moment


def run_id_of(context: Mapping[str, Any]) -> str:
    """Return the id of the run that a task makes: that of the DAG run, which stays when it is tried again or cleared.

    The copies of a mapped task have their number behind it.

    Args:
        context: The task's context.
    """
    number = context["ti"].map_index
    return legal_run_id(context["run_id"] if number in {None, -1} else f"{context['run_id']}@{number}")
