"""The operator that executes a run."""

import logging
import os
import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

from airflow.sdk import Asset, BaseOperator

from segbatch.interfaces.airflow.arguments import (
    LIST_OPTIONS,
    TEXT_OPTIONS,
    check_arguments,
    evaluation_time,
    explain_options,
    parse_names,
    parse_options,
    parse_switch,
    parse_tables,
    task_run_id,
    text_options,
)
from segbatch.interfaces.airflow.program import (
    INSTALLED_PROGRAM,
    LogLine,
    ProcessResult,
    Program,
    explain_start_error,
    run_facts,
    segment_errors,
    summary,
)
from segbatch.platform.urls import redact_argument

if TYPE_CHECKING:
    from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
else:
    try:
        from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
    except ImportError:  # Airflow 3.0 and 3.1
        from airflow.exceptions import AirflowException, AirflowFailException, AirflowSkipException

OnPartial = Literal["fail", "warn", "succeed"]

_PUBLISHED, _WRONG_USAGE, _PARTIAL, _LOCKED = 0, 2, 3, 75
_MOST_SHOWN = 5
_TROUBLE = {"segment_failed", "segment_held"}
_SEGMENT_LEVEL = {"fail": logging.ERROR, "warn": logging.WARNING, "succeed": logging.INFO}


class ArgumentError(AirflowFailException, ValueError):
    """An argument that is not valid: an error of the DAG. In a task, Airflow does not retry it."""


