# One command each; `make setup` is quick the second time.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.setup-done

.PHONY: train test test-browser lint bench replay setup clean

train: setup
	$(BIN)/python train.py $(ARGS)

test: lint
	$(BIN)/python -m pytest $(ARGS)

test-browser: setup
	$(BIN)/pip install --quiet -c requirements.lock -e ".[browser]"
	BROWSER_NEEDED=1 $(BIN)/python -m pytest tests/envs/test_replay_browser.py $(ARGS)

replay: setup
	$(BIN)/python -m agents.replay $(ARGS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup
	$(BIN)/python -m benchmarks.speed $(ARGS)

setup: $(STAMP)

$(STAMP): pyproject.toml requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -c requirements.lock -e ".[test]"
	touch $@

clean:
	rm -rf build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -not -path "./$(VENV)/*" -prune -exec rm -rf {} +
