"""A receiver in memory in place of commands and webhooks."""

from typing import Any

import pytest

from segbatch.deliveries.deliver import DeliveryReport
from workspace import Workspace

from .receiver import Deliver, Receiver, deliver_to


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Receiver:
    made = Receiver()
    monkeypatch.setattr("segbatch.deliveries.deliver.open_sender", lambda _: made)
    return made


@pytest.fixture
def deliver(workspace: Workspace, receiver: Receiver) -> Deliver:  # noqa: ARG001 - it gets what is delivered
    def call(resend: bool = False, dry_run: bool = False, only: tuple[str, ...] = (), **options: Any) -> DeliveryReport:  # noqa: FBT001, FBT002 - a test reads like a sentence
        return deliver_to(workspace, options, resend=resend, dry_run=dry_run, segments=only)

    return call
