"""Properties that let pyiceberg use the same settings for object storage as segbatch's own clients."""

import os
from collections.abc import Mapping

_REGION, _FIRST_REGION = "s3.region", "us-east-1"
_VARIABLES: Mapping[str, tuple[str, ...]] = {
    "s3.endpoint": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
    _REGION: ("AWS_REGION", "AWS_DEFAULT_REGION"),
}


def storage_properties(catalog: str) -> dict[str, str]:
    """Return the properties of a catalog that are only in the environment of AWS, and not in its configuration.

    Credentials are found in the environment by PyArrow.
    """
    from pyiceberg.utils.config import Config  # noqa: PLC0415 - optional

    found = {
        name: value
        for name, variables in _VARIABLES.items()
        if (value := next(filter(None, map(os.environ.get, variables)), None)) is not None
    }
    if found and _REGION not in found:
        found[_REGION] = _FIRST_REGION
    configured = Config().get_catalog_config(catalog) or {}
    return {name: value for name, value in found.items() if name not in configured}
