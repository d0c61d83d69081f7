"""jobs/nightly.sh, run by a real cron in folders with unusual names: runs succeed, fail, are locked or are killed."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

import duckdb
import pytest

import segbatch
from builders import rule, write_contacts, write_segment
from cron import at_work, scheduled, wait_for
from segbatch.storage.output_lock import FAIL_IF_LOCKED, lock_output

SCRIPT = Path(__file__).parents[2] / "jobs" / "nightly.sh"
TOLD = 'env | sort > "$NAME.env"; cat > "$NAME.json"'

HELD_UP = """#!{python}
import os, sys, time
import segbatch.pipeline.evaluation
def hold_up(*_):
    with open("at-work", "w") as file:
        print(os.getpid(), file=file)
    time.sleep(600)
segbatch.pipeline.evaluation.segment_records = hold_up
sys.argv[0] = "segbatch"
from segbatch.__main__ import main
main()
"""
"""The program, which pauses in the middle of a run."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job in a folder of its own."""

    folder: Path

    def prepare(self) -> None:
        """Publish a previous run, and write the settings of the run that cron starts."""
        self.folder.mkdir()
        write_contacts(self.folder / "contacts.parquet", {"status": ["active", "new"]})
        write_segment(self.folder / "segments", "active", rule("status", "eq", "active"))
        segbatch.run(self.at("contacts.parquet"), self.at("segments"), self.at("output"), run_id="earlier-run")
        hooks = f"on_success = '{TOLD}'\non_failure = '{TOLD}'\n"
        (self.folder / "segbatch.toml").write_text(f'contacts = "contacts.parquet"\n{hooks}metrics_file = "it.prom"\n')

    def at(self, name: str) -> Path:
        return self.folder / name

    def command(self, program: Path, **more: str) -> str:
        """Return the command for a crontab."""
        environment = {
            "NAME": "told",
            "NIGHTLY_FOLDER": self.folder,
            "NIGHTLY_LOG": self.at("log"),
            "SEGBATCH": program,
        }
        words = " ".join(f"{name}={quote(str(value))}" for name, value in (environment | more).items())
        return f"{words} {quote(str(SCRIPT))} --run-id this-run"

    def hook_input(self) -> tuple[dict[str, str], dict[str, Any]]:
        """Return the variables and the report that the hook received."""
        report = json.loads(wait_for(self.at("told.json")))
        lines = (line.partition("=")[::2] for line in self.at("told.env").read_text().splitlines() if "=" in line)
        return dict(lines), report

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.at("log").read_text().splitlines()]

    def published(self) -> str:
        with duckdb.connect(self.at("output/segbatch.duckdb"), read_only=True) as tables:
            return str(tables.sql("SELECT run_id FROM runs ORDER BY run_number DESC LIMIT 1").fetchall()[0][0])


@dataclass(frozen=True, slots=True)
class ScheduledJobs:
    """The results of all scheduled jobs."""

    folder: Path

    def job(self, name: str) -> Job:
        return Job(self.folder / name)

    def status(self, name: str) -> int:
        return int(wait_for(self.folder / f"{name}.status"))

    def mail(self, name: str) -> str:
        assert self.status(name) is not None
        return (self.folder / f"{name}.mail").read_text()


@pytest.fixture(scope="module")
def cron_jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScheduledJobs]:
    """Run all jobs by cron in the same minute, since cron needs up to a minute to start."""
    cron_jobs = ScheduledJobs(tmp_path_factory.mktemp("a folder with spaces"))
    program = Path(sys.executable).with_name("segbatch")
    slow = cron_jobs.folder / "held up"
    slow.write_text(HELD_UP.format(python=sys.executable))
    slow.chmod(0o755)
    for name in ("well", "badly", "locked", "killed", "endless", "silent"):
        cron_jobs.job(name).prepare()
    write_segment(cron_jobs.job("badly").at("segments"), "bad", rule("stauts", "eq", "x"))
    silent = f"{cron_jobs.job('silent').command(program, NIGHTLY_LOG='')} --quiet"
    jobs = {name: cron_jobs.job(name).command(program) for name in ("well", "badly", "locked")}
    jobs |= {"killed": cron_jobs.job("killed").command(slow), "silent": silent}
    jobs["endless"] = cron_jobs.job("endless").command(slow, NIGHTLY_TIME_LIMIT="30s")
    with (
        at_work(),
        lock_output(cron_jobs.job("locked").at("output/lock"), "run of a test", FAIL_IF_LOCKED),
        scheduled(cron_jobs.folder, jobs),
    ):
        os.kill(int(wait_for(cron_jobs.job("killed").at("at-work"))), signal.SIGKILL)
        for name in jobs:
            cron_jobs.status(name)
        yield cron_jobs


