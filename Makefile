# The four words a newcomer needs, and the long suites. python3, venv and make are enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: run test check bench format lock clean

run: $(READY)  ## Start the daemon on this user's real logs and show what it finds
	@$(BIN)/python -m jarvisd.client.demo

test: $(READY)  ## Set up what is missing, then pass the tests
	@$(BIN)/python -m pytest -n auto $(ARGS)

check: $(READY)  ## Style, types, layers, spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

bench: $(READY)  ## The figures of docs/performance.md, as a table of medians
	@$(BIN)/python -m benchmarks $(ARGS)

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock:  ## Pin every dependency again; needs uv
	uv pip compile --universal --generate-hashes --no-header --no-annotate --upgrade \
	  --group dev --python-version 3.11 pyproject.toml -o requirements.lock

clean:
	rm -rf $(VENV) dist build

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
