"""An old pip without uv installs every lock file, now and after a new release of every locked package."""

import base64
import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from .lockfiles import FOLDER, read_group, read_pins, read_project, walk

pytestmark = [pytest.mark.slow, pytest.mark.network]

ROOTS = {
    "airflow.txt": [*read_project("airflow"), *read_group("airflow")],
    "bench.txt": [*read_group("bench")],
    "dbt.txt": [*read_group("dbt")],
    "lake.txt": [*read_group("lake")],
    "dev.txt": [*read_project(), *read_group("dev")],
    "node.txt": [*read_group("node")],
    "old-duckdb.txt": [*read_group("old-duckdb")],
    "run.txt": [*read_project(), *read_group("build")],
    "sail.txt": [*read_project(), *read_group("sail")],
    "spark.txt": [*read_project(), *read_group("spark")],
    "uv.txt": [*read_group("installer")],
}


@pytest.fixture(scope="module")
def old_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create an environment with an old pip, and return its Python."""
    folder = tmp_path_factory.mktemp("old")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "--require-hashes", "-r", FOLDER / "old-pip.txt"], check=True)
    return python


def release(name: str, folder: Path) -> None:
    """Write a wheel with a version newer than any other and without requirements."""
    stem = f"{name.replace('-', '_')}-9999.0"
    files = {
        f"{stem}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 9999.0\n",
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    digests = {path: base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()) for path, text in files.items()}
    record = [f"{path},sha256={digests[path].decode().rstrip('=')},{len(text)}" for path, text in files.items()]
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
        wheel.writestr(f"{stem}.dist-info/RECORD", "\n".join([*record, f"{stem}.dist-info/RECORD,,\n"]))


def pip_install(python: Path, *words: str | Path) -> None:
    command = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--require-hashes", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def list_installed(python: Path) -> dict[str, str]:
    listed = subprocess.check_output([python, "-m", "pip", "list", "--format=json"])
    return {str(canonicalize_name(entry["name"])): entry["version"] for entry in json.loads(listed)}


def test_every_lock_file_is_tested() -> None:
    assert {"old-pip.txt", *ROOTS} == {file.name for file in FOLDER.glob("*.txt")}


@pytest.mark.parametrize("lock", ROOTS)
def test_a_newer_release_does_not_change_the_installed_packages(lock: str, old_python: Path, tmp_path: Path) -> None:
    pins = read_pins(FOLDER / lock)
    for name in {pin.name for pin in pins}:
        release(name, tmp_path)
    report = tmp_path / "report.json"
    options = ["--dry-run", "--ignore-installed", "--find-links", str(tmp_path), "--report", str(report)]
    pip_install(old_python, *options, "-r", FOLDER / lock)

    found = {
        canonicalize_name(entry["metadata"]["name"]): entry["metadata"]
        for entry in json.loads(report.read_text())["install"]
    }
    pinned = {pin.name: pin.version for pin in pins}
    assert {name: entry["version"] for name, entry in found.items()}.items() <= pinned.items()

    required = walk(ROOTS[lock], {name: entry.get("requires_dist", []) for name, entry in found.items()})
    assert {why for variant, why in required.items() if variant not in {pin.variant for pin in pins}} == set()


@pytest.mark.parametrize("locks", [["run.txt", "dev.txt"]], ids="-".join)
def test_pip_and_uv_install_the_same_versions(locks: list[str], old_python: Path) -> None:
    for lock in locks:
        pip_install(old_python, "-r", FOLDER / lock)
    by_pip, by_uv = list_installed(old_python), list_installed(Path(sys.executable))
    pinned = {pin.name for pin in read_pins(FOLDER / "dev.txt")}
    assert {name: by_pip.get(name) for name in pinned} == {name: by_uv.get(name) for name in pinned}
