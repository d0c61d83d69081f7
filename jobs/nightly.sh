#!/usr/bin/env bash
# Evaluate all segments over the current snapshot and publish them: for cron, and for systemd (segbatch.service). For cron:
#
#   15 2 * * *  NIGHTLY_FOLDER=/data/crm SEGBATCH=/opt/segbatch/.venv/bin/segbatch /opt/segbatch/jobs/nightly.sh --job customers
#
# Set options in segbatch.toml, in variables SEGBATCH_..., or as arguments of the script, which are passed to `segbatch run`.
# It is POSIX only (bash and timeout). The script itself reads these variables, shown with their defaults:
#   SEGBATCH            segbatch   the program, if it is not on the PATH, which is short under cron
#   NIGHTLY_FOLDER      .          the working folder, in which segbatch.toml is searched
#   NIGHTLY_LOG         (none)     the file that the log is appended to, instead of stderr
#   NIGHTLY_TIME_LIMIT  6h         the time after which the run is terminated; it is killed ten seconds later
#
# The exit status is that of the run, 127 if the program is missing, and 125 if the time limit is not valid; see "When it
# goes wrong" in jobs/README.md.
set -euo pipefail

if [[ ${1:-} == --help || ${1:-} == -h ]]; then
    sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"
    exit 0
fi
cd -- "${NIGHTLY_FOLDER:-.}"
program=$(command -v -- "${SEGBATCH:-segbatch}") || {
    echo "nightly.sh: the program '${SEGBATCH:-segbatch}' is missing; set SEGBATCH to the path of segbatch" >&2
    exit 127
}
if [[ -n ${NIGHTLY_LOG:-} ]]; then
    exec 2>> "$NIGHTLY_LOG"
fi
# The log is JSON, one event per line (a later --log-format overrides it). It has all that is in the table, which is dropped.
exec timeout --signal=TERM --kill-after=10s --preserve-status "${NIGHTLY_TIME_LIMIT:-6h}" "$program" run --log-format json "$@" > /dev/null