class SegbatchOperator(BaseOperator):
    """Runs `segbatch run`: evaluates all segments over a snapshot and publishes the membership.

    The run is evaluated as of the end of the data interval and has the id of the DAG run. A task that is retried or
    cleared therefore replaces its earlier run instead of adding one.

    The result of the task contains the totals, the changes and the paths of the run, as listed in `docs/airflow.md`.
    The event of each `Asset` in `outlets` has them as `extra`.

    Args:
        contacts: A Parquet file, a folder of them, or a glob. This argument, and the others without a stated default,
            have the defaults of the command line.
        segments: A JSON file of definitions, or a folder of such files.
        output_dir: The folder to publish in. (In Airflow, `output` is the result of a task.)
        tables: The related tables by name: each a path, or a dict with `path`, `contact` and `time`.
        lists: The folder of the lists that rules name.
        schema: The schema file that the snapshot is compared with.
        project: Evaluate only the segments of this project, over its contacts.
        timezone: The IANA name of the run's time zone.
        as_of: Evaluate as of this time. By default the end of the data interval; if the DAG run has none, the time
            after which it was scheduled to run.
        run_id: The id of the run. By default the id of the DAG run, followed by `@` and the number for a mapped task.
        rewind: Roll back runs with a later `as_of`, as needed to clear a task of an earlier date. Text such as `true`
            is accepted.
        allow_collapse: Accept segments that become empty although they had more members than the floor. Text such as
            `true` is accepted.
        lint_ignore: The names of lint findings to leave out of the warnings: a list, or a string with spaces between
            them.
        only_segments: Evaluate only the segments with these ids, and those that they refer to; the others keep their
            members. This and the next two arguments are lists, or strings with spaces between the names.
        only_tags: Evaluate only segments that have one of these tags.
        only_owners: Evaluate only segments of these owners. (In Airflow, `owner` is the owner of the task.)
        options: Options of `segbatch run` that have no argument here: a list of strings, or a string as on the command
            line.
        on_partial: The result of the task if the run was published but segments failed or were held back: `fail`
            (without a retry, which would change nothing), `warn` in the log, or `succeed`.
        program: The command that starts the program; by default the one installed together with Airflow.
        env: Variables to add to the program's environment.
        cwd: The working directory of the program, which its paths are relative to; by default the worker's.
        **kwargs: Arguments of every operator.

    Raises:
        ArgumentError: An argument is not valid and not a template, such as `options` with numbers.
    """

    template_fields: Sequence[str] = (
        "contacts",
        "segments",
        "output_dir",
        "tables",
        "lists",
        "schema",
        "project",
        "timezone",
        "as_of",
        "run_id",
        "rewind",
        "allow_collapse",
        "lint_ignore",
        "only_segments",
        "only_tags",
        "only_owners",
        "options",
        "env",
        "cwd",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = dict.fromkeys(
        ("tables", "lint_ignore", "only_segments", "only_tags", "only_owners", "options", "env"), "json"
    )
    ui_color = "#d8e8df"

    def __init__(
        self,
        *,
        contacts: str | None = None,
        segments: str | None = None,
        output_dir: str | None = None,
        tables: Mapping[str, str | Mapping[str, str]] | None = None,
        lists: str | None = None,
        schema: str | None = None,
        project: str | None = None,
        timezone: str | None = None,
        as_of: str | None = None,
        run_id: str | None = None,
        rewind: bool | str = False,
        allow_collapse: bool | str = False,
        lint_ignore: str | Sequence[str] = (),
        only_segments: str | Sequence[str] = (),
        only_tags: str | Sequence[str] = (),
        only_owners: str | Sequence[str] = (),
        options: str | Sequence[str] = (),
        on_partial: OnPartial = "fail",
        program: str | os.PathLike[str] | Sequence[str] = INSTALLED_PROGRAM,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.contacts = contacts
        self.segments = segments
        self.output_dir = output_dir
        self.tables = tables
        self.lists = lists
        self.schema = schema
        self.project = project
        self.timezone = timezone
        self.as_of = as_of
        self.run_id = run_id
        self.rewind = rewind
        self.allow_collapse = allow_collapse
        self.lint_ignore = lint_ignore
        self.only_segments = only_segments
        self.only_tags = only_tags
        self.only_owners = only_owners
        self.options = options
        self.env = env
        self.cwd = cwd
        self.program = [str(program)] if isinstance(program, (str, os.PathLike)) else [str(word) for word in program]
        self.on_partial = on_partial
        if on_partial not in get_args(OnPartial):
            raise ArgumentError(f"on_partial is {on_partial!r}; use 'fail', 'warn' or 'succeed'")
        self._check(is_rendered=False)
        self._running: Program | None = None

    def execute(self, context: Any) -> dict[str, Any]:
        """Execute the run.

        Args:
            context: The context of the task.

        Returns:
            The counts and paths of the run.

        Raises:
            AirflowFailException: A retry would change nothing: wrong usage, wrong definitions, or `on_partial`.
            AirflowSkipException: It was a dry run, so downstream tasks have nothing to do.
            AirflowException: The snapshot cannot be used, another run is active, or this run was terminated.
        """
        self._check(is_rendered=True)
        command = [*self.program, "run", "--json", "--log-format=json", *self._arguments(context)]
        self.log.info("%s", shlex.join(map(redact_argument, command)))
        self._running = Program(command)
        try:
            ended = self._running.run(self.env or {}, self.cwd, self._log_line)
        except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
            raise AirflowFailException(explain_start_error(error, self.program[0], self.cwd)) from None
        if ended.status not in {_PUBLISHED, _PARTIAL} or ended.answer is None:
            raise _error(ended)
        return self._published(ended.answer, context)

    def on_kill(self) -> None:
        """Terminate the run within two seconds and leave nothing behind."""
        if self._running is not None:
            self._running.stop()

    def _log_line(self, line: LogLine) -> None:
        """Write a line of the program's output to the log of the task."""
        level = _SEGMENT_LEVEL[self.on_partial] if line.event in _TROUBLE else line.level
        self.log.log(level, "%s", line.text)

    def _arguments(self, context: Any) -> list[str]:
        """Return the options of the command line."""
        as_of = self.as_of or evaluation_time(context).isoformat()
        from_context = {"as_of": as_of, "run_id": self.run_id or task_run_id(context)}
        given = text_options({name: getattr(self, name) for name in TEXT_OPTIONS} | from_context)
        switches = {
            "--rewind": parse_switch("rewind", self.rewind),
            "--allow-collapse": parse_switch("allow_collapse", self.allow_collapse),
        }
        names = [name for name, is_set in switches.items() if is_set]
        lists = [
            f"{option}={value}"
            for name, option in LIST_OPTIONS.items()
            for value in parse_names(name, getattr(self, name))
        ]
        return [*given, *names, *lists, *parse_tables(self.tables), *parse_options(self.options)]

    def _check(self, *, is_rendered: bool) -> None:
        """Raise an error if the program cannot be called with the arguments."""
        try:
            check_arguments({name: getattr(self, name) for name in self.template_fields}, is_rendered=is_rendered)
        except ValueError as error:
            raise ArgumentError(str(error)) from None

    def _published(self, report: Mapping[str, Any], context: Any) -> dict[str, Any]:
        """Log a published run and return its facts.

        Raises:
            AirflowSkipException: It was a dry run.
            AirflowFailException: Segments failed or were held back, and `on_partial` is `fail`.
        """
        facts, trouble = run_facts(report, self.cwd), segment_errors(report)
        self.log.info("%s", summary(facts, report))
        if report["dry_run"]:
            self._push(facts, context)
            raise AirflowSkipException("dry run: nothing was published")
        for asset in self.outlets:
            if isinstance(asset, Asset):
                context["outlet_events"][asset].extra.update(facts)
        if facts["status"] == "partial" and self.on_partial == "fail":
            self._push(facts, context)
            raise AirflowFailException(
                f"published, but {_first_of(trouble)}; the task fails because on_partial is 'fail'"
            )
        return facts

    def _push(self, facts: dict[str, Any], context: Any) -> None:
        """Push the facts as the task's result before an exception, because nothing is returned then."""
        if self.do_xcom_push:
            context["ti"].xcom_push(key="return_value", value=facts)


def _error(ended: ProcessResult) -> AirflowException:
    """Return the exception for a run that published nothing. Airflow retries only if that can help."""
    errors = _first_of(ended.errors)
    if ended.status == _WRONG_USAGE:
        return AirflowFailException(f"rejected, and not retried: {errors}{explain_options(errors)}")
    if ended.status == _LOCKED:
        return AirflowException(f"another run is active; nothing was published: {errors}{explain_options(errors)}")
    if ended.signal:
        out_of_memory = " (often out of memory)" if ended.signal == "SIGKILL" else ""
        return AirflowException(f"the run was terminated by {ended.signal}{out_of_memory}: {errors}")
    return AirflowException(f"exit status {ended.status}: {errors}{explain_options(errors)}")


def _first_of(messages: Sequence[str]) -> str:
    """Join the first few messages, with the number of the others."""
    more = len(messages) - _MOST_SHOWN
    shown = "; ".join(messages[:_MOST_SHOWN]) or "see the log"
    return f"{shown}; and {more:,} more in the log" if more > 0 else shown
