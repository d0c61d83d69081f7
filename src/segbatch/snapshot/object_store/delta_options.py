"""Options that let deltalake use the same settings for object storage as segbatch's own clients."""

from segbatch.platform.environment import first_set
from segbatch.snapshot.object_store.azure import read_azure_settings
from segbatch.snapshot.object_store.clients import FIRST_REGION, Bucket
from segbatch.snapshot.object_store.url import Address

_PATIENCE = {"timeout": "60s", "connect_timeout": "5s", "max_retries": "3", "retry_timeout": "15s"}


def delta_url(address: Address) -> str:
    """Return the address of a table as deltalake knows it."""
    root = address.root if address.account else f"{address.service}://{address.bucket}"
    return f"{root}/{address.key.rstrip('/')}"


def delta_options(address: Address, bucket: Bucket) -> dict[str, str]:
    """Return the options for the bucket of a table. deltalake finds other settings in the environment itself.

    Args:
        bucket: The bucket, whose client knows its region.
    """
    match address.service:
        case "s3":
            return _PATIENCE | _s3(bucket)
        case "az":
            return _PATIENCE | _azure(address)
        case "gs":
            return dict(_PATIENCE)


def _s3(bucket: Bucket) -> dict[str, str]:
    endpoint = first_set("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    region = first_set("AWS_REGION", "AWS_DEFAULT_REGION")
    found = {"AWS_REGION": region or (FIRST_REGION if endpoint else bucket.store.region)}
    if endpoint:
        url = endpoint if "://" in endpoint else f"https://{endpoint}"
        found |= {"AWS_ENDPOINT_URL": url, "AWS_ALLOW_HTTP": str(url.lower().startswith("http:")).lower()}
    return found


def _azure(address: Address) -> dict[str, str]:
    settings = read_azure_settings(address)
    found = {"account_name": settings.account, "account_key": settings.key, "sas_token": settings.token}
    return {name: value for name, value in found.items() if value}
