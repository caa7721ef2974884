# One command each; `make setup` is quick the second time.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.setup-done
# What `pip install .` brings, without torch: enough for a first picture.
BASE := $(VENV)/.base-done

.PHONY: train test test-browser lint bench guard docs replay setup clean

train: setup
	$(BIN)/python train.py $(ARGS)

# Files of tests side by side, each whole, since its tests share what they prepare.
test: lint
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile $(ARGS)

test-browser: setup
	$(BIN)/pip install --quiet -c requirements.lock -e ".[browser]"
	BROWSER_NEEDED=1 $(BIN)/python -m pytest $(BROWSER_TESTS) $(ARGS)

BROWSER_TESTS := tests/envs/test_replay_browser.py tests/test_report_browser.py \
	tests/docs/test_site_browser.py

replay: $(BASE)
	$(BIN)/python -m agents.replay $(ARGS)

docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict $(ARGS)
	@echo "documentation: $(CURDIR)/site/index.html"

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup
	$(BIN)/python -m benchmarks.speed $(ARGS)

# Fails if the core is slower than that of the last release.
guard: setup
	$(BIN)/python -m benchmarks.guard $(ARGS)

# Other libraries, in environments of their own: RLlib pins another Gymnasium than all others.
.PHONY: conformance
conformance: .venv-conformance/.setup-done .venv-rllib/.setup-done
	.venv-conformance/bin/python -m pytest --no-skips $(CONFORMANCE) \
		--ignore=tests/conformance/test_rllib.py \
		--ignore=tests/conformance/test_cluster.py $(ARGS)
	.venv-rllib/bin/python -m pytest --no-skips tests/conformance/test_rllib.py $(ARGS)

# Evaluation and evolution on a Ray cluster: three virtual machines on this one.
.PHONY: test-cluster
test-cluster: .venv-cluster/.setup-done
	.venv-cluster/bin/python -m pytest --no-skips tests/conformance/test_cluster.py $(ARGS)

.venv-cluster/.setup-done: pyproject.toml requirements.lock requirements-cluster.lock
	test -x .venv-cluster/bin/python || $(PYTHON) -m venv .venv-cluster
	.venv-cluster/bin/pip install --quiet -c requirements.lock -c requirements-cluster.lock \
		-e ".[cluster]" pytest pytest-timeout hypothesis
	touch $@

# A sweep through a real SLURM of one machine, queued again on the way. Needs root, and Debian's
# packages slurm-wlm and munge.
.PHONY: test-slurm
test-slurm: setup
	SLURM_NEEDED=1 $(BIN)/python -m pytest --no-skips tests/test_slurm.py $(ARGS)

CONFORMANCE := tests/conformance tests/test_docs.py tests/agents/test_learned_adapter.py \
	$(addprefix tests/envs/test_,checks.py gymnasium.py parallel_env.py sequential_env.py)

.venv-conformance/.setup-done: pyproject.toml requirements.lock requirements-conformance.lock
	test -x .venv-conformance/bin/python || $(PYTHON) -m venv .venv-conformance
	.venv-conformance/bin/pip install --quiet -c requirements.lock \
		-c requirements-conformance.lock -e ".[conformance]"
	touch $@

.venv-rllib/.setup-done: pyproject.toml requirements-rllib.lock
	test -x .venv-rllib/bin/python || $(PYTHON) -m venv .venv-rllib
	.venv-rllib/bin/pip install --quiet -c requirements-rllib.lock \
		-e ".[rllib]" pytest pytest-timeout hypothesis
	touch $@

setup: $(STAMP)

$(STAMP): pyproject.toml requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -c requirements.lock -e ".[test]"
	touch $(BASE) $@

$(BASE): pyproject.toml requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -c requirements.lock -e .
	touch $@

clean:
	rm -rf build dist site *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -not -path "./.venv*/*" -prune -exec rm -rf {} +
