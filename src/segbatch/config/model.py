"""Models of the settings: the settings that exist, and the values allowed in the file and in the environment."""

import glob
import math
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, AliasGenerator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from segbatch.cluster.engine_names import MOST_BUCKETS, read_engine, read_spark_remote
from segbatch.config.destinations import Destinations
from segbatch.config.env_vars import variable
from segbatch.definitions.source import read_patterns
from segbatch.errors import UsageError
from segbatch.model.share import read_share
from segbatch.observability.hooks import MIN_HOOK_TIMEOUT
from segbatch.observability.log import read_log_format
from segbatch.platform.database_url import is_database_url, resolve_database_url
from segbatch.platform.urls import is_url
from segbatch.snapshot.lakehouse.address import DELTA, is_table_address
from segbatch.snapshot.related.sources import sources_of
from segbatch.storage.keep import FEWEST


def _relative_to_file(written: str, info: ValidationInfo) -> str:
    return _resolve_path(info.context, written) if isinstance(info.context, Path) else written


def _pattern_relative_to_file(written: str, info: ValidationInfo) -> str:
    return _resolve_pattern(info.context, written) if isinstance(info.context, Path) else written


def _as_text(written: Any) -> Any:
    """Accept a number for a share, which the option takes as text."""
    return repr(written) if isinstance(written, int | float) and not isinstance(written, bool) else written


def _share(written: str) -> str:
    try:
        read_share(written)
    except UsageError as error:
        raise ValueError(str(error).removesuffix(" (--max-change)")) from None
    return written


def _log_format(written: str) -> str:
    try:
        return read_log_format(written)
    except UsageError as error:
        raise ValueError(str(error).removesuffix(" (--log-format)")) from None


def _engine(written: str) -> str:
    try:
        return read_engine(written)
    except UsageError as error:
        raise ValueError(str(error).removesuffix(" (--engine)")) from None


def _spark_remote(written: str) -> str:
    try:
        return read_spark_remote(written)
    except UsageError as error:
        raise ValueError(str(error).removesuffix(" (--spark-remote)")) from None


def _split(written: Any) -> Any:
    return written.split() if isinstance(written, str) else written


def _globs(written: list[str]) -> list[str]:
    try:
        read_patterns(written)
    except UsageError as error:
        raise ValueError(str(error).removesuffix(" (--exclude)")) from None
    return written


def _without_nul(written: str) -> str:
    if "\0" in written:
        raise ValueError("has a NUL in it, which no path, no command and no name can have; remove it")
    return written


Text = Annotated[str, Field(min_length=1), AfterValidator(_without_nul)]
Place = Annotated[Text, AfterValidator(_relative_to_file), Field(json_schema_extra={"format": "path"})]
Pattern = Annotated[Text, AfterValidator(_pattern_relative_to_file), Field(json_schema_extra={"format": "path"})]
Share = Annotated[Text, BeforeValidator(_as_text), AfterValidator(_share)]
Engine = Annotated[Text, AfterValidator(_engine)]
SparkRemote = Annotated[Text, AfterValidator(_spark_remote)]
LogFormat = Annotated[Text, AfterValidator(_log_format)]
Names = Annotated[list[Text], NoDecode]
Patterns = Annotated[list[Text], NoDecode, AfterValidator(_globs)]


