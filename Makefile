# What a newcomer runs, and what CI runs. Each command sets up what it lacks; only `up` prints results on standard output.

PYTHON ?= python3
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime
DEV := $(VENV)/.dev
PIP := install --quiet --disable-pip-version-check
INSTALL := $(PIP) --constraint constraints.txt --editable
FAST := not slow and not needs

# the Matrix homeserver that tests start, apart from us, for it wants versions of its own
SYNAPSE_VENV := $(VENV)-synapse
SYNAPSE := $(SYNAPSE_VENV)/.made
SYNAPSE_VERSIONS := tests/constraints-synapse.txt

# the second interpreter that the tests run on, where it is there and is not the first: on the path, or one of pyenv's
NEXT := 3.13
NEXT_VENV := $(VENV)-$(NEXT)
NEXT_PYTHON = for python in python$(NEXT) "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/$(NEXT).*/bin/python$(NEXT); do \
	"$$python" -c 'import ensurepip' 2>/dev/null && echo "$$python" && break; done

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules --no-print-directory

.PHONY: help
help:  ## Say what there is.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: up
up: $(RUNTIME)  ## Watch this machine, live. Options in ARGS: make up ARGS="--duration 20s --json"
	@$(BIN)/virtpulse up $(ARGS)

.PHONY: test
test: $(DEV) test-next test-programs  ## Run all tests; the fast ones on Python 3.13 too, where it is there.
	@$(BIN)/python -m pytest $(ARGS)

.PHONY: test-fast
test-fast: $(DEV)  ## Run the tests that take less than a minute all together.
	@$(BIN)/python -m pytest -m "$(FAST)" $(ARGS)

.PHONY: test-next
test-next: $(DEV)
	@set -e; \
	python="$$($(NEXT_PYTHON))"; \
	if $(BIN)/python -c 'import sys; sys.exit("%d.%d" % sys.version_info[:2] != "$(NEXT)")'; then exit 0; fi; \
	if [ -z "$$python" ]; then echo "Python $(NEXT) is not there: the tests run on $$($(BIN)/python -V) alone" >&2; exit 0; fi; \
	$(MAKE) $(NEXT_VENV)/.dev NEXT_FOUND="$$python"; \
	$(NEXT_VENV)/bin/python -m pytest -m "$(FAST)" tests/unit tests/contract

# what is missing and cannot be installed only leaves tests out, and the end of their run says which; in CI that is a failure
.PHONY: test-programs
test-programs: $(DEV)
	@$(MAKE) $(SYNAPSE) || echo "the tests with a Matrix homeserver are left out" >&2
	@missing=; \
	command -v prometheus >/dev/null && command -v promtool >/dev/null || missing="prometheus"; \
	command -v prometheus-alertmanager >/dev/null && command -v amtool >/dev/null || missing="$$missing prometheus-alertmanager"; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && { [ -n "$$CI" ] || [ ! -d /run/systemd/system ]; }; then \
		echo "installing" $$missing >&2; \
		{ apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $$missing; } >&2 && exit 0; \
	fi; \
	echo "install" $$missing "to run the tests with them too; Debian's packages also start them as services" >&2

.PHONY: lint
lint: $(DEV)  ## Check style, types and who imports whom.
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

.PHONY: bench
bench: $(DEV)  ## Measure speed; BENCH_JSON=FILE also writes a line of JSON for each figure.
	@$(BIN)/python -m benchmarks $(ARGS)

$(RUNTIME): pyproject.toml constraints.txt
	$(call make_venv,$(PYTHON),$(VENV))
	@$(BIN)/python -m pip $(INSTALL) . >&2
	@touch $@

$(DEV): pyproject.toml constraints.txt
	$(call make_venv,$(PYTHON),$(VENV))
	@$(BIN)/python -m pip $(INSTALL) '.[dev]' >&2
	@touch $(RUNTIME) $@

$(NEXT_VENV)/.dev: pyproject.toml constraints.txt
	$(call make_venv,$(NEXT_FOUND),$(NEXT_VENV))
	@$(NEXT_VENV)/bin/python -m pip $(INSTALL) '.[dev]' >&2
	@touch $@

$(SYNAPSE): $(SYNAPSE_VERSIONS)
	$(call make_venv,$(PYTHON),$(SYNAPSE_VENV))
	@$(SYNAPSE_VENV)/bin/python -m pip $(PIP) --only-binary :all: --constraint $(SYNAPSE_VERSIONS) matrix-synapse >&2
	@touch $@

# $(call make_venv,PYTHON,FOLDER)
define make_venv
	@"$(1)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(1) is not Python 3.11 or later; name one that is, as in: make PYTHON=python3.13" >&2; exit 1; }
	@"$(1)" -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "$(1) cannot make virtual environments; on Debian: apt install python3-venv" >&2; exit 1; }
	@echo "setting up $(2) (once)" >&2
	@"$(1)" -m venv $(2) >&2
endef
