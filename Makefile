# The same for people and for CI. Each works from a bare clone with Python 3.11 and make.
#   make run      start a node with demo data; ARGS="--empty" without; Ctrl-C stops all of it
#   make test     all tests; ARGS="tests/base -k disk" some of them
#   make check    format, lint, types, house laws
#   make bench    the benchmark
#   make format   put the format right
#   make lock     resolve the locks anew from pyproject.toml

PYTHON := $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
ARGS ?=

.PHONY: run test check bench format lock
.DEFAULT_GOAL := run

run:
	@$(PYTHON) build/prepare.py run
	@exec $(BIN)/lienmach run $(ARGS)

test:
	@$(PYTHON) build/prepare.py test
	@exec $(BIN)/python -m pytest $(ARGS)

check:
	@$(PYTHON) build/prepare.py dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	@test ! -d tests/house || $(BIN)/python -m pytest -q tests/house

bench:
	@$(PYTHON) build/prepare.py dev
	@exec $(BIN)/python -m lienmach.bench $(ARGS)

format:
	@$(PYTHON) build/prepare.py dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

LOCK = $(BIN)/uv pip compile -q --no-header --no-annotate --generate-hashes --no-emit-index-url --no-emit-find-links \
	--python-version 3.11 --universal --custom-compile-command "make lock"

lock:
	@$(PYTHON) build/prepare.py run
	$(LOCK) pyproject.toml --group build -o requirements.lock
	$(LOCK) pyproject.toml --group build --group dev -c requirements.lock -o requirements-dev.lock
	echo uv | $(LOCK) - -o requirements-uv.lock
