# PYTHON: which interpreter makes .venv (3.11 or newer). LAMINI_HOME: where all state goes (.lamini).
PYTHON ?= python3
PYTEST_ARGS ?=
# DATA: a folder with facts/, general/, text/, claims/ and changes/ for `make bench`; BENCH: some of its
# names alone.
DATA ?=
QUICK ?=
BENCH ?=
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Two: a whole run of the pipeline starts up to ten processes of its own.
WORKERS := -n 2 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help setup demo test check lint docs lock bench torture ui clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## make .venv with everything in it (once; about two minutes)

demo: $(READY) ## set up, then run everything on the embedded facts and show what it did
	@$(BIN)/lamini demo

test: lint ## set up, then all checks and all tests (what CI runs)
	@$(BIN)/python -m pytest $(WORKERS) $(PYTEST_ARGS)

check: lint ## the quick tier: a minute and a half
	@$(BIN)/python -m pytest $(WORKERS) -m "not slow and not gpu and not torture" $(PYTEST_ARGS)

lint: $(READY) ## ruff, mypy, import contracts, generated parts of the documents
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python infra/documents.py --check

docs: $(READY) ## write trees, command tables and indexes of the documents anew
	@$(BIN)/python infra/documents.py

# The CPU build of torch is asked for (pip's find-links or index must have it), since the other brings
# 19 packages more; the lock names the version alone, so that either installs.
lock: $(READY) ## write requirements.lock anew from pyproject.toml with its extra `dev`
	@sed -n 's/^    "\(torch==[^"]*\)",$$/\1+cpu/p' pyproject.toml >$(VENV)/cpu.txt
	@UV_FIND_LINKS="$$(echo $${PIP_FIND_LINKS:-} | tr ' ' ',')" $(BIN)/uv pip compile --quiet \
	  --no-annotate --no-header --no-emit-index-url --python-version 3.11 --extra dev \
	  --override $(VENV)/cpu.txt pyproject.toml -o requirements.lock
	@sed -i 's/^\(torch==.*\)+cpu$$/\1/' requirements.lock

bench: $(READY) ## all benchmarks; DATA=FOLDER adds those on facts and texts of others, QUICK=1
	@$(BIN)/python -m tests.bench $(if $(DATA),--data "$(DATA)") $(if $(QUICK),--quick) $(BENCH)

torture: $(READY) ## long tests: kills at random moments, and what takes many minutes
	@$(BIN)/python -m pytest -m torture $(PYTEST_ARGS)

ui: $(READY) ## the Prefect and MLflow pages on loopback, until Ctrl-C
	@exec $(BIN)/lamini ui

clean: ## remove .venv and caches (not your data in LAMINI_HOME)
	@rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# uv reads neither pip's find-links nor, in some places, pip's index: what it cannot do, pip does.
$(READY): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { \
	  echo "no $(PYTHON) found; name a Python 3.11 or newer: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import platform, sys; sys.version_info >= (3, 11) or sys.exit( \
	  "Python 3.11 or newer is needed, $(PYTHON) is %s; name another: make PYTHON=python3.11" \
	  % platform.python_version())'
	@echo "setting up $(VENV) (once; a few minutes)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet uv || echo "uv cannot be had; going on with pip"
	@UV_FIND_LINKS="$$(echo $${PIP_FIND_LINKS:-} | tr ' ' ',')" $(BIN)/uv pip install --quiet \
	  --compile-bytecode --python $(BIN)/python -r requirements.lock 2>$(VENV)/uv.log \
	  || $(BIN)/python -m pip install --quiet -r requirements.lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(READY)
