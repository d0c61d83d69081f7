# Everything a developer, CI and a newcomer do. Needs Python 3.11+ with pip, git and make; nothing else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO_READY := $(VENV)/.ready-demo
READY := $(VENV)/.ready
INSTALLER := requirements/install.py requirements/uv.txt
INSTALL = $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "segbatch needs Python 3.11 or newer; set PYTHON=...")' \
	&& $(PYTHON) requirements/install.py

# The tests start the program a thousand times. Without its bytecode on disk, each start compiles it, which takes a second.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: api-fuzz node chromium sdk web web-check web-test web-shots help setup demo test lint unit coverage slow serial locks fresh property crash writers nightly postgres compat dbt lake airflow sail spark bench docs lock format clean

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

$(DEMO_READY): requirements/run.txt $(INSTALLER) pyproject.toml
	$(INSTALL) --into $(VENV) --project requirements/run.txt
	touch $@

$(READY): requirements/dev.txt $(DEMO_READY)
	$(INSTALL) --into $(VENV) requirements/dev.txt
	touch $@

setup: $(READY) ## Create the virtual environment in .venv

demo: $(DEMO_READY) ## Run the main job on sample_data/ and show what DuckDB finds
	@$(BIN)/segbatch run --contacts sample_data/contacts.parquet --segments sample_data/segments --output output
	@printf '\nThe largest segments:\n'
	@$(BIN)/segbatch query "SELECT name, member_count FROM segments ORDER BY 2 DESC LIMIT 5"
	@printf '\nWhere the paying customers live:\n'
	@$(BIN)/segbatch query "SELECT c.country, count(*) AS contacts FROM membership m \
		JOIN 'sample_data/contacts.parquet' c ON c.id = m.contact_id \
		WHERE m.segment_id = 'paying-customers' GROUP BY 1 ORDER BY 2 DESC LIMIT 3"
	@printf '\nContacts with three paid orders in 90 days:\n'
	@$(BIN)/segbatch preview docs/examples/related-tables/three-paid-orders.json --contacts sample_data/contacts.parquet \
		--table orders=sample_data/orders.parquet --table-time orders=placed_at --as-of 2025-11-04T02:00Z --first 1
	@printf '\nOpen output/segbatch.duckdb in DuckDB, or go on with: $(BIN)/segbatch query "FROM membership LIMIT 5"\n'

test: lint unit ## Check style, types and layers, and run all quick tests

lint: $(READY) ## Check style, types and import layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/shellcheck .ci/run .ci/fresh jobs/*.sh

JOBS ?= auto

unit: $(READY) ## Run the quick tests (JOBS=N at a time)
	$(BIN)/pytest -q -n $(JOBS) --dist worksteal -m "not slow"

coverage: $(READY) ## Run all tests that can run in parallel, and check the coverage of branches (takes minutes)
	$(BIN)/coverage erase
	SEGBATCH_EXAMPLES=$${EXAMPLES:-6} $(BIN)/coverage run -m pytest -q -n $(JOBS) --dist worksteal -m "not serial and not network"
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --fail-under=95
	$(BIN)/coverage report --fail-under=100 --include='src/segbatch/definitions/*,src/segbatch/compiler/*'

slow: $(READY) ## Run the slow tests, which make test leaves out (takes minutes)
	SEGBATCH_EXAMPLES=$${EXAMPLES:-6} $(BIN)/pytest -q -n $(JOBS) --dist worksteal -m "slow and not serial and not network"
	$(MAKE) serial

serial: $(READY) ## Run the slow tests that need the machine for themselves: servers, signals, many writers (takes minutes)
	$(BIN)/pytest -q -m "serial and not network"

locks: $(READY) ## Install every lock file with only an old pip, as if all packages had a new release (takes minutes)
	$(BIN)/pytest -q -m network tests/locks

fresh: ## Run demo and test in fresh clones without a cache (WITH=oldest: Python 3.11, WITH=newest; takes minutes)
	.ci/fresh $(WITH)

property: $(READY) ## Compare Polars, SQL and a plain evaluator on thousands of random cases (EXAMPLES=N)
	SEGBATCH_EXAMPLES=$${EXAMPLES:-5000} $(BIN)/pytest -q -n $(JOBS) --dist worksteal tests/differential tests/findings

crash: $(READY) ## Kill runs, fill disks, change snapshots, inject faults (KILLS=N FAULTS=N; as root, installs gcc; takes minutes)
	if [ "$$(id -u)" = 0 ] && ! command -v cc gcc clang > /dev/null && command -v apt-get > /dev/null; then \
		apt-get update --quiet=2 && DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends gcc libc6-dev; fi
	SEGBATCH_KILLS=$${KILLS:-40} SEGBATCH_FAULTS=$${FAULTS:-60} $(BIN)/pytest -q tests/crash

