# Every target works from a fresh clone: it makes or refreshes .venv by itself from the hashed locks in requirements/.
# Needed: python3 >= 3.11 with venv (Debian: python3 python3-venv), make, git.
#
#   make demo        discover a scheduling policy: no key, no network model
#   make test        the default tests             make test-slow   the long ones
#   make check       format, lint, types, imports, then make test
#   make docs        the documentation, into site/
#   make lock        resolve requirements/ again    make upgrade     and take newer releases
#   make clean       remove what the others made
#
# PYTHON=python3.12 uses that interpreter; ARGS=... goes to demo and pytest. JOBS=4 runs tests in as many processes;
# SLOW_JOBS=4 is for the long ones: half of their time is waiting, so that there is room for more than processors.

PYTHON    ?= python3
VENV      ?= .venv
JOBS      ?= 2
SLOW_JOBS ?= 3
ARGS      ?=

BIN     := $(VENV)/bin
SOURCES := $(wildcard src tests scripts benchmarks examples)
# A PYTHON given by the caller is used even if the environment was made with another one.
EXACT   := $(if $(filter file,$(origin PYTHON)),,--exact)

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow check lint docs lock upgrade clean python env-run env-dev env-docs

help:
	@sed -n '3,12{s/^# \{0,1\}//;p}' Makefile

demo: env-run
	@$(BIN)/python -m thekla.cli demo $(ARGS)

test: env-dev
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(ARGS)

test-slow: env-dev
	$(BIN)/python -m pytest -m slow -n $(SLOW_JOBS) --dist worksteal $(ARGS)

check: lint test

lint: env-dev
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	PYTHONPATH=scripts $(BIN)/lint-imports

docs: env-docs
	$(BIN)/zensical build --clean --strict

# No index, host or path gets into a lock. `run` and `docs` take their pins from `dev`, so that all three fit together.
RESOLVE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest \
	--generate-hashes --no-header --no-emit-index-url --no-annotate

lock: env-dev
	$(RESOLVE) pyproject.toml --extra problems --extra llm --extra mcp --extra bounds --group dev $(UPGRADE) -o requirements/dev.txt
	$(RESOLVE) pyproject.toml --extra problems --group build -c requirements/dev.txt -o requirements/run.txt
	$(RESOLVE) --group docs -c requirements/dev.txt $(UPGRADE) -o requirements/docs.txt

upgrade: UPGRADE = --upgrade
upgrade: lock

clean:
	rm -rf $(VENV) site build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +

python:
	@command -v '$(PYTHON)' >/dev/null || { echo "make: no $(PYTHON) here; install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3" >&2; exit 2; }
	@'$(PYTHON)' -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: Thekla needs Python 3.11 or newer, and $(PYTHON) is $$('$(PYTHON)' --version 2>&1); name another: make PYTHON=python3.12" >&2; exit 2; }
	@'$(PYTHON)' -c 'import ensurepip, venv' 2>/dev/null || { echo "make: $(PYTHON) cannot make virtual environments; install its venv package (Debian: apt install python3-venv)" >&2; exit 2; }

env-run env-dev env-docs: env-%: python
	@'$(PYTHON)' scripts/environment.py --venv '$(VENV)' $(EXACT) $*
