"""PyArrow's clients for object storage, configured by the environment."""

import re
from datetime import timedelta
from functools import cached_property
from typing import Any

from pyarrow import fs

from segbatch.errors import UsageError
from segbatch.platform.environment import first_set
from segbatch.platform.urls import redact_url
from segbatch.snapshot.object_store.azure import account_of, read_azure_settings
from segbatch.snapshot.object_store.requests import translate_errors, with_timeout
from segbatch.snapshot.object_store.url import Address, Service

_CONNECT_TIMEOUT = 5
_SILENT_TIMEOUT = 10
_TRIES = 3
_RETRY_TIME = timedelta(seconds=15)
FIRST_REGION = "us-east-1"
_ENDPOINT = re.compile(r"(?:(https?)://)?(.*?)/*", re.IGNORECASE)

Store = Any
"""A file system of PyArrow, which has no type hints."""

_NAMES: dict[Service, str] = {"s3": "S3", "gs": "Google Cloud Storage", "az": "Azure"}


class Bucket:
    """A bucket and its client, which is created on first use.

    A pickled bucket is only its address: it never contains credentials. The process that unpickles it creates a client
    with the settings of its own environment.
    """

    def __init__(self, address: Address) -> None:
        self._address = address

    @cached_property
    def store(self) -> Store:
        """The client. The errors are those of `open_store`."""
        return open_store(self._address)

    def __reduce__(self) -> tuple[type["Bucket"], tuple[Address]]:
        """Return the address, without the client."""
        return Bucket, (self._address,)


def open_store(address: Address) -> Store:
    """Create the client for an address. Settings such as credentials and endpoints are those of the environment.

    Raises:
        UsageError: The environment lacks a setting, or PyArrow lacks the client.
        SnapshotError: The bucket's region cannot be found.
    """
    makers = {"s3": _s3, "gs": _google, "az": _azure}
    try:
        return makers[address.service](address)
    except ImportError:
        message = f"the installed PyArrow has no client for {_NAMES[address.service]}"
        raise UsageError(f"{address}: {message}; install PyArrow from PyPI") from None


def _s3(address: Address) -> Store:
    endpoint = first_set("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    region = first_set("AWS_REGION", "AWS_DEFAULT_REGION")
    options: dict[str, Any] = {
        "connect_timeout": _CONNECT_TIMEOUT,
        "request_timeout": _SILENT_TIMEOUT,
        "retry_strategy": fs.AwsStandardS3RetryStrategy(max_attempts=_TRIES),
    }
    if bundle := first_set("AWS_CA_BUNDLE"):
        options["tls_ca_file_path"] = bundle
    if endpoint:
        options |= _at(endpoint, "endpoint_override", "scheme") | {"region": region or FIRST_REGION}
    with translate_errors(address):
        store = with_timeout(lambda: fs.S3FileSystem(**options))
        if endpoint or region or store.region != FIRST_REGION:
            return store
        found = with_timeout(lambda: fs.resolve_s3_region(address.bucket))
        return store if found == FIRST_REGION else with_timeout(lambda: fs.S3FileSystem(region=found, **options))


def _google(address: Address) -> Store:
    emulator = first_set("STORAGE_EMULATOR_HOST")
    options = _at(emulator, "endpoint_override", "scheme") | {"anonymous": True} if emulator else {}
    with translate_errors(address):
        return with_timeout(lambda: fs.GcsFileSystem(retry_time_limit=_RETRY_TIME, **options))


def _azure(address: Address) -> Store:
    settings = read_azure_settings(address)
    account, key, token = account_of(settings, address, "KEY"), settings.key, settings.token
    options: dict[str, Any] = {"account_key": key} if key else {"sas_token": token} if token else {}
    if settings.endpoint:
        options |= _of_blobs(settings.endpoint, account)
    if not (key or token) and options.get("blob_storage_scheme") == "http":  # the client would terminate the process
        raise UsageError(f"{address}: an endpoint without TLS needs a key; add AccountKey to the connection string")
    with translate_errors(address):
        return with_timeout(lambda: fs.AzureFileSystem(account, **options))


def _of_blobs(endpoint: str, account: str) -> dict[str, str]:
    """Return the options for a blob endpoint, such as that of an emulator."""
    found = _at(endpoint.rstrip("/").removesuffix(f"/{account}"), "blob_storage_authority", "blob_storage_scheme")
    name = found["blob_storage_authority"]
    found["blob_storage_authority"] = name.removeprefix(account)  # the client puts the account's name before a `.`
    return found | {key.replace("blob", "dfs"): value.replace(".blob.", ".dfs.") for key, value in found.items()}


def _at(endpoint: str, host: str, scheme: str) -> dict[str, str]:
    """Return an endpoint as two options.

    Raises:
        UsageError: The endpoint is not valid.
    """
    parts = _ENDPOINT.fullmatch(endpoint)
    if parts is None or not parts[2] or re.search(r"[/@?\s]", parts[2]):
        shown = redact_url(endpoint)
        raise UsageError(f"'{shown}' is not a valid endpoint; write it like https://storage.example.com:9000")
    return {host: parts[2], scheme: (parts[1] or "https").lower()}
