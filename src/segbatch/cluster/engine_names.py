"""The engines that users can name, and the addresses of Spark Connect servers."""

import re
from typing import Literal, get_args

from segbatch.definitions.suggestions import read_choice
from segbatch.errors import UsageError
from segbatch.platform.urls import redact_url
from segbatch.text import shown

EngineName = Literal["local", "spark"]

MOST_BUCKETS = 100_000
"""The largest number of buckets that can be asked for: each is a task, and a file."""

_SERVER = re.compile(
    r"sc://(?:[^\s/?#;@:\[\]]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>\d{1,5}))?(?P<parameters>/.*)?", re.DOTALL
)
_PARAMETERS = re.compile(r"/;?|/(?:;[^\s/?#;=]+=[^\s/?#;=]*)+")
_LAST_PORT = 65_535


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
    server = _SERVER.fullmatch(text)
    if server is None or int(server["port"] or 1) not in range(1, _LAST_PORT + 1):
        raise UsageError(
            f"{shown(redact_url(text))} is not a Spark Connect server; use sc://HOST:PORT (--spark-remote)"
        )
    if (server["parameters"] or "/;")[:2] not in ("/", "/;"):
        fix = "use sc://HOST:PORT, and sc://HOST:PORT/;token=TOKEN;user_id=NAME for parameters"
        raise UsageError(f"{shown(redact_url(text))}: an address has no path; {fix} (--spark-remote)")
    if _PARAMETERS.fullmatch(server["parameters"] or "/") is None:
        raise UsageError(
            f"{shown(redact_url(text))} is followed by text that is not a list of parameters; write them as "
            "sc://HOST:PORT/;token=TOKEN;user_id=NAME, with %2F for / and %3D for = in a value (--spark-remote)"
        )
    return text
