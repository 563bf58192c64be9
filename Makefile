# sharecore: `make demo` shows it at work, `make test` tests it, `make lint` checks the code.
# Each sets up what it needs by itself; a second run is fast. Needs git, make and Python 3.11 to 3.13.

.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYTHONUNBUFFERED := 1
export CHROMIUM
# Hundreds of processes import the same modules: let the first one keep what it compiles.
unexport PYTHONDONTWRITEBYTECODE
# numpy and scipy start threads for matrices, which nothing here multiplies; a tenth of each import is theirs.
export OPENBLAS_NUM_THREADS := 1

VENV := .venv
BIN := $(VENV)/bin
WHEELHOUSE := $(VENV)/wheel
# a stock TOM of the last 2.x, which can be shared to, in an environment of its own
RECEIVER_232 := .venv-receiver-2.32

# Each process has a database of its own. One more than processors, up to four: some tests wait for a time limit.
PROCESSORS := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
# A process that has finished takes tests over from one that has not.
PARALLEL := -n $(shell echo $$(($(PROCESSORS) < 4 ? $(PROCESSORS) + 1 : 4))) --dist worksteal
# The tests of one file share TOMs and stay in one process; they wait much, so there may be more than processors.
PARALLEL_LIVE := -n 3 --dist loadfile
# Real servers, brokers and browsers share the machine with whatever else runs there: what fails is played once
# more, and both plays are reported.
PATIENT := --reruns 1 -rfER --rerun-show-tracebacks

# Folders are listed too: removing a file changes only its folder.
SOURCES := $(shell find sharecore adapters tom_integration \( -name __pycache__ -prune -o -print \) 2>/dev/null) \
           $(wildcard README.md LICENSE)

# tomtoolkit runs on Python 3.11 to 3.13. A python that cannot make environments is passed over.
define FIND_PYTHON
for python in $(PYTHON) python3.12 python3.13 python3.11 python3 python; do \
    if "$$python" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
        >/dev/null 2>&1; then break; fi; python=; done; \
if [ -z "$$python" ]; then \
    echo "error: no Python 3.11, 3.12 or 3.13 with the modules venv and ensurepip was found on PATH." >&2; \
    echo "       Install one (Debian, Ubuntu: apt-get install python3 python3-venv), or name it: make PYTHON=/path/to/python" >&2; \
    exit 1; fi
endef

.PHONY: help
help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

# --- environments ------------------------------------------------------------------------------------------

$(VENV)/.made:
	@$(FIND_PYTHON) && \
	echo "Making $(VENV) with $$("$$python" --version)" && \
	"$$python" -m venv --clear $(VENV)
	@$(BIN)/python -m pip install -qq --upgrade pip  # it needs half the time of the one in Python 3.11
	@touch $@

# What has to be installed, read out of pyproject.toml. The file changes only if the list does.
$(VENV)/requirements.txt: pyproject.toml $(VENV)/.made
	@$(BIN)/python -c 'import tomllib; \
	settings = tomllib.load(open("pyproject.toml", "rb")); \
	project = settings["project"]; \
	extras = project["optional-dependencies"]; \
	print(*settings["build-system"]["requires"], *project["dependencies"], *extras["tom"], *extras["test"], *extras["docs"], sep="\n")' > $@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

$(VENV)/.dependencies: $(VENV)/requirements.txt
	@echo "Installing the dependencies into $(VENV) (the first time: some minutes)"
	@$(BIN)/python -m pip install -qq --no-compile -r $<  # most of it is never imported
	@touch $@

$(VENV)/.wheel: $(VENV)/.dependencies pyproject.toml $(SOURCES)
	@echo "Building and installing the wheel"
	@rm -rf $(WHEELHOUSE)
	@$(BIN)/python -m pip wheel -qq --no-deps --no-build-isolation -w $(WHEELHOUSE) .
	@$(BIN)/python -m pip install -qq --no-deps --no-index --force-reinstall $(WHEELHOUSE)/sharecore-*.whl
	@touch $@

$(RECEIVER_232)/.installed:
	@$(FIND_PYTHON) && \
	echo "Making $(RECEIVER_232), for a TOM of tomtoolkit 2.32.4 to share to (the first time: some minutes)" && \
	"$$python" -m venv --clear $(RECEIVER_232)
	@$(RECEIVER_232)/bin/python -m pip install -qq --upgrade pip
	@$(RECEIVER_232)/bin/python -m pip install -qq --no-compile 'tomtoolkit==2.32.4' gunicorn
	@touch $@

# --- what people call --------------------------------------------------------------------------------------

.PHONY: demo
demo: $(VENV)/.wheel  ## two real TOMs, one sharing with the other; reports and corrections (ARGS=--serve: play on)
	@$(BIN)/python demo/main.py $(ARGS)

.PHONY: test
test: $(VENV)/.wheel  ## the tests that need nothing but Python: SQLite, one tomtoolkit
	@echo "Tests on SQLite"
	@$(BIN)/pytest $(PARALLEL) --ignore=tests/live --ignore=tests/browser -m "not postgres" $(ARGS)

.PHONY: test-all
test-all: test test-real test-postgres test-chaos  ## every test: also real TOMs, PostgreSQL, brokers, a web browser

.PHONY: test-live
test-live: $(VENV)/.wheel $(RECEIVER_232)/.installed
	@echo "Tests with real TOMs, tomtoolkit 3.x and 2.32"
	@SHARECORE_RECEIVER_232_PYTHON="$(CURDIR)/$(RECEIVER_232)/bin/python" \
	    $(BIN)/pytest $(PARALLEL_LIVE) $(PATIENT) -m "not brokers" tests/live $(ARGS)

