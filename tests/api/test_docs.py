"""Run the curl examples of docs/api.md against a real server."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

import segbatch
from asking import PRO, serving
from builders import write_contacts
from segbatch.interfaces.api.keys.key_store import KeyRing

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
CALLS = [block for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL) if "curl" in block]
SHOWN = [json.loads(block) for block in re.findall(r"^```json\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)]


@pytest.mark.slow
def test_examples_of_the_api_page_run_in_order(tmp_path: Path) -> None:
    contacts = {"status": ["active", "new"], "custom_fields": [{"plan": "pro"}] * 2, "project_id": ["proj-1"] * 2}
    write_contacts(tmp_path / "contacts.parquet", contacts)
    _, secret = KeyRing(tmp_path / "segbatch-keys.json").create(["proj-1"])
    answers, made = list[Any](), dict[str, Any]()
    with serving(tmp_path, "--contacts", "contacts.parquet") as server:
        environment = os.environ | {"API": server.url, "KEY": secret, "ID": ""}
        for call in CALLS:
            done = subprocess.run(["bash", "-c", call], env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, call + done.stderr
            answers.append(json.loads(done.stdout) if done.stdout else None)
            if call.startswith("curl -sf $API -H") and "-d" in call:
                made = answers[-1]
                environment["ID"] = made["id"]
            if "-X DELETE" in call:  # the examples after it need a published segment
                kept = json.dumps(PRO | {"project_id": "proj-1", "rules": made["rules"]})
                (tmp_path / "segments" / "kept.json").write_text(kept)
                segbatch.run(tmp_path / "contacts.parquet", tmp_path / "segments", tmp_path / "output")
                environment["ID"] = "kept"
    assert len(answers) == len(CALLS) == 8
    assert answers[0] == []
    assert made.keys() == SHOWN[0].keys()
    assert answers[-2].keys() == SHOWN[1].keys()
    assert answers[-2]["members"] == ["a"]
    assert answers[-1].keys() == SHOWN[2].keys()
    assert answers[-1]["first"] == ["a"]
    assert {key: made[key] for key in ("name", "description", "rules", "list_id", "updated_at")} == {
        key: SHOWN[0][key] for key in ("name", "description", "rules", "list_id", "updated_at")
    }
