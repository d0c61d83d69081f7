"""The target at the address of an output."""

from pathlib import Path

from segbatch.storage.remote.addresses import open_publication
from segbatch.storage.targets.base import PublishTarget
from segbatch.storage.targets.local import LocalTarget


def open_target(output: str | Path) -> PublishTarget:
    """Return the target at a path or an address. No request is sent.

    Raises:
        UsageError: The text is a URL that runs cannot be published to.
    """
    publication = open_publication(output)
    if publication is None:
        return LocalTarget(Path(output))
    from segbatch.storage.targets.remote import RemoteTarget  # noqa: PLC0415 - only if needed

    return RemoteTarget(publication)
