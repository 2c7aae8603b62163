# Two commands matter: `make lab` to read, `make test` to change things. The environment in .venv builds itself.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
# make test ARGS="tests/house -x"   ·   make notebooks NAMES="03 04"
ARGS ?=
NAMES ?=

.PHONY: help environment lab environment-tests upstream test browser bench lint format notebooks table notebooks-small sums wheel clean
.DEFAULT_GOAL := help

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

lab: environment ## open the course in JupyterLab (the lessons are copied to f5lite-lessons/)
	@$(BIN)/f5lite lab $(ARGS)

test: environment-tests upstream ## run every test, as CI does
	$(BIN)/python -m pytest $(ARGS)

browser: environment-tests ## click through every lesson in Chromium (make test takes four of them)
	F5LITE_BROWSER=all $(BIN)/python -m pytest tests/browser $(ARGS)

bench: environment-tests upstream ## time and memory beside every peer (45 minutes at most; run again, it goes on)
	$(BIN)/python -m benchmarks $(ARGS)

lint: environment-tests ## check style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: environment-tests ## mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

notebooks: environment-tests ## build the lessons from notebooks/source, run them, store their outputs
	$(BIN)/python -m notebooks.build $(NAMES)
	$(BIN)/python tools/lesson_table.py

table: environment-tests ## write README's three tables anew
	$(BIN)/python tools/lesson_table.py

notebooks-small: environment-tests ## run every lesson on one core within 2 GiB, as on Binder
	$(BIN)/python -m notebooks.build --memory $(NAMES)

sums: ## write the bundled voice's checksums anew, after changing it
	cd f5lite/voices && find . -type f \( -name '*.safetensors' -o -name '*.flac' -o -name '*.json' -o -name '*.txt' \) \
		| sed 's,^\./,,' | LC_ALL=C sort | xargs sha256sum > SHA256SUMS

wheel: environment-tests ## build dist/f5lite-….whl, weights and lessons included
	$(BIN)/python -m pip wheel --no-deps --quiet --wheel-dir dist .

clean: ## remove what tools leave behind; .venv stays
	rm -rf build dist .pytest_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +

environment:
	@$(PYTHON) tools/environment.py --venv $(VENV)

environment-tests:
	@$(PYTHON) tools/environment.py --venv $(VENV) --tests

# The original package, for the live comparison. Where it can't be had, that one comparison says so.
upstream: environment-tests
	@$(BIN)/python -m tests.parity.environment || echo "upstream's package can't be installed; going on without"
