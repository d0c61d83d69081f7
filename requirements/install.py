"""Install a lock file into a virtual environment, which is made if it is missing.

    python3 requirements/install.py --into .venv --project requirements/run.txt

pip installs uv as pinned in `uv.txt`, and uv installs the lock file. uv does not read pip's settings, so it gets the
index, certificates and proxy that pip is configured with. If uv fails, pip installs the same file.
"""

import argparse
import ast
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).parent
PROJECT = HERE.parent

UV_SETTINGS = {
    "index-url": ("UV_DEFAULT_INDEX", "UV_INDEX_URL"),
    "extra-index-url": ("UV_INDEX", "UV_EXTRA_INDEX_URL"),
    "find-links": ("UV_FIND_LINKS",),
    "no-index": ("UV_NO_INDEX",),
    "trusted-host": ("UV_INSECURE_HOST",),
    "cert": ("SSL_CERT_FILE",),
    "client-cert": ("SSL_CLIENT_CERT",),
    "proxy": ("ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy"),
    "timeout": ("UV_HTTP_TIMEOUT",),
}
"""For each setting of pip the variable that uv reads, and others that, if set, mean that uv is configured already."""


def read_pip_settings(listing: str) -> dict[str, str]:
    """Read what `pip config list` prints; the environment wins over pip's files, as in pip.

    Args:
        listing: Lines such as `global.index-url='https://...'`.

    Returns:
        The settings that apply to `pip install`, without their section.
    """
    settings: dict[str, str] = {}
    for section in ("global.", "install.", ":env:."):
        for line in listing.splitlines():
            name, _, value = line.partition("=")
            if name.startswith(section):
                settings[name.removeprefix(section).removeprefix("default-")] = str(ast.literal_eval(value))
    return settings


def translate_for_uv(settings: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """Translate pip's settings into variables for uv, except those that the environment already sets.

    Args:
        settings: pip's settings.
        environ: The environment of this process.

    Returns:
        The variables to add.
    """
    added: dict[str, str] = {}
    for name, variables in UV_SETTINGS.items():
        value = " ".join(settings.get(name, "").split())
        if value and not any(environ.get(variable) for variable in variables):
            # uv splits this variable at commas, and the others at spaces, as pip does.
            added[variables[0]] = value.replace(" ", ",") if name == "find-links" else value
    if added.get("UV_INDEX"):
        # pip takes a version from any of its indexes; uv stops at the first that has the package. The hashes decide.
        added.setdefault("UV_INDEX_STRATEGY", environ.get("UV_INDEX_STRATEGY") or "unsafe-best-match")
    return added


def make_environment(folder: Path) -> Path:
    """Make a virtual environment, unless a complete one is there.

    Args:
        folder: Its folder.

    Returns:
        Its Python.
    """
    python = folder / "bin" / "python"
    if not python.exists() or not python.with_name("pip").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    return python


def install(python: Path, *steps: list[str]) -> None:
    """Install with uv, and with pip what uv fails to install.

    uv does not compile the libraries to bytecode, as pip does: that takes most of the installation's time, and the
    first program that imports a module compiles it and keeps the result. The Makefile lets it.

    Args:
        python: The environment's Python.
        steps: Options that uv and pip have in common, and files; one list for each call of the installer.
    """
    pip = [str(python), "-m", "pip"]
    pip_install = [*pip, "install", "--quiet", "--disable-pip-version-check"]
    has_uv = subprocess.run([*pip_install, "--require-hashes", "-r", str(HERE / "uv.txt")], check=False).returncode == 0
    listing = subprocess.run([*pip, "config", "list"], check=False, capture_output=True, text=True).stdout
    environ = {**os.environ, **translate_for_uv(read_pip_settings(listing), os.environ)}
    by_uv = [str(python.with_name("uv")), "pip", "install", "--quiet", "--python", str(python)]
    for step in steps:
        if not has_uv or subprocess.run([*by_uv, *step], check=False, env=environ).returncode:
            print("uv failed here; installing the same with pip", file=sys.stderr)
            subprocess.run([*pip_install, *step], check=True)


def main() -> None:
    """Install what the command line names."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("lock", type=Path, help="the lock file to install")
    parser.add_argument("--into", type=Path, required=True, help="the folder of the virtual environment")
    parser.add_argument("--project", action="store_true", help="also install segbatch itself, editable")
    options = parser.parse_args()
    try:
        python = make_environment(options.into)
        locked = ["--require-hashes", "-r", str(options.lock)]
        project = ["--no-deps", "--no-build-isolation", "--editable", str(PROJECT)]
        install(python, locked, *([project] if options.project else []))
    except subprocess.CalledProcessError as error:
        sys.exit(f"{options.lock} could not be installed into {options.into}: see the messages above ({error})")


if __name__ == "__main__":
    main()
