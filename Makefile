# `make help` lists everything. Every target alone is enough: each sets up what it needs.
SHELL := /bin/bash
PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
COMPILE := uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate

.PHONY: help setup setup-dev demo up test test-fast coverage check check-types check-others format bench chaos docs lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install what running needs: system packages, .venv, the locked dependencies
	@deploy/setup $(PYTHON) runtime

setup-dev: ## the same, with what developing and testing need
	@deploy/setup $(PYTHON) development

demo: setup ## from a roster of 500 graduates to signed PDF tickets, through Dagster
	@deploy/demo

up: setup ## PostgreSQL, Dagster's page and its daemon, until Ctrl-C
	@ticketing up

# Bytecode of the product and the rewritten tests, also where the environment forbids writing it:
# without it every worker and every process started by a test compiles everything again.
test test-fast coverage: export PYTHONDONTWRITEBYTECODE :=
test test-fast coverage: export PYTHONPYCACHEPREFIX := $(CURDIR)/.cache/pyc

test: setup-dev ## all tests
	@pytest -n 2 --dist worksteal --durations=5

test-fast: setup-dev ## a little of everything, under 90 seconds: before a commit
	@HYPOTHESIS_PROFILE=fast pytest -n 2 --dist worksteal --cases-per-test 1 --database-tests-per-module 1 \
	  --most-cpu-seconds 3 \
	  -m "not (browser or chaos or kill or process or slow)"

coverage: setup-dev ## the same, counting which lines ran: a third slower
	@pytest -n 2 --dist worksteal --cov --cov-report=term:skip-covered

check: setup-dev ## the static gates, on two processors
	@$(MAKE) --no-print-directory -j 2 --output-sync=target check-types check-others

check-types:
	mypy

check-others:
	ruff check .
	ruff format --check .
	lint-imports --no-cache
	deptry .
	vulture
	ticketing migrate --check
	ticketing run -- dg check defs
	ticketing run -- dagster definitions validate -w workspace.yaml
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict --quiet

format: setup-dev ## format the code and mend what can be mended
	ruff check --fix .
	ruff format .

bench: setup-dev ## measure import, issue and render on this machine
	@for script in benchmarks/*.py; do \
	  name=$$(basename $$script .py); echo "== $$name"; python -m benchmarks.$$name || exit 1; \
	done

chaos: setup-dev ## kill everything during a sale, and count rupiah, vouchers and messages afterwards
	@python -m chaos --seconds 300 --seed $(or $(SEED),$$RANDOM)

docs: setup-dev ## build the documentation into site/; every warning is an error
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict
	@echo "built into site/; mkdocs serve shows it with search"

lock: setup-dev ## resolve the dependencies anew into the two locks
	echo pip | $(COMPILE) - -o deploy/pip.lock
	$(COMPILE) pyproject.toml --group build -o requirements.lock
	$(COMPILE) pyproject.toml --group build --group dev -c requirements.lock -o requirements-dev.lock

clean: ## forget .venv and every cache; .data, where tickets are, stays
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .import_linter_cache site
