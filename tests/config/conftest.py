"""Settings alone: nothing of what the other tests ask of a run."""

import pytest


@pytest.fixture(autouse=True)
def unsaid(as_people_see_it: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 - takes back what that said
    for name in ("SEGBATCH_LOG_FORMAT", "SEGBATCH_LOG_IDS"):
        monkeypatch.delenv(name)
