# Two commands matter: `make serve` and `make test`. `make help` lists the rest.
PYTHON ?= python3.11
VENV ?= .venv
TRAINING_VENV ?= .venv-training
SCALE_VENV ?= .venv-scale
BIN := $(VENV)/bin
SCALE_TESTS := tests/contracts/test_vector_index.py tests/contracts/test_photos.py tests/index/test_shared_live.py \
  tests/index/test_photo_objects.py tests/index/test_milvus.py tests/journeys/test_past_one_machine.py
export PIP_DISABLE_PIP_VERSION_CHECK := 1
INSTALL := pip install --quiet --require-hashes -r
PROJECT := pip install --quiet --no-deps --no-build-isolation -e .

.PHONY: help serve test test-journeys test-parts test-scale test-training check format benchmark requirements

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

serve: $(VENV)/.serving ## create the environment and serve on port 8000 with a demo catalogue
	SELVEDGE_DEMO=$${SELVEDGE_DEMO-1} $(BIN)/selvedge serve

test: $(VENV)/.testing ## install what the tests need, Redis, PostgreSQL and Chromium included, and run them
	.ci/install-tools
	$(MAKE) --no-print-directory --jobs=2 --output-sync=line test-journeys test-parts
	@echo "Milvus and S3 come with: make test-scale. Training tests need torch (5 GB): make test-training"

# Side by side: either leaves much of a core idle, waiting for disks, processes and time-outs.
JOURNEYS := tests/journeys tests/hostile
test-journeys:
	$(BIN)/pytest $(JOURNEYS)

test-parts:
	$(BIN)/pytest tests --ignore=tests/models/training $(JOURNEYS:%=--ignore=%)

# Beside the environment of the tests, not in it: what needs no Milvus is tested without.
test-scale: $(SCALE_VENV)/.scale ## install Milvus Lite and a server that speaks S3 (0.4 GB) and run the tests that need them
	.ci/install-tools
	$(SCALE_VENV)/bin/python -m pytest $(SCALE_TESTS)

test-training: $(TRAINING_VENV)/.training ## install torch and run the tests of the training code
	$(TRAINING_VENV)/bin/pytest tests/models/training

check: $(VENV)/.testing ## lint, types, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy models index service deploy tests
	$(BIN)/lint-imports

format: $(VENV)/.testing ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

benchmark: $(VENV)/.testing ## measure quality and speed on ../shared/data and print the README's tables
	$(BIN)/python -m tests.benchmarks

requirements: ## pin again after editing requirements/*.in (needs pip-tools)
	cd requirements && for set in "serving serving.in cpu.in" "gpu serving.in gpu.in" "dev dev.in" "training training.in" \
	  "scale -c serving.txt scale.in" "milvus -c serving.txt -c scale.txt milvus.in" "s3 -c serving.txt -c scale.txt s3.in"; do \
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

# It sees the packages of the tests' environment, and has only what those lack.
$(SCALE_VENV)/.scale: requirements/scale.txt $(VENV)/.testing
	$(PYTHON) -m venv --without-pip $(SCALE_VENV)
	$(BIN)/python -c "import site; print('import site; site.addsitedir(%r)' % site.getsitepackages()[0])" \
	  > $(SCALE_VENV)/lib/$$(ls $(SCALE_VENV)/lib)/site-packages/tests.pth
	$(SCALE_VENV)/bin/python -m $(INSTALL) requirements/scale.txt
	@touch $@
