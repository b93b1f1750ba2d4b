# Each target makes what it needs. `make demo` and `make test` work on a fresh machine: Python 3.11+, pip, make.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# Two threads of a small model mostly wait for each other.
export OMP_NUM_THREADS ?= 1
export TOKENIZERS_PARALLELISM ?= false

.PHONY: demo test check format install clean

demo: .venv/.demo
	$(BIN)/frieze demo

test: .venv/.dev
	$(BIN)/python -m pytest

check: .venv/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports
	$(BIN)/python -m pytest

format: .venv/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

install: .venv/.demo

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.demo: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) --editable '.[demo]'
	touch $@

.venv/.dev: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) --editable '.[dev]'
	touch $@ .venv/.demo

clean:
	rm -rf .venv demo build *.egg-info
