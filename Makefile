# Each target makes what it needs. `make demo` and `make test` work on a fresh machine: Python 3.11+, pip, make.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# Two threads of a small model mostly wait for each other.
export OMP_NUM_THREADS ?= 1
export TOKENIZERS_PARALLELISM ?= false

# One worker more than there are cores: tests wait for processes and disks. One that is done takes tests from another.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal
# What a change most likely breaks, in under two minutes on two cores.
QUICK := tests/architecture tests/contract tests/filter tests/select tests/tags tests/index tests/freeze \
	tests/cli/test_main.py tests/cli/test_arguments.py tests/cli/images/test_collection_commands.py \
	tests/tui/screens/images/test_browse.py tests/tui/keyboard/test_keys.py

.PHONY: demo test quick check mutants format install wheel installs clean

demo: .venv/.demo
	$(BIN)/frieze demo

test: .venv/.dev
	$(PYTEST)

quick: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(PYTEST) -m 'not slow' $(QUICK)

check: .venv/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright
	$(BIN)/vulture
	$(BIN)/lint-imports
	$(PYTEST) --durations=20

# Breaks the modules named in pyproject.toml line by line and counts what no test notices; an hour on two cores.
mutants: .venv/.mutants
	$(BIN)/python -m mutmut run >mutants.log 2>&1; $(BIN)/python -m mutmut results

format: .venv/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

install: .venv/.demo

# dist/: what is published. Made without a network, of the setuptools that is installed.
wheel: .venv/.dev
	rm -rf build dist
	$(BIN)/python -c 'import setuptools.build_meta as b; b.build_sdist("dist"); b.build_wheel("dist")'

# The wheel without and with each extra, each in an environment of its own: gigabytes, and half an hour.
EXTRAS ?= none parquet tag cluster train optimizers demo dev mutants
installs: wheel
	set -e; for extra in $(EXTRAS); do echo "== $$extra"; rm -rf .installs; $(PYTHON) -m venv .installs; \
		wheel=$$(ls dist/*.whl); [ $$extra = none ] || wheel="$$wheel[$$extra]"; \
		.installs/bin/python -m pip install --quiet --constraint constraints.txt "$$wheel"; \
		.installs/bin/python -m pip check; .installs/bin/frieze --version; .installs/bin/frieze doctor; done
	rm -rf .installs

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.demo: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) --editable '.[demo]'
	touch $@

.venv/.dev: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) --editable '.[dev]'
	touch $@ .venv/.demo

.venv/.mutants: .venv/.dev
	$(PIP) --editable '.[mutants]'
	touch $@

clean:
	rm -rf .venv .installs demo build dist mutants mutants.log *.egg-info
