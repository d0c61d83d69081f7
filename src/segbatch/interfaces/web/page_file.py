"""The web page without data: one file in the package, which `make web` builds."""

from functools import cache
from importlib.resources import files

DATA = '<script id="segbatch-data" type="application/json">'
"""The start of the element that has the data of a report."""


@cache
def read_page() -> str | None:
    """Return the web page, with an empty element for data; None if this installation does not have it."""
    try:
        page = (files("segbatch.interfaces.web") / "page.html").read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    return page if page.count(f"{DATA}</script>") == 1 else None