writers: $(READY) ## Run twenty writers on one folder of definitions (WRITES=N; takes minutes)
	SEGBATCH_WRITES=$${WRITES:-2000} $(BIN)/pytest -q tests/acceptance/test_twenty_writers.py

nightly: $(READY) ## Run jobs/nightly.sh under a real cron, and check the systemd units (takes minutes; as root, installs cron)
	if [ "$$(id -u)" = 0 ] && ! command -v cron > /dev/null && command -v apt-get > /dev/null; then \
		apt-get update --quiet=2 && DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends cron; fi
	$(BIN)/pytest -q tests/cron

postgres: $(READY) ## Read from and write to a real PostgreSQL server (as root, installs Debian's postgresql; takes a minute)
	if [ "$$(id -u)" = 0 ] && [ ! -e /usr/lib/postgresql ] && ! command -v initdb > /dev/null && command -v apt-get > /dev/null; then \
		apt-get update --quiet=2 && DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends postgresql; fi
	$(BIN)/pytest -q tests/postgres

compat: $(READY) ## Read the published tables with the oldest DuckDB that is supported, pandas and ClickHouse
	$(INSTALL) --into .venv-old-duckdb requirements/old-duckdb.txt
	$(INSTALL) --into .venv-bench requirements/bench.txt
	SEGBATCH_OLD_DUCKDB_PYTHON=$(CURDIR)/.venv-old-duckdb/bin/python SEGBATCH_READERS_PYTHON=$(CURDIR)/.venv-bench/bin/python \
		$(BIN)/pytest -q tests/compat

dbt: $(READY) ## Run the example project for dbt (docs/dbt.md) in an environment of its own
	$(INSTALL) --into .venv-dbt requirements/dbt.txt
	$(BIN)/pytest -q tests/dbt

lake: $(READY) ## Read outputs in object storage, Delta and Iceberg with DuckDB's extensions, Polars and pandas (takes minutes)
	$(INSTALL) --into .venv-lake requirements/lake.txt
	$(BIN)/pytest -q tests/lake

AIRFLOW := .venv-airflow
AIRFLOW_COVERAGE := $(AIRFLOW)/bin/coverage
AIRFLOW_MEASURED := --rcfile=/dev/null --data-file=$(AIRFLOW)/.coverage

$(AIRFLOW)/.ready: requirements/airflow.txt $(INSTALLER) pyproject.toml
	$(INSTALL) --into $(AIRFLOW) --project requirements/airflow.txt
	touch $@

airflow: $(READY) $(AIRFLOW)/.ready ## Run the operator and the sample DAG in a real Airflow (takes minutes)
	$(BIN)/mypy --python-executable $(AIRFLOW)/bin/python src/segbatch/interfaces/airflow jobs tests/airflow tests/builders.py
	$(AIRFLOW_COVERAGE) run $(AIRFLOW_MEASURED) --branch --include='src/segbatch/interfaces/airflow/*' -m pytest -q --durations=5 tests/airflow tests/airflow_parts
	$(AIRFLOW_COVERAGE) report $(AIRFLOW_MEASURED) --show-missing --fail-under=95

SAIL := .venv-sail

$(SAIL)/.ready: requirements/sail.txt $(INSTALLER) pyproject.toml
	$(INSTALL) --into $(SAIL) --project requirements/sail.txt
	touch $@

sail: $(SAIL)/.ready ## Run segbatch on Sail, a Spark Connect server without a JVM
	$(SAIL)/bin/python -m pytest -q --durations=5 tests/spark

SPARK := .venv-spark

$(SPARK)/.ready: requirements/spark.txt $(INSTALLER) pyproject.toml
	$(INSTALL) --into $(SPARK) --project requirements/spark.txt
	touch $@

spark: $(READY) $(SPARK)/.ready ## Run segbatch on a real Spark cluster on this machine (as root, installs Java 17; takes minutes)
	if [ "$$(id -u)" = 0 ] && ! command -v java > /dev/null && command -v apt-get > /dev/null; then \
		apt-get update --quiet=2 && DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends openjdk-17-jre-headless; fi
	$(BIN)/mypy --python-executable $(SPARK)/bin/python src/segbatch/cluster tests/spark
	$(SPARK)/bin/python -m pytest -q --durations=5 tests/spark

BENCH ?= --all --results benchmarks/last_run.json --page docs/benchmarks.md

