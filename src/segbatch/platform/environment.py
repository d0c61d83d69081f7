"""Variables of the environment."""

import os


def first_set(*names: str) -> str | None:
    """Return the value of the first environment variable among `names` that is not empty, or None."""
    return next((value for name in names if (value := os.environ.get(name))), None)
