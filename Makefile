# Two commands matter: `make serve` and `make test`. `make help` lists the rest.
PYTHON ?= python3.11
VENV ?= .venv
TRAINING_VENV ?= .venv-training
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
INSTALL := pip install --quiet --require-hashes -r
PROJECT := pip install --quiet --no-deps --no-build-isolation -e .

.PHONY: help serve test test-training check format benchmark requirements

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

serve: $(VENV)/.serving ## create the environment and serve on port 8000 with a demo catalogue
	SELVEDGE_DEMO=$${SELVEDGE_DEMO-1} $(BIN)/selvedge serve

test: $(VENV)/.testing ## install what the tests need, Redis, PostgreSQL and Chromium included, and run them
	.ci/install-tools
	$(BIN)/pytest tests --ignore=tests/models/training
	@echo "Training tests need torch (5 GB): make test-training"

test-training: $(TRAINING_VENV)/.training ## install torch and run the tests of the training code
	$(TRAINING_VENV)/bin/pytest tests/models/training

check: $(VENV)/.testing ## lint, types, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy models index service tests
	$(BIN)/lint-imports

format: $(VENV)/.testing ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

benchmark: $(VENV)/.testing ## measure quality and speed on ../shared/data and print the README's tables
	$(BIN)/python -m tests.benchmarks

requirements: ## pin again after editing requirements/*.in (needs pip-tools)
	cd requirements && for set in "serving serving.in cpu.in" "gpu serving.in gpu.in" "dev dev.in" "training training.in"; do \
	  set -- $$set; lock=$$1.txt; shift; \
	  pip-compile --quiet --upgrade --generate-hashes --strip-extras --allow-unsafe --no-header \
	    --no-emit-index-url --no-emit-find-links -o $$lock $$@; done

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.serving: requirements/serving.txt pyproject.toml | $(VENV)/bin/python
	$(BIN)/$(INSTALL) requirements/serving.txt
	$(BIN)/$(PROJECT)
	@touch $@

$(VENV)/.testing: requirements/dev.txt pyproject.toml | $(VENV)/bin/python
	$(BIN)/$(INSTALL) requirements/dev.txt
	$(BIN)/$(PROJECT)
	@touch $@ $(VENV)/.serving

$(TRAINING_VENV)/.training: requirements/training.txt pyproject.toml
	test -d $(TRAINING_VENV) || $(PYTHON) -m venv $(TRAINING_VENV)
	$(TRAINING_VENV)/bin/$(INSTALL) requirements/training.txt
	$(TRAINING_VENV)/bin/$(PROJECT)
	@touch $@
