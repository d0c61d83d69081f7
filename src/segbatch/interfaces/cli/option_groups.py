"""Groups of options that several commands have. A command gets each group as one value."""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_args

from segbatch.definitions.source import Source
from segbatch.interfaces.cli import options
from segbatch.snapshot.related.sources import read_tables


@dataclass(frozen=True, slots=True)
class OptionGroup:
    """Options that a command gets as one value.

    Attributes:
        options: The type and the default of each option, by name.
        read: Converts the values of the options, by name, to the value that the command gets.
    """

    options: Mapping[str, tuple[Any, object]]
    read: Callable[[dict[str, Any]], Any]

    def without(self, *names: str) -> "OptionGroup":
        """Return the group without some options."""
        return OptionGroup({name: one for name, one in self.options.items() if name not in names}, self.read)


def expand_groups(function: Any) -> Any:
    """Replace each parameter of a command that is annotated with an option group by the options of the group."""
    signature = inspect.signature(function, eval_str=True)
    groups = {name: group for name, parameter in signature.parameters.items() if (group := _group_of(parameter))}
    parameters = list[inspect.Parameter]()
    for parameter in signature.parameters.values():
        group = groups.get(parameter.name)
        parameters += _expand(group) if group else [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)]

    @functools.wraps(function)
    def command(**values: Any) -> Any:
        for name, group in groups.items():
            values[name] = group.read({option: values.pop(option) for option in group.options})
        return function(**values)

    command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return command


def _group_of(parameter: inspect.Parameter) -> OptionGroup | None:
    return next((one for one in get_args(parameter.annotation) if isinstance(one, OptionGroup)), None)


def _expand(group: OptionGroup) -> list[inspect.Parameter]:
    return [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in group.options.items()
    ]


def _read_source(given: dict[str, Any]) -> Source:
    return Source.of(given["segments"], given["exclude"] or ())


def _read_filter(given: dict[str, Any]) -> Any:
    from segbatch.definitions.segment_filter import SegmentFilter  # noqa: PLC0415 - loads pydantic

    return SegmentFilter(*(given[name] or () for name in FILTER.options))


def _read_tables(given: dict[str, Any]) -> Any:
    return read_tables(*(given[name] or () for name in TABLES.options))


def _read_evaluation(given: dict[str, Any]) -> dict[str, Any]:
    """Return keyword arguments; if the command has the options of related tables, one of them is the tables."""
    if not TABLES.options.keys() <= given.keys():
        return given
    tables = _read_tables(given)
    return {name: value for name, value in given.items() if name not in TABLES.options} | {"tables": tables}


_Texts = list[str] | None

SOURCE = OptionGroup(
    {
        "segments": (Annotated[Path, options.SEGMENTS], Path("segments")),
        "exclude": (Annotated[_Texts, options.EXCLUDE], None),
    },
    _read_source,
)
"""The definitions, as a `Source`."""

FILTER = OptionGroup(
    {
        "only_segments": (Annotated[_Texts, options.ONLY_SEGMENTS], None),
        "only_tags": (Annotated[_Texts, options.ONLY_TAGS], None),
        "only_owners": (Annotated[_Texts, options.ONLY_OWNERS], None),
    },
    _read_filter,
)
"""The selected segments, as a `SegmentFilter`."""

TABLES = OptionGroup(
    {
        "table": (Annotated[_Texts, options.TABLE], None),
        "table_contact": (Annotated[_Texts, options.TABLE_CONTACT], None),
        "table_time": (Annotated[_Texts, options.TABLE_TIME], None),
    },
    _read_tables,
)
"""The related tables, as a `TableSource` for each name."""

EVALUATION = OptionGroup(
    {
        "id_column": (Annotated[str, options.ID_COLUMN], "id"),
        "custom_fields": (Annotated[str | None, options.CUSTOM_FIELDS], None),
        "lists": (Annotated[Path | None, options.LISTS], None),
        **TABLES.options,
        "project": (Annotated[str | None, options.PROJECT], None),
        "as_of": (Annotated[str | None, options.AS_OF], None),
        "timezone": (Annotated[str, options.TIMEZONE], "UTC"),
        "strict": (Annotated[bool, options.STRICT], False),
    },
    _read_evaluation,
)
"""The options of all evaluations, as keyword arguments of functions such as `segbatch.preview`."""

ENGINE = OptionGroup(
    {
        "engine": (Annotated[str, options.ENGINE], "local"),
        "spark_remote": (Annotated[str | None, options.SPARK_REMOTE], None),
        "buckets": (Annotated[int | None, options.BUCKETS], None),
    },
    dict,
)
"""The machines that evaluate a run, as keyword arguments of `segbatch.run`."""

_STRENGTHS = ("COMMANDLINE", "ENVIRONMENT", "DEFAULT_MAP", "DEFAULT")
"""The origins of values, each before those that it overrides. The default map has the values of the settings file."""


def settle_engine(context: Any, given: dict[str, Any]) -> dict[str, Any]:
    """Return the values of `ENGINE`, without those for a cluster whose origin a local engine overrides.

    So `--engine local` evaluates a job here that has an engine and a server in the settings file.
    """
    strengths = {name: _STRENGTHS.index(context.get_parameter_source(name).name) for name in given}
    if given["engine"] != "local":
        return given
    return {name: value if strengths[name] <= strengths["engine"] else None for name, value in given.items()}
