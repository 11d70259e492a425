# Every target works from a bare clone that has Python 3.11 or newer and make: the virtual environment is made
# on demand, and again when a lock file changes. `make demo` needs the runtime packages only.

VENV    ?= .venv
PYTHON  ?=
SEED    ?= 1
ARGS    ?=
WORKERS ?= auto

bin := $(VENV)/bin

# The stamps are named by the content that they stand for, so a checkout of another commit is noticed too.
runtime := $(VENV)/.runtime-$(shell cat requirements.lock pyproject.toml | cksum | cut -d ' ' -f 1)
dev     := $(VENV)/.dev-$(shell cat requirements-dev.lock pyproject.toml | cksum | cut -d ' ' -f 1)
# Other people's engines are no part of the development: a virtual environment of their own.
peers   := $(VENV)-bench/.peers-$(shell cat requirements.lock requirements-bench.lock pyproject.toml | cksum | cut -d ' ' -f 1)

export PYTHON
unexport PYTHONDONTWRITEBYTECODE # compiled modules are what keeps the command's start short

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint calibrate validate bench lock clean

help: ## print this list
	@echo "VirtuALL: a virtual clinic for immunotherapy of B-cell acute lymphocytic leukemia"
	@echo
	@sed -n 's/^\([a-z]*\):.*## /  make \1|/p' Makefile | while IFS='|' read -r target text; do \
		printf '%-16s %s\n' "$$target" "$$text"; done
	@echo
	@echo "  PYTHON=/path/to/python3.12 picks the Python of the virtual environment"

setup: $(dev) ## make the virtual environment with all that tests and checks need
	@echo "Ready: $(bin)/virtuall --help"

demo: $(runtime) ## run the trial TOWER on virtual patients (SEED=2, ARGS="--replicates 5")
	@mkdir -p build
	$(bin)/virtuall trial tower --replicates 16 --seed $(SEED) --report build/tower.html $(ARGS)

test: lint ## all checks and the tests, without the slow ones (ARGS="-k word")
	$(bin)/python -m pytest -n $(WORKERS) -m "not slow" $(ARGS)

lint: $(dev) ## style, types, and the direction of imports
	$(bin)/python -m ruff check
	$(bin)/python -m mypy
	$(bin)/lint-imports

calibrate: $(dev) ## fit the parameters to published trials (ARGS="--resume"); half an hour, replaces the shipped ensemble
	$(bin)/virtuall calibrate --out build/calibration $(ARGS)
	mkdir -p src/virtuall/library/calibration docs/credibility
	cp build/calibration/ensemble.csv build/calibration/stamp.toml src/virtuall/library/calibration/
	cp build/calibration/calibration.md build/calibration/sensitivity.csv docs/credibility/

validate: $(dev) ## every trial against its published figures, logged (ARGS="--replicates 20"); then the slow tests
	$(bin)/virtuall validate --keep build/validation --report build/validation.html \
		--log docs/credibility/validation_log.csv $(ARGS)
	$(bin)/python -m pytest -n $(WORKERS) -m slow

bench: $(peers) ## every speed and memory figure, peers beside us (ARGS="--quick --only full costs"; --write)
	$(VENV)-bench/bin/python benchmarks/bench.py $(ARGS)

lock: ## resolve the packages afresh (needs uv)
	@command -v uv >/dev/null || { echo "make lock needs uv: pip install uv" >&2; exit 1; }
	uv lock --quiet
	uv export --quiet --no-emit-project --no-header --no-annotate --group build -o requirements.lock
	uv export --quiet --no-emit-project --no-header --no-annotate --group build --extra dev -o requirements-dev.lock
	uv export --quiet --no-emit-project --no-header --no-annotate --group build --extra bench -o requirements-bench.lock

clean: ## remove the virtual environment and everything that was built
	rm -rf $(VENV) $(VENV)-bench build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(runtime): tools/make_venv.sh
	@sh tools/make_venv.sh $(VENV) requirements.lock libsbml llvmlite.binding
	@touch $@

$(dev): tools/make_venv.sh
	@sh tools/make_venv.sh $(VENV) requirements-dev.lock libsbml llvmlite.binding roadrunner antimony
	@touch $@ $(runtime)

$(peers): tools/make_venv.sh benchmarks/install_peers.sh
	@sh tools/make_venv.sh $(VENV)-bench requirements.lock libsbml llvmlite.binding
	@sh benchmarks/install_peers.sh $(VENV)-bench requirements-bench.lock
	@touch $@
