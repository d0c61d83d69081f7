#!/usr/bin/env bash
# Evaluate all segments over tonight's snapshot and publish them. For cron:
#
#   15 2 * * *  SNAPSHOT=/data/contacts.parquet /opt/segbatch/jobs/nightly.sh >> /var/log/segbatch.log 2>&1
#
# What is set by the environment, with its default:
#   SNAPSHOT            contacts.parquet   a Parquet file, a folder of them, or a glob
#   SEGMENTS            segments           the folder of definitions
#   OUTPUT              output             where the tables are published
#   TIMEZONE            UTC                whose calendar days the definitions mean
#   SEGBATCH            segbatch           the program, where it is not on cron's PATH
#
# The exit status says what happened; see "When it goes wrong" in jobs/README.md.
set -euo pipefail

exec "${SEGBATCH:-segbatch}" run \
    --contacts "${SNAPSHOT:-contacts.parquet}" \
    --segments "${SEGMENTS:-segments}" \
    --output "${OUTPUT:-output}" \
    --timezone "${TIMEZONE:-UTC}"
