import os
from collections.abc import Generator, Iterator
from typing import Any

# One thread for torch in tests: two that wait for each other on a busy machine are far slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# So that the tests of two threads run on a machine with one core, too.
os.environ.setdefault("NUMBA_NUM_THREADS", "2")

# A window that nobody sees, for the render mode "human".
os.environ.setdefault("SDL_VIDEODRIVER", "dummy")

import numba
import pytest
from hypothesis import settings

from envs.scenario import Scenario, load_scenario
from tests.browser import launched, visits

# Kernels may compile inside an example; and the same examples in every run, so that a failure
# that somebody reports is one that everybody has.
settings.register_profile("repeatable", deadline=None, derandomize=True, max_examples=100)
settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Run compiled code on one thread: on a busy machine two wait for each other."""
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    yield
    numba.set_num_threads(before)


@pytest.fixture(scope="session")
def duel() -> Scenario:
    return load_scenario("duel")


@pytest.fixture(scope="session")
def standard() -> Scenario:
    return load_scenario("standard")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    yield from launched()


@pytest.fixture
def visit(chromium: Any) -> Iterator[Any]:
    yield from visits(chromium)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="a test that skips has failed")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    return forbid_skip((yield), item.config)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, Any, Any]:
    return forbid_skip((yield), collector.config)


def forbid_skip(report: Any, config: pytest.Config) -> Any:
    """Turn a skip into a failure where the command line asks for it."""
    if report.skipped and config.getoption("--no-skips"):
        report.outcome = "failed"
    return report
