"""The publication at an address, such as that of `--output`."""

from pathlib import Path

from segbatch.errors import UsageError
from segbatch.platform.urls import is_url, redact_url
from segbatch.snapshot.lakehouse.address import DELTA, is_iceberg_address
from segbatch.snapshot.object_store.url import is_object_address
from segbatch.storage.remote.publication import Publication

_TARGETS = "runs are published to a folder, s3://, gs://, az://, delta+PATH or iceberg://CATALOG/NAMESPACE (--output)"


def open_publication(output: str | Path) -> Publication | None:
    """Return the publication at an address; None for a folder on a disk. No request is sent.

    Raises:
        UsageError: The text is a URL that runs cannot be published to.
    """
    text = str(output)
    if text.startswith(DELTA):
        from segbatch.storage.remote.delta.opening import open_delta_publication  # noqa: PLC0415 - only if needed

        return open_delta_publication(text)
    if is_object_address(text):
        from segbatch.storage.remote.object_store import ObjectStore  # noqa: PLC0415 - only if needed
        from segbatch.storage.remote.pointer_publication import PointerPublication  # noqa: PLC0415 - only if needed

        return PointerPublication(ObjectStore.at(text))
    if is_iceberg_address(text):
        from segbatch.storage.remote.iceberg.address import read_namespace  # noqa: PLC0415 - only if needed
        from segbatch.storage.remote.iceberg.publication import IcebergPublication  # noqa: PLC0415 - only if needed

        return IcebergPublication(read_namespace(text))
    if is_url(text):
        raise UsageError(f"{redact_url(text)}: {_TARGETS}")
    return None
