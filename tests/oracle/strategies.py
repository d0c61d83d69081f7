"""Hypothesis strategies for whole cases: a table, the segments of a run over it, its time zone and moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from . import pools
from .contacts import tables
from .definitions import definitions, runs
from .fields import Form, Snapshot
from .pools import ALL, TEN, schema

if TYPE_CHECKING:
    from datetime import datetime

    import pyarrow as pa
    from hypothesis.strategies import DrawFn

    from .evaluator import Options

__all__ = ["ALL", "TEN", "Case", "as_ofs", "cases", "definitions", "runs", "schema", "tables", "timezones"]


@dataclass(frozen=True)
class Case:
    """One run to compare.

    Attributes:
        table: The contacts.
        segments: The definitions, by id.
        options: What else the run is told, as the evaluator's functions take it.
    """

    table: pa.Table
    segments: dict[str, dict[str, Any]]
    options: Options


def timezones() -> st.SearchStrategy[str]:
    """Draw an IANA time zone."""
    return st.sampled_from(pools.TIMEZONES)


def as_ofs() -> st.SearchStrategy[datetime]:
    """Draw a run's moment, often near a change of the clocks."""
    return st.sampled_from(pools.AS_OFS)


@st.composite
def cases(draw: DrawFn, operators: tuple[str, ...] = ALL, form: Form = "struct") -> Case:
    """Draw a run: its contacts first, so that the segments fit what they hold."""
    table = draw(tables(form))
    options: Options = {
        "timezone": draw(timezones()),
        "as_of": draw(as_ofs()),
        "custom_fields_form": form,
        "lists": pools.LISTS,
        "cells": {name: table[name].to_pylist() for name in table.column_names},
    }
    snapshot = Snapshot.of(table.schema, form, options["cells"])
    segments = draw(runs(snapshot, operators))
    options["segments"] = segments
    return Case(table, segments, options)
