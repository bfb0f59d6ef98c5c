# The two commands: `make report` and `make test`. `make help` lists the rest.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# What narrows or widens a run; see `make help`.
NAMES := DATA WEIGHTS WEIGHTS_SHA256 PROFILE NOTEBOOKS MODELS RECIPES SEED OUTPUT SEEDS SCHEDULER RUNS CACHE CHECKPOINTS \
         JOBS THREADS SKIP_UNREADABLE MOST_FILES TRACEBACK KILLS IMAGES SECONDS IMAGE MODEL CSV A B RECIPE

unknown := $(filter-out $(NAMES) PYTHON PYTEST GLIBC_TUNABLES SHELL,\
             $(foreach name,$(.VARIABLES),$(if $(filter command,$(origin $(name))),$(name))))
ifneq ($(strip $(unknown)),)
$(error There is no option $(strip $(unknown)); the options are $(NAMES), and `make help` explains them)
endif

# Values travel to the commands in the environment and are never pasted into a shell line, so any path is safe; `value`
# takes them as they were written, where make would expand a `$`.
$(foreach name,$(NAMES),$(eval override $(name) := $$(value $(name))))
export $(NAMES)
# bash gives SECONDS a meaning of its own.
export FUZZ_SECONDS := $(SECONDS)

# Only the options that were given reach the command line, which holds the defaults.
option = $${$(2):+--$(1) "$$$(2)"}
OPTIONS := $(call option,data,DATA) $(call option,weights,WEIGHTS) $(call option,profile,PROFILE) \
           $(call option,models,MODELS) $(call option,recipes,RECIPES) $(call option,seed,SEED) $(call option,output,OUTPUT) \
           $${SKIP_UNREADABLE:+--skip-unreadable} $${TRACEBACK:+--traceback}

# Relative to this folder and absolute for the workers of a sweep; `abspath` would split a path at its spaces.
absolute = $(if $(filter /%,$(firstword $(1))),$(1),$(CURDIR)/$(1))
ifdef RUNS
export TINYIMAGE_RUNS := $(call absolute,$(RUNS))
endif
ifdef CACHE
export TINYIMAGE_CACHE := $(call absolute,$(CACHE))
endif
ifdef WEIGHTS_SHA256
export TINYIMAGE_WEIGHTS_SHA256 := $(WEIGHTS_SHA256)
endif
ifdef MOST_FILES
export TINYIMAGE_MOST_FILES := $(MOST_FILES)
endif
ifdef CHECKPOINTS
export TINYIMAGE_CHECKPOINTS := $(CHECKPOINTS)
endif
ifdef THREADS
export TINYIMAGE_THREADS := $(THREADS)
endif
# Linux gives large arrays memory in pages of 2 MB instead of 4 KB, which makes training faster on some machines
# (`make bench`) and changes no result. Read when a process starts, and by no other C library:
# https://sourceware.org/glibc/manual/latest/html_node/Memory-Allocation-Tunables.html
export GLIBC_TUNABLES ?= glibc.malloc.hugetlb=1

# Without bytecode, which uv leaves to the first import, every process compiles TensorFlow anew: 8.5 s in place of 3.7.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup report predict export compare status check types test html pdf lab tensorboard sweep bench scaling torture fuzz hostile data lint format lock clean

help: ## list the commands
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 22
	@echo
	@echo 'Options of `make report`:'
	@echo '  DATA=<zip or folder>    TinyImage in the Kaggle or the Tiny ImageNet-200 layout (default: the demo data)'
	@echo '  PROFILE=<name>          smoke, demo, quick or full (default: demo, or quick with DATA)'
	@echo '  WEIGHTS=<file>          ImageNet weights of MobileNetV2, `imagenet` to fetch them, `none` to do without'
	@echo '  WEIGHTS_SHA256=<hash>   stop unless the weights file has this SHA-256'
	@echo '  NOTEBOOKS=04 MODELS=mobilenetv2 RECIPES=improved    only these (several: separated by commas)'
	@echo '  SEED=<n>                the first seed of the runs (default 0)'
	@echo '  OUTPUT=<folder>         folder of figures and tables (default: figures/<profile>)'
	@echo '  RUNS=<folder> CACHE=<folder>    where runs and decoded data are kept (default: runs/ and data/cache/)'
	@echo '  JOBS=<n>                notebooks that run side by side (default: one for each core; with PROFILE=full 1)'
	@echo '  THREADS=<n>             threads of a run (default: one for each core; in a sweep 1)'
	@echo '  SKIP_UNREADABLE=1       list and leave out images that cannot be read, instead of stopping'
	@echo '  MOST_FILES=<n>          how many files DATA may have (default 200000), with as many times more bytes'
	@echo '  TRACEBACK=1             show the traceback of an error'
	@echo '  PYTHON=<command>        what .venv is made with, once (default python3)'
	@echo 'Options of `make sweep`: the same but NOTEBOOKS, and'
	@echo '  SEEDS=<n>               runs of each recipe (default 3)'
	@echo '  SCHEDULER=tcp://<host>:8786    a Dask scheduler; without it workers on this machine'
	@echo '  CHECKPOINTS=<folder or URL>    where every worker finds the checkpoints of a run that lost its own'
	@echo 'Options of `make predict`:'
	@echo '  IMAGE=<name>            a photograph, a folder of them, or a pattern such as "photos/*.jpg"'
	@echo '  MODEL=<name>            shallow_cnn, deep_cnn or mobilenetv2 (default)'
	@echo '  CSV=<file>              write the answers to a file'
	@echo '  PROFILE=<name>          whose networks (default: full, those that come with the repository)'
	@echo 'Options of `make export`: DATA, PROFILE, SEED, OUTPUT as above, MODEL=<name> (default mobilenetv2), and'
	@echo '  RECIPE=<name>           as_reported, as_coded or improved (default)'
	@echo 'Options of `make compare`:'
	@echo '  A=<name> B=<name>       folders such as figures/full, runs/quick or a single record, or git commits'

