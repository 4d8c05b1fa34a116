# Everything a newcomer needs is `make run` and `make test`; `make help` lists the rest.
.DEFAULT_GOAL := help
.SUFFIXES:
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
# The first of these that is Python 3.11 or newer makes the environment; PYTHON=... chooses another.
PYTHONS := python3 python3.11 python3.12 python3.13 python
IS_NEW := import sys; sys.exit(sys.version_info < (3, 11))
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
COMPILE := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11

# Compiled once, kept, and not compiled again by each of the processes that tests start.
unexport PYTHONDONTWRITEBYTECODE

# One stamp for each lock: what is installed already is not looked at again.
RUNTIME := $(VENV)/.runtime
DEV := $(VENV)/.dev
BENCH := $(VENV)/.bench
ASYNCAPI := $(VENV)/asyncapi

.PHONY: bench sabotage mutants help run install test check test-all coverage-units fix lock image-lint asyncapi-lint clean

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(RUNTIME) ## Serve on http://127.0.0.1:8000 (ARGS="--port 9000" for options)
	@exec $(BIN)/chat serve $(ARGS)

install: $(RUNTIME) ## Make .venv with the `chat` command
	@echo "Ready: $(BIN)/chat --help"

test: $(DEV) ## Run the tests, without those that take minutes
	@$(BIN)/pytest -q -n 3 -m "not long" $(ARGS)

check: $(DEV) ## Style, types, import contracts, tests: what a change has to pass
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy api bench config clients/python tests
	$(BIN)/lint-imports --no-cache
	@$(MAKE) --no-print-directory test

test-all: $(DEV) ## Run every test but the sabotages, also the long ones, and measure coverage
	@$(BIN)/coverage erase
	@$(BIN)/pytest -q -n 3 --ignore tests/sabotage/test_sabotage.py --cov --cov-report=term $(ARGS)

sabotage: $(DEV) ## Take each defence away and see its tests fail (ten minutes and more)
	@$(BIN)/pytest -q -n 3 tests/sabotage $(ARGS)

mutants: $(DEV) ## Put small faults into the modules that matter most, and see their tests fail (takes long)
	@$(BIN)/python -m tests.mutants.run $(ARGS)

coverage-units: $(DEV) ## Measure what the tests of each module run of it
	@$(BIN)/coverage erase
	@$(BIN)/pytest -q -n 2 -p tests.coverage_by_module --cov --cov-report= tests/unit tests/contract

fix: $(DEV) ## Format, and repair what can be repaired
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

image-lint: $(DEV) ## Lint the Dockerfile
	$(BIN)/hadolint Dockerfile

asyncapi-lint: $(DEV) $(ASYNCAPI)/.installed ## Read /asyncapi.json with AsyncAPI's own parser (needs node and npm)
	@$(BIN)/python tests/asyncapi_lint/document.py | node $(ASYNCAPI)/lint.mjs

lock: $(DEV) ## Resolve the dependencies anew after pyproject.toml changed (ARGS=--upgrade for newer ones)
	$(COMPILE) $(ARGS) pyproject.toml --group build --output-file requirements.lock
	$(COMPILE) $(ARGS) --group dev --constraints requirements.lock --output-file requirements-dev.lock
	$(COMPILE) $(ARGS) --group bench --constraints requirements.lock --output-file requirements-bench.lock

bench: $(BENCH) ## Measure this server beside its peers (needs two cores and nothing else running)
	$(BIN)/python -m bench $(ARGS)

clean: ## Remove the environment and what the tools leave behind; the data folder stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.* htmlcov dist

$(BIN)/python:
	@python="$(PYTHON)"; \
	for candidate in $(if $(PYTHON),,$(PYTHONS)); do \
	  if "$$candidate" -c '$(IS_NEW)' >/dev/null 2>&1; then python="$$candidate"; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "Python 3.11 or newer is needed; found: $$(python3 --version 2>/dev/null || echo none). Set PYTHON=path to choose one." >&2; \
	  exit 1; \
	fi; \
	"$$python" -c '$(IS_NEW)' || { echo "$$python is older than Python 3.11, or none at all." >&2; exit 1; }; \
	"$$python" -m venv --clear $(VENV) || { rm -rf $(VENV); \
	  echo "Python's venv module is needed (Debian, Ubuntu: apt install python3-venv)." >&2; exit 1; }

$(RUNTIME): requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing into $(VENV) ..." >&2
	@$(PIP) install --require-hashes --no-deps -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(DEV): requirements-dev.lock $(RUNTIME)
	@echo "Installing the tools into $(VENV) ..." >&2
	@$(PIP) install --require-hashes --no-deps -r requirements-dev.lock
	@touch $@

$(BENCH): requirements-bench.lock $(DEV)
	@echo "Installing the peers into $(VENV) ..." >&2
	@$(PIP) install --require-hashes --no-deps -r requirements-bench.lock
	@touch $@

$(ASYNCAPI)/.installed: $(wildcard tests/asyncapi_lint/*) tests/asyncapi_lint/.npmrc | $(BIN)/python
	@echo "Installing AsyncAPI's parser into $(ASYNCAPI) ..." >&2
	@mkdir -p $(ASYNCAPI)
	@cp tests/asyncapi_lint/package.json tests/asyncapi_lint/package-lock.json tests/asyncapi_lint/.npmrc \
	  tests/asyncapi_lint/lint.mjs $(ASYNCAPI)
	@cd $(ASYNCAPI) && npm ci --no-audit --no-fund --loglevel=error
	@touch $@
