"""Clients of obstore for object storage. Settings are those of segbatch's own clients, see docs/object-storage.md."""

import importlib.util
import shutil
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segbatch.errors import PublishError, SnapshotError, UsageError
from segbatch.platform.environment import first_set
from segbatch.snapshot.object_store.azure import account_of, read_azure_settings
from segbatch.snapshot.object_store.clients import FIRST_REGION, Bucket
from segbatch.snapshot.object_store.url import Address
from segbatch.snapshot.source_words import SourceWords

if TYPE_CHECKING:
    from obstore.store import ObjectStore

OF_OUTPUT = SourceWords(rows="runs", path="--output")
"""The words of addresses of outputs in messages."""

_CONNECT_TIMEOUT = timedelta(seconds=5)
_TIMEOUT = timedelta(seconds=60)
_RETRIES = 3
_RETRY_TIME = timedelta(seconds=30)
"""No request is sent again after this time since it was first sent."""

_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
"""Variables for credentials that obstore reads itself."""

_IDENTITY = ("AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE", "IDENTITY_ENDPOINT", "MSI_ENDPOINT")
"""Variables that give a process an identity in Azure. Without them, and without a key, `az login` is used."""


def open_client(address: Address) -> "ObjectStore":
    """Create a client whose root is the key of an address. Credentials and endpoints are those of the environment.

    Raises:
        UsageError: obstore is not installed, or the environment lacks a setting.
        PublishError: The bucket's region cannot be found.
    """
    try:
        import obstore.store  # noqa: F401, PLC0415 - an extra
        from obstore.exceptions import BaseError  # noqa: PLC0415 - an extra
    except ImportError:
        hint = "run: pip install 'segbatch[objects]'"
        message = "publishing to object storage needs obstore, which is not installed"
        raise UsageError(f"{address}: {message}; {hint}") from None
    makers = {"s3": _s3, "gs": _google, "az": _azure}
    try:
        return makers[address.service](address)
    except SnapshotError as error:
        raise PublishError(str(error)) from None
    except (BaseError, ValueError, OSError):  # a key file that is missing or damaged, or a malformed endpoint
        message = "a setting in the environment is not valid; check it against docs/object-storage.md"
        raise UsageError(f"{address}: {message}") from None


def _options(**more: Any) -> dict[str, Any]:
    """Return the options that all clients have in common."""
    return {
        "client_options": {"connect_timeout": _CONNECT_TIMEOUT, "timeout": _TIMEOUT, **more},
        "retry_config": {"max_retries": _RETRIES, "retry_timeout": _RETRY_TIME},
    }


def _s3(address: Address) -> "ObjectStore":
    from obstore.store import S3Store  # noqa: PLC0415 - an extra

    endpoint = first_set("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    region = first_set("AWS_REGION", "AWS_DEFAULT_REGION")
    options: dict[str, Any] = {"region": region or (FIRST_REGION if endpoint else Bucket(address).store.region)}
    client: dict[str, Any] = {}
    if endpoint:
        options["endpoint"] = url = endpoint if "://" in endpoint else f"https://{endpoint}"
        client["allow_http"] = url.lower().startswith("http:")
    if bundle := first_set("AWS_CA_BUNDLE"):
        client["root_certificate"] = Path(bundle).read_bytes()
    if provider := _credentials_of_profile(address):
        options["credential_provider"] = provider
    return S3Store(address.bucket, prefix=_prefix(address), **_options(**client), **options)


def _credentials_of_profile(address: Address) -> Any:
    """Return a provider of credentials that obstore does not find itself: those of ~/.aws. None if there are none.

    Raises:
        UsageError: The environment names a profile, and boto3, which reads profiles, is not installed.
    """
    if first_set(*_KEYS):
        return None
    if importlib.util.find_spec("boto3"):
        from obstore.auth.boto3 import Boto3CredentialProvider  # noqa: PLC0415 - only if needed

        try:
            return Boto3CredentialProvider()
        except Exception:  # noqa: BLE001 - no or invalid profile; boto3 has no base class of errors
            message = "no credentials were found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
            raise UsageError(f"{address}: {message}") from None
    if profile := first_set("AWS_PROFILE"):
        message = f"AWS_PROFILE={profile} needs boto3, which is not installed; run: pip install boto3"
        raise UsageError(f"{address}: {message}, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    return None


def _google(address: Address) -> "ObjectStore":
    from obstore.store import GCSStore  # noqa: PLC0415 - an extra

    options: dict[str, Any] = {}
    client: dict[str, Any] = {}
    if emulator := first_set("STORAGE_EMULATOR_HOST"):
        url = emulator if "://" in emulator else f"https://{emulator}"
        options = {"base_url": url.rstrip("/"), "skip_signature": True}
        client["allow_http"] = url.lower().startswith("http:")
    return GCSStore(address.bucket, prefix=_prefix(address), **_options(**client), **options)


def _azure(address: Address) -> "ObjectStore":
    from obstore.store import AzureStore  # noqa: PLC0415 - an extra

    settings = read_azure_settings(address)
    options: dict[str, Any] = {"account_name": account_of(settings, address, "PREFIX")}
    if settings.key:
        options["account_key"] = settings.key
    elif settings.token:
        options["sas_key"] = settings.token
    elif not first_set(*_IDENTITY) and shutil.which("az"):
        options["use_azure_cli"] = True
    client: dict[str, Any] = {}
    if settings.endpoint:
        options["endpoint"] = settings.endpoint.rstrip("/")
        client["allow_http"] = settings.endpoint.lower().startswith("http:")
    return AzureStore(address.bucket, prefix=_prefix(address), **_options(**client), **options)


def _prefix(address: Address) -> str | None:
    return address.key.strip("/") or None
