"""Commands and requests that change definitions, keys and single files, and the expected results."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from builders import rule, write_contacts, write_segment
from fault_cases import AS_OF, PEOPLE
from segbatch.interfaces.api.keys.key_store import KeyRing
from segbatch.observability.run_outcome import STATUSES as STATUS_NAMES

State = Any
RUN = ["run", "--contacts", "contacts.parquet", "--segments", "segments", "--log-format", "plain"]
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
API = "/api/v1/contacts/segments"


def definitions(work: Path) -> State:
    """Return the definitions by file, without times and random ids; a truncated file is not valid JSON."""
    texts = {path.name: path.read_text() for path in (work / "segments").glob("[!.]*")}
    return {UUID.sub("UUID", name): _without_times(json.loads(UUID.sub("UUID", text))) for name, text in texts.items()}


def _without_times(data: Any) -> Any:
    if isinstance(data, list):
        return [_without_times(one) for one in data]
    return {key: value for key, value in data.items() if key not in {"created_at", "updated_at"}}


def keys(work: Path) -> State:
    """Return the projects of each key, and whether it is revoked."""
    file = work / "keys.json"
    content = json.loads(file.read_text())["keys"] if file.exists() else []
    return [(key["projects"], key["read_only"], key["revoked_at"] is not None) for key in content]


def exported(name: str) -> Callable[[Path], State]:
    """Return a function that reads an export, or None if the export is missing."""

    def read(work: Path) -> State:
        file = work / "files" / name
        if not file.exists() or file.read_bytes() == b"old\n":
            return file.exists()
        return pq.read_table(file).to_pylist() if file.suffix == ".parquet" else file.read_text().splitlines()

    return read


EXIT_STATUS = re.compile(r"^segbatch_last_run_exit_status\{.*\} (\S+)$", re.MULTILINE)
STATUSES = re.compile(r"^segbatch_last_run_status\{.*\} [01]\.0$", re.MULTILINE)


def metrics(work: Path) -> State:
    """Return whether all metrics are written; a truncated file lacks some of them."""
    text = (work / "files" / "segbatch.prom").read_text()
    if text:
        assert text.endswith("\n"), text
        assert EXIT_STATUS.search(text), text
        assert len(STATUSES.findall(text)) == len(STATUS_NAMES), text
    return bool(text)


def exit_status_in_metrics(work: Path) -> int:
    """Return the exit status of a run according to its metrics."""
    found = EXIT_STATUS.search((work / "files" / "segbatch.prom").read_text())
    assert found
    return int(float(found[1]))


@dataclass(frozen=True)
class Change:
    """A command or a request that changes something in one step.

    Attributes:
        name: Its name.
        arguments: The command; or the secret, the method, the path and the body of a request, after `api`.
        state: A function that reads what it changes.
        again: The exit status, or the status of the response, if the change is repeated.
        below: The folder in which operations fail.
    """

    name: str
    arguments: list[str]
    state: Callable[[Path], State]
    again: int
    below: str = ""

    @property
    def is_request(self) -> bool:
        """Whether it is a request to the API."""
        return self.arguments[0] == "api"

    @property
    def is_run(self) -> bool:
        """Whether it is a run, whose published tables are checked by the other sweep."""
        return self.arguments[0] == "run"


def changes(revoked: str, secret: str) -> list[Change]:
    """Return all changes.

    Args:
        revoked: The id of the key that is revoked.
        secret: The secret of the key that is used for requests.
    """
    body = {"name": "New", "rules": [rule("seats", "gte", 5)]}
    create = ["segments", "create", "--name", "New", "--rule", "seats gte 5", "--id", "new"]
    key = ["keys", "create", "--project", "q", "--keys"]
    export = ["export", "many", "--columns", "seats", "--to"]
    metrics_run = [*RUN, "--run-id", "r2", "--as-of", AS_OF["r2"], "--metrics-file", "files/segbatch.prom"]
    return [
        Change("create", create, definitions, 5),
        Change("update", ["segments", "update", "many", "--name", "Other"], definitions, 0),
        Change("update in a list", ["segments", "update", "x", "--name", "Other"], definitions, 0),
        Change("delete", ["segments", "delete", "many", "--yes"], definitions, 4),
        Change("delete from a list", ["segments", "delete", "x", "--yes"], definitions, 4),
        Change("first key", [*key, "new-keys.json"], lambda work: (work / "new-keys.json").exists(), 0),
        Change("key", [*key, "keys.json"], keys, 0),
        Change("revoke", ["keys", "revoke", revoked, "--keys", "keys.json"], keys, 0),
        Change("POST", ["api", secret, "POST", API, json.dumps(body)], definitions, 201),
        Change("PATCH", ["api", secret, "PATCH", f"{API}/mine", json.dumps({"name": "Other"})], definitions, 200),
        Change("DELETE", ["api", secret, "DELETE", f"{API}/mine", ""], definitions, 404),
        Change("metrics", metrics_run, metrics, 0, "files"),
        Change("export", [*export, "files/new.csv"], exported("new.csv"), 2, "files"),
        Change("export over", [*export, "files/old.parquet", "--force"], exported("old.parquet"), 0, "files"),
    ]


def write_template(work: Path) -> tuple[str, str]:
    """Write contacts, definitions, keys and files; return the id of a key to be revoked, and the secret of another."""
    people = PEOPLE["r1"]
    columns = {"id": list(people), "seats": list(people.values()), "project_id": ["p"] * len(people)}
    write_contacts(work / "contacts.parquet", columns)
    write_segment(work / "segments", "many", rule("seats", "gte", 10))
    write_segment(work / "segments", "mine", rule("seats", "gte", 20), project_id="p")
    pair = [{"id": name, "name": name, "rules": [rule("seats", "gte", 1)]} for name in ("x", "y")]
    (work / "segments" / "pair.json").write_text(json.dumps(pair, indent=1))
    (work / "files").mkdir()
    (work / "files" / "old.parquet").write_text("old\n")
    (work / "files" / "segbatch.prom").write_text("")
    ring = KeyRing(work / "keys.json")
    return ring.create(["p"])[0].id, ring.create(["p"])[1]