def test_a_successful_run_publishes_and_calls_the_hook(cron_jobs: ScheduledJobs) -> None:
    job = cron_jobs.job("well")
    assert (cron_jobs.status("well"), cron_jobs.mail("well"), job.published()) == (0, "", "this-run")
    facts, report = job.hook_input()
    assert (facts["SEGBATCH_STATUS"], report["report"]["memberships"]) == ("published", 1)
    assert (job.log()[0]["event"], job.log()[-1]["event"]) == ("run_started", "run_ended")
    assert 'segbatch_last_run_status{output="' in job.at("it.prom").read_text()


def test_the_environment_of_cron_is_bare(cron_jobs: ScheduledJobs) -> None:
    facts, _ = cron_jobs.job("well").hook_input()
    assert len(facts["PATH"].split(":")) <= 3
    assert "PYTHONPATH" not in facts
    assert "VIRTUAL_ENV" not in facts


def test_a_failed_segment_makes_the_run_partial(cron_jobs: ScheduledJobs) -> None:
    job = cron_jobs.job("badly")
    assert (cron_jobs.status("badly"), cron_jobs.mail("badly"), job.published()) == (3, "", "this-run")
    facts, _ = job.hook_input()
    assert (facts["SEGBATCH_STATUS"], facts["SEGBATCH_HOOK"]) == ("partial", "on-failure")
    assert [line["segment_id"] for line in job.log() if line["event"] == "segment_failed"] == ["bad"]


def test_a_run_that_finds_the_output_locked_exits_with_75(cron_jobs: ScheduledJobs) -> None:
    job = cron_jobs.job("locked")
    assert (cron_jobs.status("locked"), cron_jobs.mail("locked"), job.published()) == (75, "", "earlier-run")
    facts, report = job.hook_input()
    assert facts["SEGBATCH_STATUS"] == "locked"
    assert f"run of a test (process {os.getpid()} on " in report["message"]


def test_a_killed_run_is_reported_and_the_next_run_cleans_up(cron_jobs: ScheduledJobs) -> None:
    job = cron_jobs.job("killed")
    assert (cron_jobs.status("killed"), job.published()) == (137, "earlier-run")
    facts, report = job.hook_input()
    assert (facts["SEGBATCH_STATUS"], facts["SEGBATCH_RUN_ID"], report["is_published"]) == ("killed", "this-run", False)
    assert list(job.at("output/runs").glob(".tmp-*"))
    again = segbatch.run(job.at("contacts.parquet"), job.at("segments"), job.at("output"), run_id="again")
    assert (again.run.memberships, job.published()) == (1, "again")
    assert not list(job.at("output/runs").glob(".tmp-*"))


def test_a_run_beyond_the_time_limit_is_terminated(cron_jobs: ScheduledJobs) -> None:
    job = cron_jobs.job("endless")
    assert (cron_jobs.status("endless"), cron_jobs.mail("endless"), job.published()) == (
        143,
        "",
        "earlier-run",
    )
    facts, _ = job.hook_input()
    assert facts["SEGBATCH_STATUS"] == "terminated"
    assert (job.log()[-1]["status"], job.log()[-1]["exit_status"]) == ("terminated", 143)
    assert not list(job.at("output/runs").glob(".tmp-*"))


def test_a_quiet_run_without_a_log_prints_nothing_for_cron_to_mail(cron_jobs: ScheduledJobs) -> None:
    assert (
        cron_jobs.status("silent"),
        cron_jobs.mail("silent"),
        cron_jobs.job("silent").published(),
    ) == (0, "", "this-run")
