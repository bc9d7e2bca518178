# Everything works from a fresh clone: each target installs what it needs into .venv first.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
DEMO   ?= demo-archive
STAMP  := $(VENV)/.installed

.PHONY: help install demo test check format lint types imports soak docs benchmarks clean

help:  ## these lines
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

install: $(STAMP)  ## a virtual environment in .venv with caseindex and its tools

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: $(STAMP)  ## a synthetic archive, trained, indexed and searched in three languages
	$(BIN)/caseindex demo $(DEMO)

test: $(STAMP)  ## the fast tests
	$(BIN)/python -m pytest --numprocesses 2 --dist loadgroup

check: lint types imports test  ## format, lint, types, import contracts, tests

format: $(STAMP)  ## rewrite the sources in the house format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: $(STAMP)  ## format and lint, without changing anything
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(STAMP)  ## mypy --strict
	$(BIN)/mypy

imports: $(STAMP)  ## imports go down only
	$(BIN)/lint-imports

soak: $(STAMP)  ## the long durability and robustness tests (about an hour)
	$(BIN)/python -m pytest -m 'slow and not gpu' --timeout 7200 --numprocesses 2 --dist worksteal

docs: $(STAMP)  ## rewrite docs/cli.md and the figures of the README from the code and benchmarks/
	$(BIN)/python docs/generate.py

benchmarks: $(STAMP)  ## measure every published number again (hours; see benchmarks/README.md)
	$(BIN)/python benchmarks/run_all.py

clean:
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
