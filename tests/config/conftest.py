"""Remove the settings that the other tests use for runs."""

import pytest


@pytest.fixture(autouse=True)
def unsaid(as_people_see_it: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 - removes its variables
    for name in ("SEGBATCH_LOG_FORMAT", "SEGBATCH_LOG_IDS"):
        monkeypatch.delenv(name)