bench: $(READY) ## Measure segbatch and its peers (takes about an hour; BENCH="--goals --rounds 3" a quarter of one; BENCH="--help" has the options)
	$(INSTALL) --into .venv-bench requirements/bench.txt
	$(BIN)/python benchmarks/bench.py --python .venv-bench/bin/python $(BENCH)

api-fuzz: $(READY) ## Send valid and invalid requests to a real server (EXAMPLES=N; takes minutes)
	SEGBATCH_EXAMPLES=$${EXAMPLES:-20} $(BIN)/pytest -q tests/fuzz

NODE := .venv-node
# The folder has only Node's programs, so that the environment's Python does not come before others.
export PATH := $(CURDIR)/$(NODE)/node:$(PATH)

$(NODE)/.ready: requirements/node.txt $(INSTALLER)
	$(INSTALL) --into $(NODE) requirements/node.txt
	mkdir -p $(NODE)/node
	ln -sf ../bin/node ../bin/npm ../bin/npx $(NODE)/node
	touch $@

# A machine without Node 20.19 or newer gets one from PyPI: Debian 12 has Node 18.
IS_RECENT := const [major, minor] = process.versions.node.split(".").map(Number); process.exit(major * 100 + minor < 2019 ? 1 : 0)
node:
	@{ command -v npm && node -e '$(IS_RECENT)'; } > /dev/null || $(MAKE) $(NODE)/.ready

# apt-get cannot run twice at once, so this is a target, and make runs it once.
chromium:
	if [ "$$(id -u)" = 0 ] && ! command -v chromium > /dev/null && command -v apt-get > /dev/null; then \
		apt-get update --quiet=2 && DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends chromium; fi

SDK := clients/typescript

$(SDK)/node_modules/.ready: $(SDK)/package-lock.json | node
	cd $(SDK) && npm ci
	touch $@

sdk: $(READY) $(SDK)/node_modules/.ready ## Check, build and test the TypeScript client
	cd $(SDK) && npm run check-generated && npm run lint && npm test

PAGE := src/segbatch/interfaces/web/page.html

web/node_modules/.ready: web/package-lock.json | node
	cd web && npm ci
	touch $@

web: web/node_modules/.ready ## Build the page of serve and report from web/
	cd web && npm run build

web-check: web/node_modules/.ready ## Check and test web/, and that the shipped page is built from it
	cd web && npm run lint && npm test
	built=$$(mktemp -d) && trap 'rm -r "$$built"' EXIT && (cd web && WEB_OUT=$$built npm run build) && cmp $$built/page.html $(PAGE)

web-test: $(READY) web/node_modules/.ready chromium ## Drive the page in a real Chromium over a real server (as root, installs Debian's chromium)
	cd web && npm run e2e

web-shots: $(READY) web/node_modules/.ready chromium ## Write a picture of each page into docs/images (as root, installs Debian's chromium)
	cd web && npm run shots

docs: $(READY) ## Generate docs/cli.md, the settings in docs/configuration.md, docs/openapi.json and the JSON Schema
	$(BIN)/segbatch schema > docs/segment.schema.json
	$(BIN)/python docs/make_cli.py
	$(BIN)/python docs/make_openapi.py

UPGRADE ?= --upgrade
COMPILE := $(BIN)/uv pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 \
	--no-strip-extras --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(UPGRADE)

lock: $(READY) ## Resolve the dependencies again into requirements/*.txt (UPGRADE= keeps the locked versions)
	$(COMPILE) --group installer --output-file requirements/uv.txt
	$(COMPILE) --group old-pip --output-file requirements/old-pip.txt
	$(COMPILE) --group dev pyproject.toml --output-file requirements/dev.txt
	$(COMPILE) --group build pyproject.toml --constraint requirements/dev.txt --output-file requirements/run.txt
	$(COMPILE) --group bench --constraint requirements/dev.txt --output-file requirements/bench.txt
	$(COMPILE) --group old-duckdb --output-file requirements/old-duckdb.txt
	$(COMPILE) --group dbt --output-file requirements/dbt.txt
	$(COMPILE) --group lake --output-file requirements/lake.txt
	$(COMPILE) --group node --output-file requirements/node.txt
	$(COMPILE) --group sail pyproject.toml --constraint requirements/dev.txt --output-file requirements/sail.txt
	$(COMPILE) --group spark pyproject.toml --constraint requirements/dev.txt --output-file requirements/spark.txt
	$(COMPILE) --group airflow --extra airflow pyproject.toml --output-file requirements/airflow.txt
	$(BIN)/python requirements/repeat_extras.py requirements/*.txt

format: $(READY) ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## Remove generated files and the environment
	rm -rf $(VENV) output build dist .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis
