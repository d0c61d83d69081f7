"""The clusters of the tests, as processes of this machine that listen on the loopback alone."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path

LOOPBACK = "127.0.0.1"
TESTS = Path(__file__).parents[1]
SECONDS_TO_START = 400
CORES, WORKERS = 1, 2

HAS_SAIL = find_spec("pysail") is not None
"""Whether this is the environment of `make sail`; the other one is that of `make spark`."""


def free_port() -> int:
    with socket.socket() as found:
        found.bind((LOOPBACK, 0))
        return int(found.getsockname()[1])


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a server. Its Python workers import the modules of the tests."""
    ours = {
        "PYTHONPATH": os.pathsep.join(filter(None, [str(TESTS), os.environ.get("PYTHONPATH")])),
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": LOOPBACK,
        "SPARK_LOCAL_HOSTNAME": LOOPBACK,
        "SPARK_DAEMON_MEMORY": "256m",
    }
    return {**os.environ, **ours, **more}


@contextmanager
def run_server(command: Sequence[str | Path], log: Path, port: int, env: Mapping[str, str]) -> Iterator[None]:
    """Run a process until the end of the block. The block begins once it listens.

    Raises:
        RuntimeError: It ended, or does not listen.
    """
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=env)
    try:
        await_port(process, port, log)
        yield
    finally:
        process.terminate()
        process.wait(60)


def await_port(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex((LOOPBACK, port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError(f"the server does not listen: {' '.join(map(str, process.args))}\n{log.read_text()[-4000:]}")  # type: ignore[arg-type]


@contextmanager
def run_sail(folder: Path) -> Iterator[str]:
    """Run Sail, and return its address."""
    port = free_port()
    command: list[str | Path] = [
        Path(sys.executable).with_name("sail"),
        "spark",
        "server",
        "--ip",
        LOOPBACK,
        "--port",
        str(port),
    ]
    with run_server(command, folder / "sail.log", port, environment()):
        yield f"sc://{LOOPBACK}:{port}"


@contextmanager
def run_standalone(folder: Path) -> Iterator[str]:
    """Run a master and two workers with one core each, and return the address of the master."""
    port = free_port()
    master = ["Master", "--host", LOOPBACK, "--port", str(port), "--webui-port", "0"]
    address = f"spark://{LOOPBACK}:{port}"
    with ExitStack() as stack:
        stack.enter_context(run_class(master, folder / "master.log", port))
        for number in range(WORKERS):
            own_port, work = free_port(), folder / f"work-{number}"
            options = ["--host", LOOPBACK, "--port", str(own_port), "--webui-port", "0", "--work-dir", str(work)]
            worker = ["Worker", *options, "--cores", str(CORES), "--memory", "2g", address]
            stack.enter_context(run_class(worker, folder / f"worker-{number}.log", own_port))
        yield address


@contextmanager
def run_class(words: Sequence[str], log: Path, port: int) -> Iterator[None]:
    """Run a class of Spark's own cluster manager."""
    home = spark_home()
    command: list[str | Path] = [
        home / "bin/spark-class",
        f"org.apache.spark.deploy.{words[0].lower()}.{words[0]}",
        *words[1:],
    ]
    with run_server(command, log, port, environment(SPARK_HOME=str(home))):
        yield


@contextmanager
def run_connect(folder: Path) -> Iterator[str]:
    """Run Spark's own Connect server, with two threads, and return its address."""
    port, home = free_port(), spark_home()
    settings = {**settings_of_driver(), "spark.connect.grpc.binding.port": str(port)}
    options = [f"--conf={name}={value}" for name, value in settings.items()]
    main = ["--class", "org.apache.spark.sql.connect.service.SparkConnectServer", "spark-internal"]
    command: list[str | Path] = [home / "bin/spark-submit", "--master", "local[2]", *options, *main]
    with run_server(command, folder / "connect.log", port, environment(SPARK_HOME=str(home), SPARK_DAEMON_MEMORY="1g")):
        yield f"sc://{LOOPBACK}:{port}"


def settings_of_driver() -> dict[str, str]:
    """Return the settings with which a driver listens on the loopback alone."""
    return {
        "spark.driver.bindAddress": LOOPBACK,
        "spark.driver.host": LOOPBACK,
        "spark.driver.memory": "1g",
        "spark.executor.memory": "1g",
        "spark.executor.cores": str(CORES),
        "spark.ui.enabled": "false",
        "spark.connect.grpc.binding.address": LOOPBACK,
    }


def spark_home() -> Path:
    spec = find_spec("pyspark")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent
