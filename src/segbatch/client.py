"""The Python client of the API, under its public name; see `segbatch.interfaces.client`."""

from segbatch.interfaces.client import *  # noqa: F403 - its `__all__` is the list of public names
