# Each target is a line or two: the work is in the programs that they call.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: install demo test check format bench peers proof lock clean

install: .venv/installed

.venv/installed: requirements-dev.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

demo: install
	$(BIN)/hub demo $(ARGS)

test: install
	$(BIN)/pytest -n auto --dist worksteal $(ARGS)

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

proof: install # what is promised, in full; `make test` plays a short form
	HUB_PROOF=full $(BIN)/pytest tests/proof -v --durations=0 $(ARGS)

bench: install # QUICK=1 for two minutes, without peers; ARGS="sync.full" for some keys; build/bench.json
	$(BIN)/python -m tests.bench $(ARGS)

peers: install # what `make bench` compares with: dlt, PgQueuer, huey
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.txt

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header pyproject.toml
lock: # needs uv; the files hold every platform's hashes and no index address
	$(LOCK) --extra sandbox -o requirements.txt
	$(LOCK) --extra dev -o requirements-dev.txt
	$(LOCK) --extra bench -c requirements-dev.txt -o requirements-bench.txt
