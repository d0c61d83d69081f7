"""What both clients are made of."""

import math
from typing import Any

from segbatch.client.asking import Ask
from segbatch.client.calls import Calls
from segbatch.client.target import read_target
from segbatch.errors import UsageError

__all__ = ["BaseClient"]


class BaseClient:
    """Whom to ask, as whom, and how often. It is shown without the key."""

    def __init__(
        self, base_url: str | None, api_key: str | None, project_id: str | None, timeout: float, retries: int
    ) -> None:
        if not 0 < timeout < math.inf:
            raise UsageError(f"timeout cannot be {timeout}; it is a number of seconds")
        self._timeout = timeout
        self._target = read_target(base_url, api_key, project_id)
        self._calls = Calls(self._target.base_url, retries)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._target.base_url!r}, project_id={self._target.project_id!r})"

    def _arguments(self, ask: Ask) -> dict[str, Any]:
        """Return what a request is sent with, as httpx names it."""
        return {
            "method": ask.method,
            "url": self._target.base_url + ask.path,
            "params": ask.params,
            "headers": ask.headers,
            "content": ask.content,
            "timeout": max(self._timeout, ask.patience or 0.0),
        }
