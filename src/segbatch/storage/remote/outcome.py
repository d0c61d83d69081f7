"""The outcome of a commit that failed or whose answer was lost."""

from segbatch.errors import PublishError
from segbatch.storage.remote.publication import Publication
from segbatch.storage.write_errors import IN_DOUBT


def is_published(publication: Publication, folder: str) -> bool:
    """Return whether a run is published, after the commit that publishes it failed.

    Args:
        folder: The folder name of the run.

    Raises:
        PublishError: That cannot be found out. The message says so.
    """
    try:
        return publication.pointer().folder == folder
    except PublishError as error:
        raise PublishError(f"{error}; {IN_DOUBT}") from None
