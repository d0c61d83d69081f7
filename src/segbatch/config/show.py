"""The effective settings and their origins, for `segbatch config show`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from segbatch.config.resolve import Settings
from segbatch.platform.urls import redact_argument

DEFAULT = "default"
NOT_SET = "not set"
FOUND = "found"


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
        settings: The settings of the file and the environment.
        defaults: The defaults of the commands, by name of the setting.
        choices: The origin of `config` and `job`, if they are set.
    """
    from segbatch.config.model import Environment  # noqa: PLC0415 - loads pydantic-settings

    chosen = {"config": None if settings.file is None else str(settings.file), "job": settings.job}
    found = "found" if settings.file else NOT_SET
    rows = [
        ShownSetting(name, chosen[name], choices.get(name, found if name == "config" else NOT_SET)) for name in chosen
    ]
    shown = (_shown(name, settings, defaults.get(name)) for name in Environment.model_fields)
    return (*rows, *shown, *_destinations(settings))


def _destinations(settings: Settings) -> Iterator[ShownSetting]:
    """Yield the names of the destinations. Their addresses and headers may be secrets."""
    if "destinations" in settings.values:
        names = sorted(settings.values["destinations"])
        yield ShownSetting("destinations", names, settings.origins["destinations"])


def _shown(name: str, settings: Settings, default: Any) -> ShownSetting:
    if name in settings.undecided:
        return ShownSetting(name, None, "set only in jobs")
    if name in settings.values:
        return ShownSetting(name, _without_secrets(settings.values[name]), settings.origins[name])
    return ShownSetting(name, default, NOT_SET if default is None else DEFAULT)


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
