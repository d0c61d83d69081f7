"""What both clients are made of."""

from segbatch.client.calls import Calls
from segbatch.client.target import read_target

__all__ = ["BaseClient"]


class BaseClient:
    """Whom to ask, as whom, and how often. It is shown without the key."""

    def __init__(self, base_url: str | None, api_key: str | None, project_id: str | None, retries: int) -> None:
        self._target = read_target(base_url, api_key, project_id)
        self._calls = Calls(self._target.base_url, retries)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._target.base_url!r}, project_id={self._target.project_id!r})"
