"""The settings of Azure's storage, from the environment."""

from dataclasses import dataclass, field

from segbatch.errors import UsageError
from segbatch.platform.environment import first_set
from segbatch.snapshot.object_store.url import Address


@dataclass(frozen=True, slots=True)
class AzureSettings:
    """Settings for a container.

    Attributes:
        account: The storage account; None if it is unknown.
        key: The key of the account.
        token: A shared access signature.
        endpoint: The URL for blobs, if it is not the usual one of the account.
    """

    account: str | None
    key: str | None = field(repr=False)
    token: str | None = field(repr=False)
    endpoint: str | None


def read_azure_settings(address: Address) -> AzureSettings:
    """Read the settings for an address. Single variables come before the parts of the connection string."""
    given = _connection_string()
    account = address.account or first_set("AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_ACCOUNT_NAME")
    return AzureSettings(
        account=account or given.get("accountname"),
        key=first_set("AZURE_STORAGE_KEY", "AZURE_STORAGE_ACCOUNT_KEY") or given.get("accountkey"),
        token=first_set("AZURE_STORAGE_SAS_TOKEN") or given.get("sharedaccesssignature"),
        endpoint=given.get("blobendpoint"),
    )


def account_of(settings: AzureSettings, address: Address, rest: str) -> str:
    """Return the storage account.

    Args:
        rest: The last part of an address that includes the account, for the message.

    Raises:
        UsageError: The account is unknown.
    """
    if not settings.account:
        message = "the storage account of the container is unknown; set AZURE_STORAGE_ACCOUNT"
        raise UsageError(f"{address}: {message}, or write abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/{rest}")
    return settings.account


def _connection_string() -> dict[str, str]:
    """Return the parts of Azure's connection string by their names in lower case."""
    parts = (first_set("AZURE_STORAGE_CONNECTION_STRING") or "").split(";")
    return {name.strip().lower(): value for name, sign, value in (part.partition("=") for part in parts) if sign}
