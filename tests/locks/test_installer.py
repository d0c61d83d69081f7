"""The installer uses the registry that pip is configured with, and falls back to pip."""

import subprocess
from pathlib import Path

import pytest

import install
from install import make_environment, read_pip_settings, translate_for_uv

LISTING = """\
:env:.default-timeout='180'
:env:.index-url='https://env.example/simple'
global.cert='/etc/certs.pem'
global.extra-index-url='\\nhttps://one.example/simple\\nfile:///two/simple'
global.index-url='https://file.example/simple'
install.find-links='/one /two'
download.no-index='true'
"""


def test_the_environment_overrides_the_files_of_pip() -> None:
    assert read_pip_settings(LISTING) == {
        "timeout": "180",
        "index-url": "https://env.example/simple",
        "cert": "/etc/certs.pem",
        "extra-index-url": "\nhttps://one.example/simple\nfile:///two/simple",
        "find-links": "/one /two",
    }
    assert read_pip_settings("") == {}


def test_the_configuration_of_pip_is_translated_for_uv() -> None:
    assert translate_for_uv(read_pip_settings(LISTING), {}) == {
        "UV_DEFAULT_INDEX": "https://env.example/simple",
        "UV_INDEX": "https://one.example/simple file:///two/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_FIND_LINKS": "/one,/two",
        "UV_HTTP_TIMEOUT": "180",
        "SSL_CERT_FILE": "/etc/certs.pem",
    }


def test_the_configuration_of_uv_takes_precedence() -> None:
    own = {"UV_INDEX_URL": "https://own.example", "UV_INDEX": "https://more.example", "SSL_CERT_FILE": "/own.pem"}
    assert translate_for_uv(read_pip_settings(LISTING), own) == {"UV_FIND_LINKS": "/one,/two", "UV_HTTP_TIMEOUT": "180"}


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """Create an environment whose Python and uv record their calls; uv fails if the file `uv-fails` exists."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("python", "uv"):
        script = f'#!/bin/sh\necho {name} "$@" >> {tmp_path}/calls\n'
        script += (
            f"case {name}:$* in uv:*) test ! -e {tmp_path}/uv-fails ;; *uv.txt) test ! -e {tmp_path}/no-uv ;; esac\n"
        )
        (folder / name).write_text(script)
        (folder / name).chmod(0o755)
    (folder / "pip").touch()
    return tmp_path


PIP = "python -m pip install --quiet --disable-pip-version-check"
UV = f"{PIP} --require-hashes -r {install.HERE}/uv.txt"


@pytest.mark.parametrize(
    ("fails", "calls"),
    [
        ("nothing", ["uv a", "uv b"]),
        ("uv-fails", ["uv a", f"{PIP} a", "uv b", f"{PIP} b"]),
        ("no-uv", [f"{PIP} a", f"{PIP} b"]),
    ],
)
def test_pip_installs_the_packages_if_uv_fails(
    fails: str, calls: list[str], environment: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (environment / fails).touch()
    python = make_environment(environment)
    install.install(python, ["a"], ["b"])
    by_uv = f"uv pip install --quiet --python {python} "
    made = (environment / "calls").read_text().replace(by_uv, "uv ").splitlines()
    assert made == [UV, "python -m pip config list", *calls]
    said = "uv failed here; installing the same with pip\n"
    assert capfd.readouterr().err == ("" if fails == "nothing" else said * 2)


@pytest.mark.slow
def test_an_environment_without_pip_is_recreated(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to("/nowhere")
    python = make_environment(tmp_path)
    assert subprocess.run([python, "-m", "pip", "--version"], check=False, capture_output=True).returncode == 0
