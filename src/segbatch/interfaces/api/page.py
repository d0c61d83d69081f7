"""The endpoint for the web page."""

import base64
import hashlib
import re
from collections.abc import Iterable

from fastapi import APIRouter, Response

from segbatch.interfaces.api.conditions import IfNoneMatch, is_current
from segbatch.interfaces.web.page_file import read_page

_SCRIPT = re.compile(r"<script(?![^>]*\b(?:src|type=\"application/json\"))[^>]*>(.*?)</script>", re.DOTALL)
_STYLE = re.compile(r"<style[^>]*>(.*?)</style>", re.DOTALL)
_MISSING = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>segbatch</title></head><body>
<h1>The web page is missing</h1>
<p>This installation of segbatch does not contain the web page. Build it with <code>make web</code>, or install a
release. The API works without it: <a href="/openapi.json">openapi.json</a> describes it.</p>
</body></html>
"""

router = APIRouter(include_in_schema=False)


@router.get("/")
def page(if_none_match: IfNoneMatch = None) -> Response:
    """Return the web page. It loads nothing from other hosts and runs only its own scripts."""
    html = read_page()
    body = html or _MISSING
    etag = hashlib.sha256(body.encode()).hexdigest()
    headers = {"ETag": f'"{etag}"', "Content-Security-Policy": policy_of(body), "Referrer-Policy": "no-referrer"}
    if html is not None and is_current(if_none_match, etag):
        return Response(status_code=304, headers=headers)
    return Response(body, 503 if html is None else 200, headers, "text/html; charset=utf-8")


def policy_of(html: str) -> str:
    """Return the content security policy of a page: only its own scripts and styles, and only this server."""
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {_hashes(_SCRIPT.findall(html))}",
            f"style-src {_hashes(_STYLE.findall(html))}",
            "img-src data:",
            "font-src data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    )


def _hashes(texts: Iterable[str]) -> str:
    """Return the sources of a policy that allow only these texts. Browsers hash them with line feeds as line ends."""
    digests = (hashlib.sha256(text.replace("\r\n", "\n").encode()).digest() for text in texts)
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests) or "'none'"
