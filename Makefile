# The words a newcomer needs, and the long suites. python3 with venv, and make, are enough.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check
COMPILE := uv pip compile --universal --generate-hashes --no-header --no-annotate --python-version 3.11

# A virtual environment is good for one place and one interpreter; elsewhere it is made again.
MADE_FOR := $(CURDIR) with $(shell $(PYTHON) --version 2>&1)
ifneq ($(MADE_FOR),$(shell $(BIN)/python -c '' 2>/dev/null && cat $(VENV)/made-for 2>/dev/null))
STALE := stale
endif

GENAI_PRICES ?= 0.2.3

.PHONY: help run test check bench crash kills faults scan soak fuzz mutants format man agents prices lock clean stale

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' Makefile

run: $(VENV)/runtime  ## Start the daemon on this user's real logs and show what it finds
	@$(BIN)/python -m jarvisd.cli.demo

test: $(VENV)/dev  ## Pass the tests; ARGS="-k word" chooses
	@$(BIN)/python -m pytest -n auto $(ARGS)

check: $(VENV)/dev  ## Look at style, types, layers, spelling, names
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/python -m pytest -q tests/test_words.py

bench: $(VENV)/dev  ## Measure the figures of docs/internals/performance.md
	@$(BIN)/python -m benchmarks $(ARGS)

crash: $(VENV)/dev  ## Kill the daemon 1,000 times while transcripts grow; 10 minutes. ARGS="--share 0.1": a tenth
	@$(BIN)/python -m tests.hostile crash $(ARGS)

kills: $(VENV)/dev  ## Kill it 200 times while programs save, segments close and sinks are fed; 6 minutes
	@$(BIN)/python -m tests.hostile kills $(ARGS)

faults: $(VENV)/dev  ## Let clients, disks, system calls and databases misbehave; 20 minutes, as root
	@$(BIN)/python -m tests.hostile crowd disk faults databases $(ARGS)

scan: $(VENV)/dev  ## Overflow queues, and look through 10,000 files; 15 minutes
	@$(BIN)/python -m tests.hostile overflow scan $(ARGS)

soak: $(VENV)/dev  ## Live through an hour of agents and frontends in twenty minutes
	@$(BIN)/python -m tests.hostile soak $(ARGS)

fuzz: $(VENV)/dev  ## Feed noise to lines, parsers and protocol until it is ended; ARGS="-k word" chooses
	@HYPOTHESIS_PROFILE=fuzz $(BIN)/python -m pytest tests/hostile/test_fuzz.py --timeout=0 $(ARGS)

mutants: $(VENV)/dev  ## Make one mistake at a time in the decision tables, and see who notices; 20 minutes
	@$(BIN)/python -m tests.hostile mutants $(ARGS)

format: $(VENV)/dev  ## Mend the style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

man: $(VENV)/dev  ## Write the man page of jarvisctl anew from its parser
	@$(BIN)/python -m jarvisd.cli.manual > docs/man/jarvisctl.1

agents: $(VENV)/dev  ## Make the users' page about agents from the agents' folders
	@$(BIN)/python -m tools.agents_page

prices:  ## Refresh the vendored price table from genai-prices; needs uv
	uv run --no-project --isolated --python 3.11 --with genai-prices==$(GENAI_PRICES) \
	  python tools/refresh_prices.py --as-of $$(date -u +%F)

lock:  ## Pin every dependency again, to the newest; needs uv
	$(COMPILE) --upgrade --group dev pyproject.toml -o requirements-dev.lock
	$(COMPILE) --group build --constraints requirements-dev.lock pyproject.toml -o requirements.lock

clean:  ## Remove what was made here
	rm -rf $(VENV) dist build

# What `make run` needs is a fifth of what `make test` needs, so it is installed first and alone.
$(VENV)/runtime: $(VENV)/made-for requirements.lock pyproject.toml
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev: $(VENV)/runtime requirements-dev.lock
	@$(PIP) --require-hashes -r requirements-dev.lock
	@touch $@

$(VENV)/made-for: $(STALE)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "jarvisd needs Python 3.11 or newer: make PYTHON=...")'
	@echo 'Setting up $(VENV); this is done once.'
	@$(PYTHON) -m venv --clear $(VENV)
	@echo '$(MADE_FOR)' > $@

stale:
