# `make tryon` and `make test` work on a machine with python3 (3.11 to 3.13), make and git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
PIP_WHEEL := $(wildcard .ci/bootstrap/pip-*.whl)
RUN_READY := $(VENV)/.ready-to-run
DEV_READY := $(VENV)/.ready-to-test
AXE := $(VENV)/axe.min.js

.PHONY: help tryon install browser test coverage check format test-backends docs benchmark clean
.DEFAULT_GOAL := help

help:  ## Show this help
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Debian's python3 may lack ensurepip (package python3-venv): then pip is started from its
# own wheel, which lies in .ci/bootstrap/.
$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	  || { echo "tryon needs Python 3.11 to 3.13: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || { \
	  rm -rf $(VENV) && $(PYTHON) -m venv --without-pip $(VENV) && \
	  $(BIN)/python $(PIP_WHEEL)/pip install --quiet --no-index $(PIP_WHEEL); }

$(RUN_READY): setup.py | $(BIN)/python
	$(PIP) --editable .
	touch $@

$(DEV_READY): setup.py | $(BIN)/python
	$(PIP) --editable '.[fast,train,test,check]'
	$(PIP) --no-deps imgaug==0.4.0
	touch $(RUN_READY) $@

install: $(DEV_READY)  ## Make the environment with everything for training and tests

tryon: $(RUN_READY)  ## Install, then dress examples/me.jpg in examples/tee.jpg
	$(BIN)/tryon run --user examples/me.jpg --shop examples/tee.jpg

# Elsewhere than on Debian and Ubuntu, install Chromium and npm by hand.
browser: $(AXE)  ## Install what the tests of the page need: Chromium and axe-core
	command -v chromium || command -v chromium-browser || command -v google-chrome || { \
	  apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; }
	fc-list :lang=ko 2>/dev/null | grep -q . || \
	  apt-get install -y -qq --no-install-recommends fontconfig fonts-noto-cjk || true

$(AXE): tests/browser/fetch_axe.py | $(DEV_READY)
	command -v npm >/dev/null || { \
	  apt-get update -qq && apt-get install -y -qq --no-install-recommends npm; }
	$(BIN)/python tests/browser/fetch_axe.py $@

test: $(DEV_READY)  ## Run all tests
	$(BIN)/python -m pytest

coverage: $(DEV_READY)  ## Run all tests; print the share of lines that they run
	$(BIN)/python -m pytest --cov --cov-report=term:skip-covered

check: $(DEV_READY)  ## Format, lint, types, import directions, spelling, generated docs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/cog --check docs/cli.md docs/formats.md

format: $(DEV_READY)  ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# torch: where no CPU build is at hand, the registry's newest brings CUDA along.
test-backends: $(DEV_READY)  ## Install JAX and torch and run the backend tests on all three
	$(PIP) jax torch
	$(BIN)/python -m pytest tests/backends

docs: $(DEV_READY)  ## Rewrite docs/cli.md, the round trips of docs/formats.md and docs/example.jpg
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/cog -r docs/cli.md docs/formats.md
	$(BIN)/python -m benchmarks.readme_picture docs/example.jpg

benchmark: $(DEV_READY)  ## Write docs/performance.md's tables; print OpenVINO's times beside Keras'
	$(BIN)/python -m benchmarks --write docs/performance.md
	$(BIN)/python benchmarks/runtime.py

clean:  ## Remove the environment and caches
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage *.egg-info
