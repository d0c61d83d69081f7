"""Resolution of settings that no option sets: file, job and environment; their list, with the origin of each value."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segbatch.config.env_vars import CHOICES, FILE, OF_KUBERNETES, OTHERS, PREFIX, variable
from segbatch.errors import ConfigurationError, Problem, SegbatchError, UsageError
from segbatch.platform.portability import HAS_USERS
from segbatch.platform.urls import redact_argument, redact_url
from segbatch.text import clipped, did_you_mean, nearest, some_of

if TYPE_CHECKING:
    from segbatch.config.model import ConfigFile

_OF_A_JOB = ("contacts", "segments", "output")
"""Settings that define a job. If jobs set one and no job is selected, its default would be wrong."""

_ROOT = 0

_DEFAULT = "default"
_NOT_SET = "not set"


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of the file and the environment.

    Attributes:
        values: The values that are set, by name of the setting.
        origins: The origin of each value: `segbatch.toml: jobs.customers.output`, or `SEGBATCH_OUTPUT`.
        file: The file that was read, if any.
        job: The selected job, if any.
        jobs: The jobs in the file.
        undecided: Settings that only jobs set, while no job is selected.
        warnings: Variables that have the prefix of settings but are unknown.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)
    file: Path | None = None
    job: str | None = None
    jobs: tuple[str, ...] = ()
    undecided: frozenset[str] = frozenset()
    warnings: tuple[Problem, ...] = ()

    def get(self, name: str) -> Any:
        """Return the value of a setting, or None.

        Raises:
            UsageError: Only jobs set it, and no job is selected.
        """
        if name in self.undecided:
            raise UsageError(
                f"{self.file}: '{name}' is set only in jobs: {some_of(self.jobs)}; "
                f"choose one with --job or {variable('job')}"
            )
        return self.values.get(name)


def read_settings(*, job: str | None = None, config: str | None = None, no_config: bool = False) -> Settings:
    """Read the settings file and the environment.

    Args:
        job: The job of the file to use.
        config: The file; by default the nearest segbatch.toml in this folder or a parent.
        no_config: Do not read a file.

    Raises:
        ConfigurationError: The file or a variable is not valid.
        UsageError: The job does not exist, or the path of the file is empty.
    """
    path = _choose(config, no_config=no_config)
    variables = {name for name in os.environ if name.startswith(PREFIX) and not OF_KUBERNETES.fullmatch(name)}
    if path is None and job is not None:
        why = "is not read because of --no-config" if no_config else "is neither in this folder nor above it"
        raise UsageError(f"the job '{clipped(redact_url(job))}' is not defined: {FILE} {why} ({_named_by(job)})")
    if path is None and not variables:
        return Settings()  # pydantic is not needed then
    from segbatch.config.model import ConfigFile, Environment  # noqa: PLC0415 - loads pydantic-settings
    from segbatch.config.settings_file import read_environment, read_file  # noqa: PLC0415 - loads it too

    written = read_file(path) if path else ConfigFile()
    in_file = dict(_settings_in_file(written, path, job))
    environment = read_environment().model_dump(exclude_none=True)
    values = {name: value for name, (value, _) in in_file.items()} | environment
    known = [variable(name) for name in (*Environment.model_fields, *CHOICES)]
    return Settings(
        values=values,
        origins={name: variable(name) if name in environment else in_file[name][1] for name in values},
        file=path,
        job=job,
        jobs=tuple(written.jobs),
        undecided=_undecided(written, job) - values.keys(),
        warnings=tuple(_unknown(variables.difference(known, OTHERS), known)),
    )


def salvage_settings(
    *, job: str | None = None, config: str | None = None, no_config: bool = False
) -> Mapping[str, Any]:
    """Return the valid settings after `read_settings` failed. They are needed to report the failure to hooks and logs.

    Args:
        job: The job of the file to use.
        config: The file; by default the nearest one.
        no_config: Do not read a file.

    Returns:
        The settings of the file if it is valid and has the job. Variables override them, as unvalidated text.
    """
    from segbatch.config.model import Environment  # noqa: PLC0415 - loads pydantic-settings
    from segbatch.config.settings_file import read_file  # noqa: PLC0415 - loads it too

    known: dict[str, Any] = {}
    with suppress(SegbatchError):
        path = _choose(config, no_config=no_config)
        written = read_file(path) if path else None
        known = {name: value for name, (value, _) in _settings_in_file(written, path, job)} if written else {}
    return known | {name: text for name in Environment.model_fields if (text := os.environ.get(variable(name)))}


def find_file() -> Path | None:
    """Return the nearest segbatch.toml in this folder or a parent, as a relative path; None if not found.

    Raises:
        ConfigurationError: The file is owned by another user.
    """
    try:
        here = Path.cwd()
    except OSError:  # the folder has been deleted
        return None
    for steps, folder in enumerate((here, *here.parents)):
        if os.path.lexists(folder / FILE):
            path = Path(*[os.pardir] * steps, FILE)
            _ensure_trusted(path)
            return path
    return None


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """An effective setting.

    Attributes:
        name: The name of the setting, as in the file.
        value: The value; None if it has no value.
        origin: The place in the file, the variable or the option that sets it; or `default`, or `not set`.
    """

    name: str
    value: Any
    origin: str


def list_settings(
    settings: Settings, defaults: Mapping[str, Any], choices: Mapping[str, str]
) -> Sequence[ShownSetting]:
    """Return the selected file and job, then every setting.

    Args:
        defaults: The defaults of the commands, by name of the setting.
        choices: The origin of `config` and `job`, if they are set.
    """
    from segbatch.config.model import Environment  # noqa: PLC0415 - loads pydantic-settings

    chosen = {"config": None if settings.file is None else str(settings.file), "job": settings.job}
    found = "found" if settings.file else _NOT_SET
    rows = [
        ShownSetting(name, chosen[name], choices.get(name, found if name == "config" else _NOT_SET)) for name in chosen
    ]
    shown = (_shown_setting(name, settings, defaults.get(name)) for name in Environment.model_fields)
    return (*rows, *shown, *_destinations(settings))


def _ensure_trusted(path: Path) -> None:
    """Check the owner of a file that was found and not named by the user.

    Any user can create a file in /tmp, which would then decide where runs write.

    Raises:
        ConfigurationError: The owner is not this user, root or the owner of the working directory.
    """
    if not HAS_USERS:
        return
    try:
        owner, of_folder = path.stat().st_uid, Path.cwd().stat().st_uid
    except OSError:  # reading the file reports the error
        return
    if owner not in {os.geteuid(), _ROOT, of_folder}:
        message = "is owned by another user; to use it, pass --config, otherwise --no-config"
        raise ConfigurationError([Problem(message, file=str(path))])


def _choose(config: str | None, *, no_config: bool) -> Path | None:
    """Return the file to read, or None.

    Raises:
        UsageError: A file is given together with `no_config`, or its path is empty.
    """
    if no_config and config is not None and config != os.environ.get(variable("config")):
        message = "is set together with --no-config; use only one of them"
        raise UsageError(f"{clipped(config)}: {message} (or {variable('no_config')})")
    if no_config:
        return None
    if config == "":
        raise UsageError("the path of the settings is empty; is a variable not set? (--config)")
    return find_file() if config is None else Path(config)


def _settings_in_file(
    written: "ConfigFile", path: Path | None, job: str | None
) -> Iterator[tuple[str, tuple[Any, str]]]:
    """Yield each setting of the file with its value and origin. The job comes last, because it overrides the top level.

    Raises:
        UsageError: The job does not exist.
    """
    if job is not None and job not in written.jobs:
        defined = f"it defines {some_of(written.jobs)}" if written.jobs else "it defines no jobs; add [jobs.NAME]"
        near = did_you_mean(job, written.jobs) or f"; {defined}"
        raise UsageError(f"{path}: unknown job '{clipped(redact_url(job))}'{near} ({_named_by(job)})")
    sections = [(written, ""), *([(written.jobs[job], f"jobs.{job}.")] if job is not None else [])]
    for section, above in sections:
        for name, value in section.model_dump(exclude_none=True, exclude={"jobs"}).items():
            yield name, (value, f"{path}: {above}{name}")


def _named_by(job: str) -> str:
    """Return how the job was selected: the name of the variable, or the option."""
    return variable("job") if os.environ.get(variable("job")) == job else "--job"


def _undecided(written: "ConfigFile", job: str | None) -> frozenset[str]:
    if job is not None:
        return frozenset()
    return frozenset(
        name for name in _OF_A_JOB if any(getattr(section, name) is not None for section in written.jobs.values())
    )


def _unknown(variables: set[str], known: Iterable[str]) -> Iterator[Problem]:
    names = [name.removeprefix(PREFIX) for name in known]
    for name in sorted(variables):
        near = nearest(name.removeprefix(PREFIX), names)
        hint = f"did you mean '{PREFIX}{near}'?" if near else "'segbatch config show' lists all settings"
        yield Problem(f"{clipped(name)}: unknown setting; {hint}", severity="warning")


def _destinations(settings: Settings) -> Iterator[ShownSetting]:
    """Yield the names of the destinations. Their addresses and headers may be secrets."""
    if "destinations" in settings.values:
        names = sorted(settings.values["destinations"])
        yield ShownSetting("destinations", names, settings.origins["destinations"])


def _shown_setting(name: str, settings: Settings, default: Any) -> ShownSetting:
    if name in settings.undecided:
        return ShownSetting(name, None, "set only in jobs")
    if name in settings.values:
        return ShownSetting(name, _without_secrets(settings.values[name]), settings.origins[name])
    return ShownSetting(name, default, _NOT_SET if default is None else _DEFAULT)


def _without_secrets(value: Any) -> Any:
    """Return a value with the addresses in it as they are shown."""
    match value:
        case str():
            return redact_argument(value)
        case Mapping():
            return {key: _without_secrets(entry) for key, entry in value.items()}
        case list() | tuple():
            return [_without_secrets(entry) for entry in value]
        case _:
            return value
