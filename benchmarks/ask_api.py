"""Ask a real `segbatch serve` over a folder of many segments, and print how long it takes.

Usage: python benchmarks/ask_api.py [--segments 10000] [--contacts 1000000]
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import polars as pl

import segbatch

ROUNDS = 50
RULE = {"field": "plan", "operator": "eq", "value": "pro"}


def make(folder: Path, segments: int, contacts: int) -> None:
    """Write definitions of a hundred projects and a snapshot, and publish a run of some of them."""
    plans = pl.Series("plan", ["free", "pro", "team", None] * (contacts // 4))
    ids = pl.int_range(len(plans), eager=True).alias("id")
    projects = pl.Series("project_id", [f"p{number % 100}" for number in range(len(plans))])
    pl.DataFrame([ids, plans, projects]).write_parquet(folder / "contacts.parquet")
    (folder / "segments").mkdir()
    for number in range(segments):
        definition = {"project_id": f"p{number % 100}", "name": f"Segment {number}", "rules": [RULE]}
        (folder / "segments" / f"segment-{number}.json").write_text(json.dumps(definition))
    published = folder / "published"
    published.mkdir()
    for number in range(100):
        (published / f"segment-{number}.json").symlink_to(folder / "segments" / f"segment-{number}.json")
    segbatch.run(folder / "contacts.parquet", published, folder / "output")


def timed(what: str, ask: Callable[[], httpx.Response], rounds: int = ROUNDS) -> None:
    """Ask some times, and print the median and the longest time."""
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        answer = ask()
        times.append((time.perf_counter() - begun) * 1000)
        answer.raise_for_status()
    print(f"{what:<40} median {statistics.median(times):7.1f} ms   longest {max(times):7.1f} ms")


def main() -> None:
    """Start a server, ask it, and end it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segments", type=int, default=10_000)
    parser.add_argument("--contacts", type=int, default=1_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        make(folder, options.segments, options.contacts)
        begun = time.perf_counter()
        command = [sys.executable, "-m", "segbatch", "serve", "--port", "0"]
        with (folder / "log").open("w") as log:
            server = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            assert server.stdout is not None  # noqa: S101 - it was asked for
            url = server.stdout.readline().rpartition(" at ")[2].strip()
            print(f"{'start':<40} {(time.perf_counter() - begun) * 1000:14.1f} ms")
            ask_all(url)
        finally:
            server.terminate()
            server.wait()


def ask_all(url: str) -> None:
    """Ask what clients ask."""
    numbers = iter(range(1_000_000))
    with httpx.Client(timeout=120) as everybody, httpx.Client(timeout=120, headers={"X-Project-ID": "p7"}) as client:
        timed("health", lambda: everybody.get(url.partition("/api/")[0] + "/healthz"))
        timed("list, first", lambda: everybody.get(url), 1)
        timed("list of all", lambda: everybody.get(url), 10)
        timed("list of one project", lambda: client.get(url))
        one = f"{url}/segment-7"
        timed("get", lambda: client.get(one))
        timed("update", lambda: client.patch(one, json={"name": f"Segment {next(numbers)}"}))
        body = {"name": "New", "rules": [RULE]}
        timed("create", lambda: client.post(url, json=body), 10)
        made = [client.post(url, json=body).json()["id"] for _ in range(10)]
        timed("delete", lambda: client.delete(f"{url}/{made.pop()}"), 10)
        timed("get of none", lambda: httpx.Response(200, request=client.get(f"{url}/segment-x").request))
        timed("members, a page of 1,000", lambda: client.get(f"{one}/members"))
        timed("members, a page of 10,000", lambda: client.get(f"{one}/members?limit=10000"))
        timed("preview", lambda: client.post(f"{url}/preview", json={"rules": [RULE]}), 3)


if __name__ == "__main__":
    main()
