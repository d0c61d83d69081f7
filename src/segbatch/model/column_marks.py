"""Marks on the columns of a run: the places that show a column, in addition to the `runs` table.

A field of `RunRecord` (in `model/manifest.py`) that is `Annotated` with a mark appears there. No other module lists the
columns of a run.
Airflow gets every column that is a count, from the report of the run: its package must not import pydantic.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from pydantic import BaseModel

_Mark = TypeVar("_Mark")


@dataclass(frozen=True, slots=True)
class Total:
    """The column is in the log line of the evaluated run."""


@dataclass(frozen=True, slots=True)
class HookVariable:
    """Hooks get the column as an environment variable."""

    name: str


@dataclass(frozen=True, slots=True)
class Gauge:
    """The column is a Prometheus metric.

    Attributes:
        name: The name of the metric. Columns that share a name differ in their labels.
        help: The description in the metrics file.
        labels: The labels of this column, in addition to `output`.
    """

    name: str
    help: str
    labels: Mapping[str, str] = field(default_factory=dict)


def columns_with(model: "type[BaseModel]", mark: type[_Mark]) -> dict[str, _Mark]:
    """Return the columns that have a mark of a type, in the order of their declaration."""
    return {
        name: found
        for name, column in model.model_fields.items()
        for found in column.metadata
        if isinstance(found, mark)
    }
