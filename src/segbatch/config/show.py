"""What counts, setting by setting, with who said it: for people who wonder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from segbatch.config.resolve import Settings

__all__ = ["ShownSetting", "list_settings"]

DEFAULT = "default"
NOT_SET = "not set"
FOUND = "found"


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """A setting as it counts.

    Attributes:
        name: Its name, as in the file.
        value: Its value; None where it has none.
        origin: Who set it: a place in the file, a variable or an option; or `default`, or `not set`.
    """

    name: str
    value: Any
    origin: str


def list_settings(
    settings: Settings, defaults: Mapping[str, Any], choices: Mapping[str, str]
) -> Sequence[ShownSetting]:
    """List the file and the job that were chosen, then every setting.

    Args:
        settings: What file and environment say.
        defaults: What the commands do without, by the name of the setting.
        choices: Who chose `config` and `job`, where somebody did.
    """
    from segbatch.config.model import Environment  # noqa: PLC0415 - loads pydantic-settings

    chosen = {"config": None if settings.file is None else str(settings.file), "job": settings.job}
    found = "found" if settings.file else NOT_SET
    rows = [
        ShownSetting(name, chosen[name], choices.get(name, found if name == "config" else NOT_SET)) for name in chosen
    ]
    return (*rows, *(_shown(name, settings, defaults.get(name)) for name in Environment.model_fields))


def _shown(name: str, settings: Settings, default: Any) -> ShownSetting:
    if name in settings.undecided:
        return ShownSetting(name, None, "said by jobs alone")
    if name in settings.values:
        return ShownSetting(name, settings.values[name], settings.origins[name])
    return ShownSetting(name, default, NOT_SET if default is None else DEFAULT)
