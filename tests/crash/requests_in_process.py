"""One request to the API, handled in this process without a connection."""

import asyncio
import json
from pathlib import Path

import httpx

from segbatch.definitions.store import SegmentStore
from segbatch.interfaces.api.app import make_app
from segbatch.interfaces.api.keys.key_store import KeyRing
from segbatch.interfaces.api.server import log_warning
from segbatch.interfaces.api.service import Service


def ask(secret: str, method: str, path: str, body: str) -> None:
    """Send a request with a key, and print the response as JSON."""
    store = SegmentStore("segments", served=True, warn=log_warning)
    app = make_app(Service(store, Path("output"), KeyRing(Path("keys.json"))))
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}

    async def answered() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
            return await client.request(method, path, headers=headers, content=body)

    answer = asyncio.run(answered())
    told = answer.json() if answer.content else {}
    print(json.dumps({"status": answer.status_code, "type": told.get("type", ""), "detail": told.get("detail", "")}))  # noqa: T201 - the response
