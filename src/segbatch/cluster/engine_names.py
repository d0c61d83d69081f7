"""The engines that users can name, and the addresses of Spark Connect servers."""

from typing import Literal, get_args

from segbatch.definitions.suggestions import read_choice
from segbatch.errors import UsageError
from segbatch.platform.urls import redact_url
from segbatch.text import shown

EngineName = Literal["local", "spark"]

_CONNECT = "sc://"


def read_engine(text: str) -> EngineName:
    """Parse the name of an engine.

    Raises:
        UsageError: The name is not an engine.
    """
    names: tuple[EngineName, ...] = get_args(EngineName)
    return read_choice(text, names, "an engine", "--engine")


def read_spark_remote(text: str) -> str:
    """Check the address of a Spark Connect server.

    Raises:
        UsageError: It is not such an address.
    """
    if text.removeprefix(_CONNECT) in {text, ""}:
        raise UsageError(
            f"{shown(redact_url(text))} is not a Spark Connect server; use sc://HOST:PORT (--spark-remote)"
        )
    return text
