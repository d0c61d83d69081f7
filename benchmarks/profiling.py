"""Where the time of two nights goes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from measuring import measure, script
from two_nights import cleared, command
from works import Work, make, warm

if TYPE_CHECKING:
    from comparing import Settings


def profiled(work: Work, settings: Settings) -> dict[str, Any]:
    """Time the steps of a first night and of the night after.

    Returns:
        What was found, as JSON data: `work`, and for each night `wall`, `steps` and `lost`.
    """
    print(f"{work}: profile", flush=True)
    files = make(work, settings.folder, next_night=True)
    out, place = cleared(settings.folder / "out"), settings.folder / "times.json"
    nights = []
    for night, contacts in enumerate((files.contacts, files.changed)):
        warm(contacts)
        words = command(contacts, files, out, night)[3:]
        found = measure(script("profile_run.py", place, *words), settings.timeout)
        if found.error:
            raise RuntimeError(found.error)
        nights.append(json.loads(place.read_text(encoding="utf-8")))
        for step in nights[-1]["lost"]:
            print(f"  {step} is not there any more: profile_run.py looks for it")
    place.unlink()
    cleared(out)
    return {"work": work.record(), "nights": nights}