class Table(BaseModel):
    """The settings of a related table."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    path: Pattern
    contact: Text | None = None
    time: Text | None = None


def _named_tables(written: dict[str, Table]) -> dict[str, Table]:
    try:
        sources_of(dict.fromkeys(written, ""))
    except UsageError as error:
        raise ValueError(str(error).removesuffix(" (tables)")) from None
    return written


class Job(BaseModel):
    """The settings of a job, or of all jobs at the top of the file. Settings that are not set are None."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    contacts: Pattern | None = Field(
        None, description="the snapshot: a Parquet file, a folder of them, a glob, a table, or a database"
    )
    query: Text | None = Field(None, description="the query for the contacts, if `contacts` is a database")
    schema_file: Place | None = Field(None, description="the file with the expected fields of the snapshot")
    segments: Place | None = Field(None, description="a JSON file of segment definitions, or a folder of such files")
    exclude: Patterns | None = Field(None, description="files and folders below `segments` that are not read, as globs")
    output: Place | None = Field(None, description="the folder that runs publish in")
    id_column: Text | None = Field(None, description="the column with the contacts' ids")
    custom_fields: Text | None = Field(None, description="the column that definitions call `custom_fields`")
    lists: Place | None = Field(None, description="the folder of the lists that rules name")
    tables: Annotated[dict[str, Table], AfterValidator(_named_tables)] | None = Field(
        None, description="related tables by name, each with a `path`, and `contact` and `time` columns"
    )
    project: Text | None = Field(None, description="only the segments of this project, and its contacts alone")
    only_segments: Names | None = Field(None, description="only these segments, and those that they refer to, by id")
    only_tags: Names | None = Field(None, description="only the segments that have one of these tags")
    only_owners: Names | None = Field(None, description="only the segments of these owners")
    timezone: Text | None = Field(None, description="the time zone of calendar days and of times without an offset")
    strict: bool | None = Field(None, description="whether a custom field that no contact has is an error")
    engine: Engine | None = Field(
        None, description="where a run is evaluated: `local` or `spark` ([On Spark](spark.md))"
    )
    spark_remote: SparkRemote | None = Field(None, description="the Spark Connect server, `sc://HOST:PORT`")
    buckets: int | None = Field(
        None, ge=1, le=MOST_BUCKETS, description="the number of parts that contacts are divided into on Spark"
    )
    allow_empty: bool | None = Field(None, description="whether a snapshot without contacts may be published")
    max_change: Share | None = Field(None, description='how much a segment\'s size may change, such as `"30%"`')
    max_change_floor: int | None = Field(None, ge=0, description="segments with fewer members are not guarded")
    allow_collapse: bool | None = Field(
        None, description="whether a segment that had more members than the floor may have none"
    )
    keep: int | None = Field(None, ge=FEWEST, description="the number of last runs that keep their members")
    keep_days: float | None = Field(None, ge=0, lt=math.inf, description="also keep runs published in the last N days")
    wait: bool | None = Field(None, description="whether to wait while another run is at work on the output")
    quiet: bool | None = Field(None, description="whether to print only warnings and errors")
    log_format: LogFormat | None = Field(None, description="the format of a run's log on stderr: `plain` or `json`")
    log_ids: bool | None = Field(None, description="whether logs and hooks may name the ids of contacts")
    on_success: Text | None = Field(None, description="a shell command to run if all segments were published")
    on_failure: Text | None = Field(None, description="a shell command to run after any other run")
    hook_timeout: float | None = Field(
        None, ge=MIN_HOOK_TIMEOUT, lt=math.inf, description="the time limit of such a command in seconds"
    )
    deliver: bool | None = Field(
        None, description="whether a run then sends changes to the [destinations](destinations.md)"
    )
    metrics_file: Place | None = Field(None, description="the file to write metrics for Prometheus to")
    metrics_segments: bool | None = Field(None, description="whether each segment has metrics of its own")
    dialect: Text | None = Field(None, description="the database that `segbatch sql` writes for")
    lint_ignore: Names | None = Field(None, description="findings that `lint`, `check` and `run` leave out, by name")
    keys: Place | None = Field(None, description="the file with the API's keys")
    serve_host: Text | None = Field(None, description="the name or address that `segbatch serve` listens on")
    serve_port: int | None = Field(None, ge=0, le=65_535, description="the port that it listens on; 0 for a free one")


class FileJob(Job):
    """The settings of a job in the file, with those that are too long for an option or a variable."""

    destinations: Destinations | None = None


class ConfigFile(FileJob):
    """All of segbatch.toml."""

    jobs: dict[str, FileJob] = {}


class Environment(Job, BaseSettings):
    """The settings of the environment, and the options of a single run in it."""

    model_config = SettingsConfigDict(
        strict=False,
        case_sensitive=True,
        env_ignore_empty=True,
        alias_generator=AliasGenerator(validation_alias=variable),
    )

    exclude: Annotated[Patterns, BeforeValidator(_split)] | None = None
    lint_ignore: Annotated[Names, BeforeValidator(_split)] | None = None
    tables: Annotated[Names, BeforeValidator(_split)] | None = None  # type: ignore[assignment]
    table_contact: Annotated[Names, BeforeValidator(_split)] | None = None
    table_time: Annotated[Names, BeforeValidator(_split)] | None = None
    only_segments: Annotated[Names, BeforeValidator(_split)] | None = None
    only_tags: Annotated[Names, BeforeValidator(_split)] | None = None
    only_owners: Annotated[Names, BeforeValidator(_split)] | None = None
    as_of: Text | None = None
    run_id: Text | None = None


def _resolve_path(folder: Path, written: str) -> str:
    """Return a path of the settings file, resolved from the folder of the file.

    Args:
        written: The value in the file: a path, which may start with `~`, or an address such as `s3://bucket/key`. An
            address is returned unchanged, except the path in `delta+PATH` and of a SQLite file.
    """
    if written.startswith(DELTA):
        return DELTA + _resolve_path(folder, written.removeprefix(DELTA))
    if is_database_url(written):
        return resolve_database_url(folder, written)
    return written if is_url(written) else str(folder / _expanded(written))


def _resolve_pattern(folder: Path, written: str) -> str:
    """Resolve a value that may be a glob in the same way. Glob characters in the folder's own name are escaped."""
    if glob.has_magic(written) and not is_url(written) and not is_table_address(written):
        return str(Path(glob.escape(str(folder))) / _expanded(written))
    return _resolve_path(folder, written)


def _expanded(written: str) -> Path:
    try:
        return Path(written).expanduser()
    except RuntimeError:  # the home directory is not known
        return Path(written)
