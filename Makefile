# `make help` lists what there is. The environment in .venv builds itself.
PYTHON ?= python3
VENV ?= .venv
.PHONY: help test lint
help:
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/'
test: ## run every test
	$(VENV)/bin/python -m pytest
lint: ## check style
	$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check .
