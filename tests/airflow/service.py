"""Start a complete Airflow (scheduler, DAG processor, triggerer, API server), and control it by its REST API."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil

__all__ = ["Airflow", "eventually", "serving"]

Found = TypeVar("Found")

PROGRAMS = Path(sys.executable).parent
"""Folder of the programs of this environment."""

_PATIENCE = 300.0
"""Timeout of each wait in seconds, on a busy machine."""


def eventually(what: str, look: Callable[[], Found | None]) -> Found:
    """Repeat `look` until it returns a true value, and return the value."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError(f"{what}: not within {_PATIENCE} seconds")


@dataclass(frozen=True, slots=True)
class Airflow:
    """A running Airflow.

    Attributes:
        home: Its folder.
        client: HTTP client of its API.
    """

    home: Path
    client: httpx.Client

    def ask(self, path: str, **query: Any) -> Any:
        answer = self.client.get(path, params=query)
        assert answer.is_success, answer.text
        return answer.json()

    def send(self, method: str, path: str, body: Any) -> Any:
        answer = self.client.request(method, path, json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def unpause(self, *dag_ids: str) -> None:
        for dag_id in dag_ids:
            self.send("PATCH", f"dags/{dag_id}", {"is_paused": False})

    def tasks(self, dag_id: str, run_id: str) -> dict[str, dict[str, Any]]:
        """Return the task instances of a DAG run by task id."""
        found = self.ask(f"dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return {task["task_id"]: task for task in found}

    def state(self, dag_id: str, run_id: str, task_id: str) -> str | None:
        found: str | None = self.tasks(dag_id, run_id)[task_id]["state"]
        return found

    def ended(self, dag_id: str, run_id: str) -> str:
        """Wait for the end of a DAG run, and return its final state."""

        def look() -> str | None:
            run = self.ask(f"dags/{dag_id}/dagRuns/{run_id}")
            return run["state"] if run["state"] in {"success", "failed"} else None

        return eventually(f"the end of {dag_id} {run_id}", look)

    def until(self, dag_id: str, run_id: str, task_id: str, state: str) -> dict[str, Any]:
        """Wait until a task has the state, and return the task."""

        def look() -> dict[str, Any] | None:
            task = self.tasks(dag_id, run_id).get(task_id)
            return task if task and task["state"] == state else None

        return eventually(f"{task_id} of {run_id} to be {state}", look)

    def clear(self, dag_id: str, run_id: str, task_id: str, *, include_future: bool = False) -> None:
        """Clear a task and its downstream tasks, also in later runs if `include_future`."""
        body = {"dry_run": False, "dag_run_id": run_id, "task_ids": [task_id], "include_downstream": True}
        body |= {"only_failed": False, "reset_dag_runs": True, "include_future": include_future}
        self.send("POST", f"dags/{dag_id}/clearTaskInstances", body)

    def xcom(self, dag_id: str, run_id: str, task_id: str) -> Any:
        """Return the return value of a task."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value"
        return self.ask(path, deserialize=True)["value"]

    def log(self, dag_id: str, run_id: str, task_id: str, number: int) -> str:
        """Return the log of an attempt of a task as text."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{number}"
        entries = self.ask(path, full_content=True)["content"]
        return "\n".join(f"{entry.get('level', '')}: {entry['event']}" for entry in entries)


@contextmanager
def serving(home: Path, dags: Path, env: dict[str, str]) -> Iterator[Airflow]:
    """Start an Airflow in a folder, and stop it at the end.

    Args:
        home: The folder to create.
        dags: The folder of the DAGs.
        env: Additional environment variables.
    """
    home.mkdir()
    port, *others = _free_ports(3)
    url = f"http://127.0.0.1:{port}"
    settings = os.environ | env | _settings(home, dags, url, port, others)
    with (home / "standalone.log").open("w") as log:
        server = subprocess.Popen([PROGRAMS / "airflow", "standalone"], env=settings, stdout=log, stderr=log)
    try:
        with httpx.Client(base_url=f"{url}/api/v2/", timeout=60) as client:
            eventually("Airflow to be up", lambda: _is_up(server, client, home))
            token = client.get(f"{url}/auth/token").json()["access_token"]
            client.headers["Authorization"] = f"Bearer {token}"
            yield Airflow(home, client)
    finally:
        _end(server)


def _end(server: subprocess.Popen[bytes]) -> None:
    """Stop an Airflow and all its child processes, including tasks."""
    family = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
    for process in family:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    for process in psutil.wait_procs(family, timeout=5)[1]:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    server.wait()


def _settings(home: Path, dags: Path, url: str, port: int, others: list[int]) -> dict[str, str]:
    return {
        "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}",  # Airflow starts its own program from PATH
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "3",
        "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "5",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(others[0]),
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(others[1]),
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
    }


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _is_up(server: subprocess.Popen[bytes], client: httpx.Client, home: Path) -> bool:
    assert server.poll() is None, (home / "standalone.log").read_text()
    try:
        health = client.get("monitor/health")
    except httpx.TransportError:
        return False
    parts = ("metadatabase", "scheduler", "triggerer", "dag_processor")
    return health.is_success and all(health.json()[part]["status"] == "healthy" for part in parts)
