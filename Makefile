# Two promises: `make paper` ends in the paper's tables, `make test` passes the tests. Each sets itself up.
PYTHON ?= python3.11
VENV   ?= .venv
BIN     = $(VENV)/bin
LOCK   := $(shell cat infra/constraints.txt pyproject.toml | sha256sum | cut -c1-12)
READY   = $(VENV)/.ready-$(LOCK)
PIP     = $(BIN)/pip install --quiet --disable-pip-version-check -c infra/constraints.txt

# Where this is set every one of the many processes compiles all modules anew.
export PYTHONDONTWRITEBYTECODE =

.PHONY: help paper test test-long lint ui setup clean

help:
	@echo "make paper      rooms -> superpoints -> SAM, CLIP -> training -> the paper's tables"
	@echo "make test       the tests of every commit;  make test-long  the slow ones"
	@echo "make ui         MLflow on what was logged"
	@echo "make lint       style, types, import layers"

paper: setup
	$(BIN)/hcfres paper

test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 3 --dist loadfile

test-long: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -m slow

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/mypy --cache-dir $(VENV)/mypy-cache

ui: setup
	$(BIN)/hcfres ui

# The environment may be shared by several checkouts: the last one to be set up is the one it runs.
setup: $(READY)
	@cd / && test "$$($(abspath $(BIN))/python -c 'import pathlib, hcfres; print(pathlib.Path(hcfres.__file__).parents[1])' 2>/dev/null)" = "$(CURDIR)" \
		|| $(abspath $(BIN))/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable "$(CURDIR)"

$(READY):
	@echo "setting up $(VENV): about 3 minutes and 6 GB, once"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade setuptools wheel
	$(PIP) --no-build-isolation --editable ".[dev]"
	touch $(READY)

clean:
	rm -rf workspace
