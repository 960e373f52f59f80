# Everything needs bash, make and Python 3.11 or newer; all else is installed into .venv.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo up test check chaos mutants clients-test bench lock clean

# A Python of your choice: make setup PYTHON=python3.12
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && exit; \
	done; echo python3)

VENV := .venv
READY := $(VENV)/.ready
PACKAGES := shared $(wildcard services/*) clients/agentwars deploy/local
PROJECTS := $(PACKAGES:%=%/pyproject.toml)
EDITABLE := $(PACKAGES:%=-e ./%)
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

help: ## Show this list.
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1|\2/p' $(MAKEFILE_LIST) \
		| while IFS='|' read -r name text; do printf '  make %-8s %s\n' "$$name" "$$text"; done

setup: $(READY) ## Install everything into .venv (the other targets do it by themselves).

$(READY): requirements.lock $(PROJECTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		|| { echo "Agent Wars needs Python 3.11 or newer: install it, or name one with PYTHON=python3.12" >&2; exit 1; }
	@echo "setup: virtual environment in $(VENV) ..."
	@test -x $(VENV)/bin/pip || $(PYTHON) -m venv $(VENV)
	@echo "setup: locked dependencies (about a minute the first time) ..."
	@python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@echo "setup: our own packages ..."
	@python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation $(EDITABLE)
	@touch $(READY)

demo: setup ## Start the whole stack, run a scale test, print its report, stop everything.
	@python -m local_stack demo $(ARGS)

up: setup ## Run the stack until Ctrl-C, the gateway on AGENTWARS_PORT (8080).
	@python -m local_stack up $(ARGS)

# Most tests wait: three workers keep two cores busy. A worker that dies ends the run: what replaced it might wait for ever.
test: setup ## Run all tests; some of them, one after the other: make test ARGS="tests/unit -k finder"
	@python -m pytest $(or $(ARGS),--numprocesses=3 --max-worker-restart=0)

check: setup ## Lint, format, types, import rules.
	@echo "check: ruff ..." && ruff check --quiet && ruff format --check --quiet
	@echo "check: mypy ..." && mypy
	@echo "check: import rules ..." && lint-imports
	@echo "check: generated docs and types ..." && python docs/settings_table.py --check && python docs/asyncapi.py --check
	@python clients/ai-sdk/scripts/generate_types.py --check

# From ten minutes on the contract is tried with the same fresh seed, too, on a stack where nothing is killed.
chaos: setup ## Kill everything at random while runs go on, then check: make chaos SEED=7 DURATION=600
	@PYTHONPATH=tests python -m chaos $(if $(SEED),--seed $(SEED)) $(if $(DURATION),--duration $(DURATION)) $(ARGS)
	@test $(or $(DURATION),60) -lt 600 || CONTRACT_SEED=$(or $(SEED),$$RANDOM) CONTRACT_SECONDS=150 python -m pytest tests/contract

# Some of them: make mutants ARGS="--only settlement".
mutants: setup ## Put one fault after another into a copy of the product: the tests named for it must notice.
	@PYTHONPATH=tests python -m mutants $(ARGS)

clients-test: setup ## The AI SDK 4-7, EventSource, openai and generated clients against the stack.
	@PYTHONPATH=tests python -m clients $(ARGS)

bench: setup ## Measure, print the figures, write bench/results/.
	@python -m bench $(ARGS)

lock: setup ## Renew the lock files after a change of dependencies.
	@command -v $(VENV)/bin/uv >/dev/null || python -m pip install --quiet --disable-pip-version-check uv
	@uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
		--python-version 3.11 --no-emit-package agent-wars-shared --no-emit-package agent-wars-client \
		--no-emit-package agent-wars-gateway --group build --group dev \
		pyproject.toml $(PROJECTS) -o requirements.lock
	@uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
		--python-version 3.11 tests/clients/openapi_python_client.in -o tests/clients/openapi_python_client.lock

clean: ## Remove .venv and caches; your data in .agentwars stays.
	@rm -rf $(VENV) tests/clients/.venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
