#!/usr/bin/env bash
# Evaluate all segments over tonight's snapshot and publish them: for cron, and for systemd (segbatch.service). For cron:
#
#   15 2 * * *  NIGHTLY_FOLDER=/data/crm SEGBATCH=/opt/segbatch/.venv/bin/segbatch /opt/segbatch/jobs/nightly.sh --job customers
#
# What to run stands in segbatch.toml, in variables SEGBATCH_..., or behind the script, which takes all that `segbatch run`
# takes. The script itself reads from the environment, with its default:
#   SEGBATCH            segbatch   the program, where it is not on the PATH, which cron keeps short
#   NIGHTLY_FOLDER      .          where it is run, and segbatch.toml looked for
#   NIGHTLY_LOG         (none)     a file to which the log is appended, in place of stderr
#   NIGHTLY_TIME_LIMIT  6h         when the run is terminated; it has ten seconds more before it is killed
#
# The exit status is that of the run, 127 where there is no program, and 125 where the time limit is none; see "When it goes wrong" in jobs/README.md.
set -euo pipefail

if [[ ${1:-} == --help || ${1:-} == -h ]]; then
    sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"
    exit 0
fi
cd -- "${NIGHTLY_FOLDER:-.}"
program=$(command -v -- "${SEGBATCH:-segbatch}") || {
    echo "nightly.sh: there is no program '${SEGBATCH:-segbatch}'; set SEGBATCH to the path of segbatch" >&2
    exit 127
}
if [[ -n ${NIGHTLY_LOG:-} ]]; then
    exec 2>> "$NIGHTLY_LOG"
fi
# The table of a run is for people, and goes nowhere; all that is in it is in the log.
exec timeout --signal=TERM --kill-after=10s --preserve-status "${NIGHTLY_TIME_LIMIT:-6h}" "$program" run "$@" > /dev/null
