# `make demo` and `make test` work on a fresh machine: they set up whatever is missing first.
VENV   := .venv
PYTHON ?= $(firstword $(foreach p,python3.11 python3.12 python3.10 python3,$(shell command -v $(p) 2>/dev/null)))
STAMP  := $(VENV)/.set-up
JOBS   ?= 2
# One more than the cores: some tests wait for processes of their own.
TEST_JOBS ?= 3
RECORDINGS ?= $(or $(KWS_RECORDINGS),../shared/data/speech_commands_subset)
# Few and small steps: the synthetic voices are not to drive out what the weights know of people.
DEMO = --set train.epochs=4 --set train.learning_rate=0.0005 --set sparsity.epochs=14 --set sparsity.learning_rate=0.002 \
    --set quantization.mode=ptq --set detection.threshold=0.6
C_FILES = $(shell git ls-files '*.c' '*.h')

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow mutants lint format experiments accuracy sweep omni search-experiments custom wake-word-experiments bench-device bench-search bench-encodings clean docs

help: ## what can be made
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | expand -t 16

setup: $(STAMP) ## Python packages in .venv, cross compiler and emulator
	@sh scripts/toolchain.sh

$(STAMP): requirements.txt setup.cfg setup.py pyproject.toml scripts/environment.sh
	@sh scripts/environment.sh "$(PYTHON)" "$(VENV)"
	@touch $@

demo: setup ## hear a model that ships, then the whole job: on from it, with the built-in synthetic speech
	$(VENV)/bin/kws zoo try commands
	$(VENV)/bin/kws build recipes/demo.yaml --from commands --data synthetic --out runs/demo $(DEMO)
	@if command -v arm-none-eabi-gcc >/dev/null && command -v qemu-system-arm >/dev/null; then \
	    $(VENV)/bin/kws emulate runs/demo/model_int8.tflite --board mps2-an386; \
	else echo "no cross compiler or emulator here: the board is left out"; fi

# Every process of a test would compile the sources again where the environment asks for no bytecode.
test test-slow: export PYTHONDONTWRITEBYTECODE =

test: setup ## the tests, but for the slow ones
	$(VENV)/bin/python -m pytest -n $(TEST_JOBS) --dist loadgroup -m "not slow"

test-slow: setup ## thousands of random graphs and mutations
	$(VENV)/bin/python -m pytest -n $(JOBS) -m slow

mutants: setup ## puts faults into the code and counts those that tests notice (SAMPLE=100: at so many places, SEED=2: others)
	@$(VENV)/bin/python -c 'import cosmic_ray' 2>/dev/null || $(VENV)/bin/python -m pip install --quiet -e '.[mutants]'
	$(VENV)/bin/python scripts/mutants.py $(if $(SAMPLE),--sample $(SAMPLE)) $(if $(SEED),--seed $(SEED))

lint: setup ## ruff, mypy and clang-format
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/clang-format --dry-run --Werror $(C_FILES)
	$(VENV)/bin/mypy kws_tfmot firmware_export pipelines

format: setup ## let ruff and clang-format lay out the code, and mend what ruff can
	$(VENV)/bin/ruff format .
	$(VENV)/bin/clang-format -i $(C_FILES)
	$(VENV)/bin/ruff check --fix .

docs: setup ## the API reference, from the docstrings, in docs/api
	$(VENV)/bin/pdoc --docformat google --output-directory docs/api \
	    $$(git ls-files 'kws_tfmot/*.py' 'firmware_export/*.py' | sed 's/\.py$$//; s/\/__init__$$//; s/\//./g')

experiments: setup ## long comparisons on real recordings; writes results/
	@status=0; for file in $(filter-out recipes/compare/accuracy.yaml,$(wildcard recipes/compare/*.yaml)); do \
	    $(VENV)/bin/kws compare $$file --data "folder:$(RECORDINGS)" --jobs $(JOBS) --results results \
	        --out runs/compare/$$(basename $$file .yaml) --features runs/compare/features || status=1; \
	done; exit $$status

accuracy: setup ## families, dense, sparse and of one bit, three seeds, resumable; writes results/accuracy.json
	$(VENV)/bin/kws compare recipes/compare/accuracy.yaml --data "folder:$(RECORDINGS)" --jobs $(JOBS) \
	    --results results --out runs/compare/accuracy --features runs/compare/features

sweep: setup ## the sweep of recipes/sweep on real recordings, resumable; writes results/sweep.json
	$(VENV)/bin/kws sweep recipes/sweep/ds_cnn_sparse.yaml --data "folder:$(RECORDINGS)" --jobs $(JOBS) \
	    --out runs/sweep --results results

search-experiments: setup ## searched networks against DS-CNN and random ones; writes results/search.json
	$(VENV)/bin/python -m pipelines.experiments.run_search_experiments --recordings "$(RECORDINGS)" --jobs $(JOBS) \
	    --set data.split=percent --set 'data.percent=[70,15,15]'

omni: setup ## one training for every sparsity against models trained one by one; writes results/omni.json
	$(VENV)/bin/python -m pipelines.experiments.run_omni_experiments --recordings "$(RECORDINGS)"

custom: setup ## synthetic speech and few recordings, judged on real recordings; writes results/custom_keywords.json
	$(VENV)/bin/python -m pipelines.experiments.run_custom_experiments --recordings "$(RECORDINGS)"

wake-word-experiments: setup ## detectors from words alone, judged on people, ingredient by ingredient; writes results/wake_word.json
	$(VENV)/bin/python -m pipelines.experiments.run_wake_word_experiments --recordings "$(RECORDINGS)"

bench-device: setup ## instructions, modelled cycles, flash and RAM on the emulated boards; writes results/device.json
	$(VENV)/bin/python -m pipelines.experiments.run_bench_device --out results/device.json

bench-search: setup ## the cost table of an MBConv space and its error on whole networks; writes results/operation_cost.json
	$(VENV)/bin/python -m pipelines.experiments.run_operation_cost --out results/operation_cost.json

bench-encodings: setup ## cycles of every encoding's kernels on each core, fitted: the constants of the cost model
	$(VENV)/bin/python -m pipelines.experiments.run_encoding_costs

clean: ## runs and caches of the tools, not the environment
	rm -rf runs build .pytest_cache .mypy_cache .ruff_cache .hypothesis
