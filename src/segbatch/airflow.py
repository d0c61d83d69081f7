"""An Airflow 3 operator that executes a run.

    >>> from segbatch.airflow import SegbatchOperator  # doctest: +SKIP
    >>> SegbatchOperator(task_id="publish", contacts="/data/contacts.parquet")  # doctest: +SKIP

The run is a separate process of the program, so a DAG file loads only these few modules.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segbatch.interfaces.airflow.operator import SegbatchOperator

__all__ = ["SegbatchOperator"]


def __getattr__(name: str) -> Any:
    """Load the operator, and Airflow with it, when it is first used."""
    if name not in __all__:
        raise AttributeError(f"module 'segbatch.airflow' has no attribute {name!r}")
    from segbatch.interfaces.airflow.operator import SegbatchOperator  # noqa: PLC0415 - loads Airflow

    return SegbatchOperator
