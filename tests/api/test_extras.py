"""The server needs the extra `api` alone."""

import subprocess
import sys

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
