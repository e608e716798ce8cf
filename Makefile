# `make demo` and `make test` set up whatever is missing; a second run finds it there. `make help` lists the rest.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-print-directory

export PATH := $(CURDIR)/.venv/bin:$(PATH)
# The tools of this repository run in its environment, whichever one the shell had activated.
export VIRTUAL_ENV := $(CURDIR)/.venv
unexport PYTHONHOME
unexport PYTHONPATH

BUILD_TOOLS := editables hatchling hatch-nodejs-version hatch-jupyter-builder jupyter-builder setuptools
EXTRAS := lab,broker,demo,registry,dev,test
PIP := python -m pip --disable-pip-version-check
# src/api/schema.ts is made from the server's description, by every build and check.
FRONT_END := $(shell find src style schema -type f -not -path '*/__tests__/*' -not -path src/api/schema.ts 2>/dev/null) \
	python/headrace/server/openapi.yaml
DEMO_FLAGS ?=
PYTEST_FLAGS ?=
BENCH_FLAGS ?=
CHAOS_FLAGS ?=
MILLION_FLAGS ?=
SOAK_FLAGS ?=
UI_FLAGS ?=

TOOLS := .venv/.tools
NODE := .venv/.node
NODE_MODULES := node_modules/.installed
LAB_EXTENSION := python/headrace/labextension/package.json
# Compiled when Headrace is installed, where a C compiler is there.
NATIVE := $(wildcard python/headrace/kafka/native/*.[ch])
INSTALLED := .venv/.installed
UI_MODULES := ui-tests/node_modules/.installed

.PHONY: help
help: ## Say what each target does.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(INSTALLED) $(LAB_EXTENSION) ## Make .venv with everything in it; seconds when it is there.

$(TOOLS): constraints/dev.txt pyproject.toml scripts/make-venv
	@scripts/make-venv
	@echo "Installing the build tools."
	@$(PIP) install --quiet --constraint constraints/dev.txt pip
	@$(PIP) install --quiet --constraint constraints/dev.txt $(BUILD_TOOLS)
	@touch $@

$(NODE): $(TOOLS) scripts/install-node
	@scripts/install-node
	@touch $@

$(NODE_MODULES): package.json yarn.lock .yarnrc.yml | $(NODE)
	@echo "Installing the front end's packages, as yarn.lock says."
	@scripts/quietly jlpm install --immutable
	@touch $@

$(LAB_EXTENSION): $(NODE_MODULES) tsconfig.json $(FRONT_END)
	@echo "Building the JupyterLab extension."
	@scripts/quietly jlpm build:prod
	@touch $@

$(INSTALLED): $(TOOLS) package.json install.json hatch_build.py $(NATIVE) $(wildcard jupyter-config/*/*.json) \
	| $(LAB_EXTENSION)
	@echo "Installing Headrace into .venv, as constraints/dev.txt says."
	@# An earlier link to the build is taken away first: pip would write through it, and the wheel would have files twice.
	@rm -rf .venv/share/jupyter/labextensions/headrace python/headrace/labextension/install.json
	@HATCH_JUPYTER_BUILDER_SKIP_NPM=1 \
		$(PIP) install --quiet --no-build-isolation --constraint constraints/dev.txt --editable ".[$(EXTRAS)]"
	@scripts/quietly jupyter-builder develop . --overwrite
	@touch $@

$(UI_MODULES): ui-tests/package.json ui-tests/yarn.lock | $(NODE)
	@echo "Installing the browser tests' packages, as ui-tests/yarn.lock says."
	@cd ui-tests && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 ../scripts/quietly jlpm install --immutable
	@touch $@

.PHONY: demo
demo: setup ## The whole way, from notebook to service (DEMO_FLAGS=--headless: without a browser).
	@.venv/bin/headrace demo $(DEMO_FLAGS)

.PHONY: test
test: test-python test-front-end test-browser ## Every test: pytest, jest, Playwright.
	@echo "make test: all passed (pytest, jest, Playwright)."

.PHONY: test-python
test-python: setup ## pytest: units, and integration on a real broker (PYTEST_FLAGS="-k ...", "-n 0": one process).
	@python -m pytest -n 2 --dist worksteal $(PYTEST_FLAGS)
	@echo "make test-python: passed."

.PHONY: test-front-end
test-front-end: setup ## jest: the front end's units.
	@jlpm test
	@echo "make test-front-end: passed."

.PHONY: test-browser
test-browser: setup $(UI_MODULES) ## Playwright: the main job by clicks in a real JupyterLab (UI_FLAGS="-g ...").
	@cd ui-tests && HEADRACE_CHROMIUM="$$(../scripts/browser)" jlpm playwright test $(UI_FLAGS)
	@echo "make test-browser: passed."

.PHONY: lint
lint: setup ## Style, types and import arrows; changes nothing.
	@ruff check
	@ruff format --check
	@mypy
	@lint-imports
	@jlpm lint:check
	@echo "make lint: clean."

.PHONY: format
format: setup ## Mend the style where a tool can.
	@ruff check --fix
	@ruff format
	@jlpm lint

.PHONY: bench
bench: setup ## Headrace and its peers on one broker, every output checked (BENCH_FLAGS="--workloads latency --runs 1").
	@python -m bench.run $(BENCH_FLAGS)

.PHONY: bench-history
bench-history: setup ## A history of 10,000,000 rows: memory, and restarts with and without its disk.
	@python bench/history.py $(BENCH_FLAGS)

.PHONY: chaos
chaos: setup ## 100 faults over 1,000,000 records on a broker of its own (CHAOS_FLAGS="--seed 7 --kind lookback").
	@python -m tests.system.chaos $(CHAOS_FLAGS)

.PHONY: million
million: setup ## Every kind of stream over 1,000,000 records, 20 kills, replicas 1, 3, 2 (MILLION_FLAGS="--kind state").
	@python -m tests.system.million $(MILLION_FLAGS)

.PHONY: soak
soak: setup ## Half an hour of one service: memory, open files and threads must stay flat (SOAK_FLAGS="--minutes 5").
	@python -m tests.system.soak $(SOAK_FLAGS)

.PHONY: pin
pin: ## Resolve all Python dependencies afresh into constraints/.
	@scripts/pin

.PHONY: clean
clean: ## Remove what was built or installed here; the data of broker and services stays.
	rm -rf .venv node_modules ui-tests/node_modules lib python/headrace/labextension python/headrace/_version.py \
		python/headrace/kafka/native/_headrace.so \
		dist site coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .eslintcache .stylelintcache \
		tsconfig.tsbuildinfo ui-tests/playwright-report ui-tests/test-results
