# The two commands: `make report` and `make test`. `make help` lists the rest.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# What narrows or widens a run; see `make help`.
DATA ?=
WEIGHTS ?=
PROFILE ?=
NOTEBOOKS ?=
MODELS ?=
RECIPES ?=
SEED ?=
KILLS ?=
SEEDS ?=
SCHEDULER ?=
IMAGES ?=
SECONDS ?=

# Only the options that were given reach the command line, which holds the defaults.
option = $(if $(2),--$(1) '$(2)')
OPTIONS := $(call option,data,$(DATA)) $(call option,weights,$(WEIGHTS)) $(call option,profile,$(PROFILE)) \
           $(call option,models,$(MODELS)) $(call option,recipes,$(RECIPES)) $(call option,seed,$(SEED)) \
           $(if $(SKIP_UNREADABLE),--skip-unreadable) $(if $(TRACEBACK),--traceback)

ifdef WEIGHTS_SHA256
export TINYIMAGE_WEIGHTS_SHA256 := $(WEIGHTS_SHA256)
endif
ifdef RUNS
export TINYIMAGE_RUNS := $(abspath $(RUNS))
endif
ifdef MOST_FILES
export TINYIMAGE_MOST_FILES := $(MOST_FILES)
endif
ifdef CACHE
export TINYIMAGE_CACHE := $(abspath $(CACHE))
endif
ifdef CHECKPOINTS
export TINYIMAGE_CHECKPOINTS := $(CHECKPOINTS)
endif
ifdef THREADS
export TINYIMAGE_THREADS := $(THREADS)
endif
# Linux gives large arrays memory in pages of 2 MB instead of 4 KB, which makes training faster on some machines
# (benchmarks/limits.py) and changes no result. Read when a process starts, and by no other C library:
# https://sourceware.org/glibc/manual/latest/html_node/Memory-Allocation-Tunables.html
export GLIBC_TUNABLES ?= glibc.malloc.hugetlb=1

.PHONY: help setup report test html lab tensorboard sweep bench scaling torture fuzz hostile data lint lock clean

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
	@echo '  RUNS=<folder> CACHE=<folder>    where runs and decoded data are kept (default: runs/ and data/cache/)'
	@echo '  THREADS=<n>             threads of a run (default: one for each core; in a sweep 1)'
	@echo '  SKIP_UNREADABLE=1       list and leave out images that cannot be read, instead of stopping'
	@echo '  MOST_FILES=<n>          how many files DATA may have (default 200000), with as many times more bytes'
	@echo '  TRACEBACK=1             show the traceback of an error'
	@echo '  PYTHON=<command>        what .venv is made with, once (default python3)'
	@echo 'Options of `make sweep`: the same but NOTEBOOKS, and'
	@echo '  SEEDS=<n>               runs of each recipe (default 3)'
	@echo '  SCHEDULER=tcp://<host>:8786    a Dask scheduler; without it workers on this machine'
	@echo '  CHECKPOINTS=<folder or URL>    where every worker finds the checkpoints of a run that lost its own'

# Not on pyproject.toml: a changed rule of the linter must not install everything again.
$(VENV)/.ready: requirements.lock
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if (3, 11) <= v[:2] <= (3, 13) else "This project needs Python 3.11, 3.12 or 3.13 (TensorFlow has no package for %d.%d). Name one: make PYTHON=python3.12 report" % v[:2])'
	@echo 'Setting up $(VENV) (once; about 3.5 GB)'
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# One set-up at a time: the lock belongs to the process that this one becomes and to its children, and ends with the last of them.
define ALONE
import fcntl, os, sys
lock = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o666)
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    print("Another make sets up $(VENV); this one waits for it", flush=True)
    fcntl.flock(lock, fcntl.LOCK_EX)
os.set_inheritable(lock, True)
os.execvp(sys.argv[2], sys.argv[2:])
endef
export ALONE

setup: ## install the locked environment into .venv
	@$(PYTHON) -c "$$ALONE" $(VENV).lock $(MAKE) --no-print-directory --quiet $(VENV)/.ready

report: setup ## run the series and build the HTML report
	@$(BIN)/python -m helpers.cli report $(call option,notebooks,$(NOTEBOOKS)) $(OPTIONS)

test: setup ## check style and run every test
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/python -m pytest $(PYTEST)

html: setup ## build the HTML report from the last run
	@$(BIN)/python -m helpers.cli html $(call option,profile,$(PROFILE))

lab: setup ## open the notebooks in JupyterLab
	@$(BIN)/jupyter lab --notebook-dir=.

sweep: setup ## make the runs of many seeds that are missing, on many workers
	@$(BIN)/python -m helpers.cli sweep $(call option,seeds,$(SEEDS)) $(call option,scheduler,$(SCHEDULER)) $(OPTIONS)

tensorboard: setup ## browse the logs of all runs, the report's own curves among them
	@$(BIN)/python -m helpers.cli logs
	@$(BIN)/tensorboard --logdir '$(or $(TINYIMAGE_RUNS),runs)'

bench: setup ## measure speed against the report's way (not a test)
	@$(BIN)/python -m benchmarks.run $(call option,data,$(DATA)) $(call option,weights,$(WEIGHTS)) $(call option,profile,$(PROFILE))

scaling: setup ## measure time and memory at IMAGES=10000,100000,1000000 (not a test; up to 20 GB in CACHE, deleted after)
	@$(BIN)/python -m benchmarks.scaling $(call option,images,$(IMAGES))

torture: setup ## kill the series KILLS times and compare what it leaves (not a test; KILLS=20, PROFILE=demo)
	@$(BIN)/python tests/torture.py $(call option,kills,$(KILLS)) $(call option,profile,$(PROFILE)) \
	    $(call option,notebooks,$(NOTEBOOKS))

fuzz: setup ## fuzz the readers of archives, annotations and images (not a test; SECONDS=600; Linux x86_64)
	@$(BIN)/python tests/fuzz.py $(call option,seconds,$(SECONDS))

hostile: setup ## count the bad sources that are refused or read right (for the README)
	@$(BIN)/python tests/reliability.py

data: setup ## download the official Tiny ImageNet-200 archive (237 MB, md5 checked)
	@$(BIN)/python -m helpers.cli data

lint: setup ## format and check the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock: setup ## resolve requirements.lock again from pyproject.toml
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 --generate-hashes \
	    --no-header --no-annotate --upgrade pyproject.toml -o requirements.lock

clean: ## remove the environment, the HTML report and the figures of demo, smoke and quick (runs and data stay)
	rm -rf $(VENV) $(VENV).lock build figures/demo figures/smoke figures/quick *.egg-info
