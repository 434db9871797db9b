# Needs Python >= 3.11, Node >= 20.19 and make; scripts/check-prerequisites says what is missing.
# `make help` lists the targets.

PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
STATIC := packages/server/src/agenttrace_server/static
DASHBOARD_SOURCES := $(shell find dashboard/src dashboard/public -type f -not -path '*/generated/*' 2>/dev/null) \
	$(wildcard dashboard/*.json dashboard/*.jsonc dashboard/*.ts dashboard/*.html) schema.graphql
PACKAGES := packages/sdk/pyproject.toml packages/server/pyproject.toml
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /\1\t/' | expand -t 17

.PHONY: demo
demo: .stamps/python-demo $(STATIC)/index.html ## set up, serve, record a real agent's run, stay up
	@$(BIN)/python scripts/demo.py --port $(PORT)

.PHONY: test
test: test-python test-dashboard test-e2e ## every test: Python, TypeScript, a real browser
	@echo "All tests passed."

.PHONY: test-python
test-python: .stamps/python-dev ## the Python tests of all packages, examples and scripts
	$(BIN)/python -m pytest -n auto --dist loadfile

.PHONY: test-dashboard
test-dashboard: .stamps/node ## the dashboard's unit tests
	cd dashboard && npm run --silent test

.PHONY: test-e2e
test-e2e: .stamps/python-dev .stamps/chromium ## the dashboard in a real Chromium on a real server
	cd dashboard && npm run --silent test:e2e

.PHONY: lint
lint: .stamps/python-dev .stamps/node ## ruff, mypy, import contracts, tsc, biome, no addresses
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/check_addresses.py
	cd dashboard && npm run --silent typecheck && npm run --silent lint

.PHONY: format
format: .stamps/python-dev .stamps/node ## rewrite the code in the house's format
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	cd dashboard && npm run --silent format

.PHONY: build
build: $(STATIC)/index.html ## the dashboard, into the server's static/

.PHONY: schema
schema: .stamps/python-dev ## write schema.graphql from the code
	$(BIN)/agenttrace-server schema > schema.graphql.new && mv schema.graphql.new schema.graphql

.PHONY: lock
lock: .stamps/python-dev ## resolve the dependencies anew (needs uv), with hashes and no addresses
	scripts/lock

.PHONY: rows
rows: .stamps/python-dev ## run the tests of what is promised, row by row, into docs/rows.md
	$(BIN)/python scripts/rows.py

.PHONY: bench
bench: .stamps/python-dev ## the benchmarks: tables, never tests
	$(BIN)/python packages/sdk/benchmarks/span_cost.py
	$(BIN)/python packages/sdk/benchmarks/burst.py
	$(BIN)/python packages/sdk/benchmarks/footprint.py
	$(BIN)/python packages/server/benchmarks/table.py
	cd dashboard && npm run --silent bench

.PHONY: clean
clean: ## what make made (recorded data stays)
	rm -rf $(VENV) .stamps dashboard/node_modules dashboard/src/graphql/generated $(STATIC)

# --- what the targets stand on -------------------------------------------------------------------

.stamps/prerequisites: scripts/check-prerequisites
	@PYTHON="$(PYTHON)" scripts/check-prerequisites
	@mkdir -p .stamps && touch $@

$(BIN)/python: | .stamps/prerequisites
	@echo "Making the virtual environment in $(VENV) …"
	@$(PYTHON) -m venv $(VENV)

# The dev list holds the demo list, so whoever has run the tests need not install again.
.stamps/python-demo: requirements/demo.txt $(PACKAGES) | $(BIN)/python
	@echo "Installing the Python dependencies …"
	@$(PIP) install -qq --require-hashes --no-deps -r requirements/demo.txt
	@$(PIP) install -qq --no-deps --no-build-isolation -e packages/sdk -e packages/server
	@touch $@

.stamps/python-dev: requirements/dev.txt $(PACKAGES) | $(BIN)/python
	@echo "Installing the Python dependencies and test tools …"
	@$(PIP) install -qq --require-hashes --no-deps -r requirements/dev.txt
	@$(PIP) install -qq --no-deps --no-build-isolation -e packages/sdk -e packages/server
	@touch $@ .stamps/python-demo

.stamps/node: dashboard/package-lock.json | .stamps/prerequisites
	@echo "Installing the dashboard's dependencies …"
	@cd dashboard && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error </dev/null >/dev/null
	@touch $@

.stamps/chromium: scripts/ensure-chromium | .stamps/node
	@scripts/ensure-chromium
	@touch $@

$(STATIC)/index.html: $(DASHBOARD_SOURCES) .stamps/node
	@echo "Building the dashboard …"
	@cd dashboard && npm run --silent build </dev/null
	@touch $@
