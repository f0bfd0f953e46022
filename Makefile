# The only front door. Every target runs from the root of a fresh clone; `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.PHONY: help setup build contracts demo localnet localnet-down test check bench diff-wasmd docs clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what the repository needs, below .deps (safe to repeat)
	@scripts/setup.sh

build: setup ## Build every workspace
	@scripts/build.sh

contracts: ## Build the contracts with the canonical compiler and compare their checksums
	@scripts/contracts.sh

demo: build contracts ## Play the demonstration on a network of its own and check every claim (SEED=n, CHEAT=none)
	@scripts/demo.sh

localnet: build contracts ## Start a network of five hosts on this machine and leave it running
	@scripts/localnet.sh up

localnet-down: ## Stop it
	@scripts/localnet.sh down

test: ## Run the whole test suite
	@scripts/test.sh

check: ## Run the static gate: format, lints, docs, dependency rules, generated files
	@scripts/check.sh

bench: ## Print the project's figures beside their comparators
	@scripts/bench.sh

diff-wasmd: setup contracts ## Send generated transactions through wasmd and this chain and compare (TXS=10000, SEED=1)
	@scripts/diff-wasmd.sh

docs: ## Build the book into target/book
	@scripts/docs.sh

clean: ## Remove what builds made; the tools in .deps stay
	@scripts/clean.sh
