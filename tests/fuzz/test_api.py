"""Run schemathesis with valid and invalid requests against a real server: `make api-fuzz`."""

import os
import subprocess
import sys
from pathlib import Path

import segbatch
from asking import serving
from builders import rule, write_contacts, write_segment
from segbatch.interfaces.api.keys.key_store import KeyRing

HERE = Path(__file__).parent
EXAMPLES = os.environ.get("SEGBATCH_EXAMPLES", "20")


def test_schemathesis_finds_no_failures(tmp_path: Path) -> None:
    contacts = {"status": ["active", "new", None], "project_id": ["p", "p", "q"]}
    write_contacts(tmp_path / "contacts.parquet", contacts)
    write_segment(tmp_path / "segments", "active", rule("status", "eq", "active"), project_id="p")
    segbatch.run(tmp_path / "contacts.parquet", tmp_path / "segments", tmp_path / "output")
    _, secret = KeyRing(tmp_path / "keys.json").create(["p"])
    with serving(tmp_path, "--keys", "keys.json", "--contacts", "contacts.parquet") as server:
        command = [
            *(str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(HERE / "schemathesis.toml")),
            *("run", f"{server.base}/openapi.json", "--header", f"Authorization: Bearer {secret}"),
            # excluded: a segment can have the id `preview` (from its file name), and its path then allows more methods
            *("--checks", "all", "--exclude-checks", "allow_header_conformance"),
            *("--max-examples", EXAMPLES, "--continue-on-failure"),
            *("--suppress-health-check", "all", "--request-timeout", "60"),
        ]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert server.process.poll() is None
    log = (tmp_path / "serve.log").read_text()
    assert "Traceback" not in log
    assert secret not in log
