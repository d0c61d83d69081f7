"""Run each test with both clients and without waiting."""

import time
from typing import Any

import anyio
import pytest

from client.clients import Use, asynchronously, synchronously


@pytest.fixture(params=[synchronously, asynchronously])
def use(request: pytest.FixtureRequest) -> Use:
    found: Use = request.param
    return found


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Record the pauses in seconds instead of waiting."""
    waited = list[float]()

    async def wait(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(time, "sleep", waited.append)
    monkeypatch.setattr(anyio, "sleep", wait)
    return waited


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("SEGBATCH_API_URL", "SEGBATCH_API_KEY", "SEGBATCH_PROJECT_ID"):
        monkeypatch.delenv(name, raising=False)
