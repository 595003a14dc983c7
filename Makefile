# Segmentwerk. Everything runs from .venv, which is made from the lock and left alone while the lock has not changed.
PYTHON ?= python3
BIN := .venv/bin
CONFIG ?= segmentwerk.toml
.DEFAULT_GOAL := help
.PHONY: help install install-dev demo test test-long test-all faults fuzz check audit format bench screenshots ui lock clean

help:            ## show this list
	@grep -hE '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /  make \1|/' | column -t -s '|'

install:         ## the environment, from requirements.lock
	@$(PYTHON) -m flows.bootstrap requirements.lock

install-dev:     ## the environment with the development tools, from requirements-dev.lock
	@$(PYTHON) -m flows.bootstrap requirements-dev.lock

demo: install    ## a simulated shop, three weekly cycles, and what happened in plain words
	@$(BIN)/segmentwerk demo

test: install-dev ## the fast tests
	@$(BIN)/python -m pytest -n auto --dist worksteal -m "not long"

test-long: install-dev ## the tests that need long runs, servers or the real data
	@$(BIN)/python -m pytest -n auto --dist worksteal -m long

test-all: test test-long ## every test

fuzz: install-dev ## thousands of damaged files, spoilt configurations and odd command lines, and a table of their endings
	@FUZZ=whole $(BIN)/python -m pytest -q tests/test_faults/test_fuzzed_sources.py \
		tests/test_faults/test_fuzzed_settings.py tests/test_faults/test_fuzzed_commands.py

coverage: install-dev ## every test, with the lines they reach
	@$(BIN)/python -m pytest -n auto --dist worksteal --cov --cov-report=term

faults: install-dev ## inject faults into every flow, and the table of what came of them (an hour; root for some kinds)
	@PYTHONPATH=tests $(BIN)/python -m faults

check: install-dev ## format, lint and types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

audit: install-dev ## known vulnerabilities of the locked packages, where the service that knows them can be reached
	@$(BIN)/python .ci/audit.py requirements.lock

format: install-dev ## bring the source into shape
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: install-dev ## measure the demo, ingestion, features and segments
	@$(BIN)/python -m benchmarks

screenshots: install-dev ## pictures of the report's pages for the README, of the demo (made where there is none)
	@test -d var/demo/var/reports/latest || $(BIN)/segmentwerk demo
	@$(BIN)/python -m docs.screenshots var/demo/var/reports/latest

ui: install      ## Prefect, MLflow and the reports, until Ctrl-C (of the demo: CONFIG=var/demo/segmentwerk.toml)
	@exec $(BIN)/segmentwerk ui --config $(CONFIG)

lock: install-dev ## write the locks anew from pyproject.toml
	@$(BIN)/python -m uv pip compile pyproject.toml --universal --generate-hashes --no-header --no-emit-index-url --no-annotate --quiet -o requirements.lock
	@$(BIN)/python -m uv pip compile pyproject.toml --extra dev --extra spark --extra s3 --universal --generate-hashes --no-header --no-emit-index-url --no-annotate --quiet -c requirements.lock -o requirements-dev.lock

clean:           ## remove what runs leave behind (not .venv)
	rm -rf var .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*
