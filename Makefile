# Everything a newcomer types. `make` alone lists the targets.
STACK ?= local
PYTHON ?= python3
RUN = $(PYTHON) -m toolchain run --

.DEFAULT_GOAL := help
.PHONY: help setup preview up destroy test test-long test-large bench env

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-10s %s\n", $$1, $$2}'

setup: ## Install the toolchain: Pulumi, its plugins, the Python packages
	@$(PYTHON) -m toolchain setup

preview: setup ## Show the plan and every change that `up` would make (STACK=dev)
	@./hearth plan --stack $(STACK)
	@$(RUN) pulumi stack select --create $(STACK)
	@$(RUN) pulumi preview --stack $(STACK)

up: setup ## Bring the stack up, ask it something, print the answer (STACK=dev)
	@./hearth plan --stack $(STACK)
	@./hearth doctor --before-up --stack $(STACK)
	@$(RUN) pulumi stack select --create $(STACK)
	@$(RUN) pulumi up --yes --skip-preview --stack $(STACK)
	@./hearth drift --repair --stack $(STACK)
	@./hearth smoke --stack $(STACK)

destroy: setup ## Stop and remove what runs; data and secrets stay (STACK=dev)
	@$(RUN) pulumi destroy --yes --skip-preview --stack $(STACK)
	@echo "Data is kept. './hearth purge --stack $(STACK) --all' deletes it."

test: ## Set up and run every test but the long ones
	@$(PYTHON) -m toolchain setup --dev
	@tests/run

test-long: ## Run the tests that take minutes each: more kills, damages and runtimes
	@$(PYTHON) -m toolchain setup --dev
	@tests/run -m long

test-large: ## Install the applications, gigabytes of them, and run them for real
	@$(PYTHON) -m toolchain setup --dev
	@$(RUN) .venv/bin/python -m pytest -v --tb=short tests/large

bench: ## Measure, and rewrite docs/benchmarks.md
	@$(PYTHON) -m toolchain setup --dev
	@$(RUN) .venv/bin/python -m benchmarks

env: ## Print shell lines for typing `pulumi` by hand: eval "$$(make -s env)"
	@$(PYTHON) -m toolchain env
