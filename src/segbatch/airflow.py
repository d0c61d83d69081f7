"""The Airflow operator, under its public name; see `segbatch.interfaces.airflow`."""

from typing import TYPE_CHECKING, Any

from segbatch.interfaces import airflow

if TYPE_CHECKING:
    from segbatch.interfaces.airflow import SegbatchOperator

__all__ = ["SegbatchOperator"]


def __getattr__(name: str) -> Any:
    """Load the operator, and Airflow with it, when it is first used."""
    return getattr(airflow, name)