setup: ## install the locked environment into .venv
	@[ $(VENV)/.ready -nt requirements.lock ] || "$(PYTHON)" -I helpers/core/environment.py

report: setup ## run the series and build the HTML report
	@$(BIN)/python -m helpers.cli report $(call option,notebooks,NOTEBOOKS) $(call option,jobs,JOBS) $(OPTIONS)

predict: setup ## name what is on IMAGE=<photograph, folder or pattern>, by a trained network
	@$(BIN)/python -m helpers.cli predict $(call option,image,IMAGE) $(call option,model,MODEL) $(call option,csv,CSV) \
	    $(call option,profile,PROFILE) $${TRACEBACK:+--traceback}

export: setup ## write the network of MODEL=<name> as SavedModel, LiteRT and ONNX, checked against Keras
	@$(BIN)/python -m helpers.cli export $(call option,model,MODEL) $(call option,recipe,RECIPE) $(call option,data,DATA) \
	    $(call option,profile,PROFILE) $(call option,seed,SEED) $(call option,output,OUTPUT) \
	    $${SKIP_UNREADABLE:+--skip-unreadable} $${TRACEBACK:+--traceback}

compare: setup ## compare the results of A=<folder or commit> with those of B=<folder or commit>
	@$(BIN)/python -m helpers.cli compare $(call option,first,A) $(call option,second,B) $${TRACEBACK:+--traceback}

status: setup ## list the runs that exist, and those to come with an estimated time
	@$(BIN)/python -m helpers.cli status $(OPTIONS)

check: lint ## check style, imports, types and the unit tests
	@$(BIN)/python -m pytest -m unit $(PYTEST)

test: lint ## check style, imports and types, and run every test
	@$(BIN)/python -m pytest $(PYTEST)

html: setup ## build the HTML report from the last run; PROFILE=full: from committed results
	@$(BIN)/python -m helpers.cli html $(call option,profile,PROFILE)

pdf: setup ## write the generated parts of README, docs/ and notebooks, and typeset docs/report.pdf from the same files
	@$(BIN)/python -m helpers.cli pdf

lab: setup ## open the notebooks in JupyterLab
	@$(BIN)/jupyter lab --notebook-dir=.

sweep: setup ## make the runs of many seeds that are missing, on many workers
	@$(BIN)/python -m helpers.cli sweep $(call option,seeds,SEEDS) $(call option,scheduler,SCHEDULER) $(OPTIONS)

tensorboard: setup ## browse the logs of all runs, the report's own curves among them
	@$(BIN)/python -m helpers.cli logs
	@TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/tensorboard --logdir "$${TINYIMAGE_RUNS:-runs}"

bench: setup ## measure speed against the report's way (not a test)
	@$(BIN)/python -m benchmarks.run $(call option,data,DATA) $(call option,weights,WEIGHTS) $(call option,profile,PROFILE)

scaling: setup ## measure time and memory at IMAGES=10000,100000,1000000 (not a test; up to 20 GB in CACHE, deleted after)
	@$(BIN)/python -m benchmarks.scaling $(call option,images,IMAGES)

torture: setup ## kill the series KILLS times and compare what it leaves (not a test; KILLS=20, PROFILE=demo)
	@$(BIN)/python tests/torture.py $(call option,kills,KILLS) $(call option,profile,PROFILE) \
	    $(call option,notebooks,NOTEBOOKS)

fuzz: setup ## fuzz the readers of archives, annotations and images (not a test; SECONDS=600; Linux x86_64)
	@$(BIN)/python tests/fuzz.py $(call option,seconds,FUZZ_SECONDS)

hostile: setup ## count the bad sources that are refused or read right (for the README)
	@$(BIN)/python tests/reliability.py

data: setup ## download the official Tiny ImageNet-200 archive (237 MB, md5 checked)
	@$(BIN)/python -m helpers.cli data

lint: types ## check style, imports and types, and change nothing
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@output=$$($(BIN)/lint-imports --no-logo) || { echo "$$output"; exit 1; }

types: setup ## check the types of helpers/
	@$(BIN)/mypy --no-error-summary

format: setup ## format the code and mend what the linter can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock: setup ## resolve requirements.lock again from pyproject.toml
	@$(BIN)/uv pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 --generate-hashes \
	    --no-header --no-annotate --upgrade --all-extras --group dev pyproject.toml -o requirements.lock

clean: ## remove the environment, the HTML report and the figures of demo, smoke and quick (runs and data stay)
	rm -rf $(VENV) $(VENV).lock build figures/demo figures/smoke figures/quick *.egg-info .mypy_cache .import_linter_cache