# What test-live, test-brokers and test-browser run, at the same time: while one waits, another works.
.PHONY: test-real
test-real: $(VENV)/.wheel $(RECEIVER_232)/.installed chromium
	@echo "Tests with real TOMs, brokers and a web browser"
	@SHARECORE_RECEIVER_232_PYTHON="$(CURDIR)/$(RECEIVER_232)/bin/python" PYTHONPATH=demo \
	    $(BIN)/python -m realtoms.brokers \
	    $(BIN)/pytest $(PARALLEL_LIVE) $(PATIENT) --durations=15 tests/live tests/browser $(ARGS)

.PHONY: test-postgres
test-postgres: $(VENV)/.wheel
	@echo "Tests on PostgreSQL"
	@PYTHONPATH=demo $(BIN)/python -m realtoms.postgres \
	    $(BIN)/pytest $(PARALLEL) -m "not any_database" tests/tom $(ARGS)

.PHONY: test-brokers
test-brokers: $(VENV)/.wheel
	@echo "Tests with RabbitMQ and Redis"
	@PYTHONPATH=demo $(BIN)/python -m realtoms.brokers $(BIN)/pytest $(PATIENT) -m brokers tests/live $(ARGS)

.PHONY: test-fuzz
test-fuzz: $(VENV)/.wheel  ## ten thousand hostile batches at the inbox
	@SHARECORE_FUZZ=10000 $(BIN)/pytest -q tests/tom/test_receiving_fuzz.py $(ARGS)

.PHONY: chaos
chaos: $(VENV)/.wheel  ## kill everything at random, count what arrived (ARGS="--seeds 20 --database postgres")
	@PYTHONPATH="$(CURDIR)/demo:$(CURDIR)/tests" $(BIN)/python -P -m chaos $(ARGS)

.PHONY: isolation
isolation: $(VENV)/.wheel  ## how soon data arrive beside a dead and a hanging destination
	@PYTHONPATH="$(CURDIR)/demo:$(CURDIR)/tests" $(BIN)/python -P -m chaos.isolation $(ARGS)

.PHONY: test-matrix
test-matrix: $(VENV)/.wheel dist  ## the wheel, installed by pip on each Python here, with the oldest and newest tomtoolkit
	@echo "Each Python and tomtoolkit"
	@PYTHONPATH="$(CURDIR)/demo:$(CURDIR)/tests" $(BIN)/python -P -m release.matrix dist/*.whl $(ARGS)

.PHONY: test-other-python
test-other-python: $(VENV)/.wheel dist
	@echo "Another Python, the oldest tomtoolkit"
	@PYTHONPATH="$(CURDIR)/demo:$(CURDIR)/tests" $(BIN)/python -P -m release.matrix dist/*.whl --quick

.PHONY: bench
bench: $(VENV)/.wheel  ## ours and stock side by side (ARGS="--database postgres --only save --quick")
	@PYTHONPATH="$(CURDIR)/demo" $(BIN)/python -P -m bench $(ARGS)

.PHONY: scaling
scaling: $(VENV)/.wheel  ## how many records per second 1, 2 and 4 workers deliver
	@PYTHONPATH="$(CURDIR)/demo:$(CURDIR)/tests" $(BIN)/python -P -m chaos.scaling $(ARGS)

.PHONY: test-chaos
test-chaos: $(VENV)/.wheel
	@echo "One round of chaos on each database"
	@PYTHONPATH="$(CURDIR)/demo:$(CURDIR)/tests" $(BIN)/python -P -m chaos \
	    --database sqlite --database postgres --seeds 1 --records 100

# Chromium comes from the system: on Debian it is installed where that is possible.
.PHONY: chromium
chromium:
	@if [ -z "$$CHROMIUM" ] && \
	    ! command -v chromium-headless-shell >/dev/null && ! command -v chromium >/dev/null && ! command -v chromium-browser >/dev/null; then \
	    if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	        echo "Installing Chromium, without windows" && apt-get update -qq && \
	        apt-get -o DPkg::Lock::Timeout=600 install -y -qq chromium-headless-shell >/dev/null; \
	    else \
	        echo "error: no web browser: install Chromium (Debian: apt-get install chromium-headless-shell)," >&2; \
	        echo "       or name one: make CHROMIUM=/path/to/chromium" >&2; exit 1; \
	    fi; \
	fi

.PHONY: test-browser
test-browser: $(VENV)/.wheel chromium
	@echo "Tests of the pages in a web browser"
	@$(BIN)/pytest $(PATIENT) tests/browser $(ARGS)

.PHONY: screenshots
screenshots: $(VENV)/.wheel chromium  ## take the screenshots in docs/screenshots anew
	@$(BIN)/python demo/screenshots.py $(ARGS)

.PHONY: lint
lint: $(VENV)/.wheel  ## ruff, mypy and the rules of the layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

.PHONY: docs
docs: $(VENV)/.wheel  ## build the documentation into build/docs; a warning is an error
	@$(BIN)/sphinx-build --fail-on-warning --keep-going --fresh-env --quiet -b html -d build/doctrees docs build/docs
	@echo "The documentation is in build/docs/index.html"

.PHONY: format
format: $(VENV)/.dependencies  ## let ruff format and correct what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

.PHONY: dist
dist: $(VENV)/.dependencies  ## wheel and sdist of what is committed, built twice and compared, as PyPI wants them
	@PYTHONPATH=tests $(BIN)/python -P -m release.building

.PHONY: clean
clean:  ## remove everything that make made
	@rm -rf .venv .venv-receiver-* build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
