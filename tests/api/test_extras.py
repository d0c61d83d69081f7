"""The server needs the extra `api` alone, and says what needs another one."""

import subprocess
import sys
from pathlib import Path

import pyarrow as pa

from builders import rule, write_contacts, write_segment

OTHER_EXTRAS = ["sqlglot", "obstore", "deltalake", "pyiceberg", "httpx", "pyspark", "adbc_driver_manager", "airflow"]

LOAD_ALL = f"""
import importlib, pkgutil, sys
sys.modules.update(dict.fromkeys({OTHER_EXTRAS!r}))  # None lets an import fail
import segbatch.interfaces.api as api
for module in pkgutil.walk_packages(api.__path__, api.__name__ + "."):
    importlib.import_module(module.name)
"""


def test_all_modules_of_the_server_load_without_other_extras() -> None:
    done = subprocess.run([sys.executable, "-c", LOAD_ALL], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


EXPLAIN = f"""
import sys
sys.modules.update(dict.fromkeys({OTHER_EXTRAS!r}))
from segbatch.compiler.prepare import EvaluationOptions
from segbatch.definitions.loader import load_definitions
from segbatch.interfaces.api.contact_jobs import ExplainJob
job = ExplainJob(EvaluationOptions("contacts.parquet"), load_definitions("segments"), "pro", None, 60.0, sql=True)
found = job.run(lambda: None)
print(found.errors, found.sql, found.no_sql)
"""


def test_an_explanation_says_that_sql_needs_an_extra(tmp_path: Path) -> None:
    write_contacts(tmp_path / "contacts.parquet", pa.table({"id": ["a"], "plan": ["pro"]}))
    (tmp_path / "segments").mkdir()
    write_segment(tmp_path / "segments", "pro", rule("plan", "eq", "pro"))
    command = [sys.executable, "-c", EXPLAIN]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    expected = "() None SQL needs the extra sql, which the server does not have: pip install 'segbatch[sql]'"
    assert done.stdout.strip() == expected
