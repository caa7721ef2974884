import os

# One thread for torch in tests: two that wait for each other on a busy machine are far slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# So that the tests of two threads run on a machine with one core, too.
os.environ.setdefault("NUMBA_NUM_THREADS", "2")

# A window that nobody sees, for the render mode "human".
os.environ.setdefault("SDL_VIDEODRIVER", "dummy")

import pytest

from envs.scenario import Scenario, load_scenario


@pytest.fixture(scope="session")
def duel() -> Scenario:
    return load_scenario("duel")


@pytest.fixture(scope="session")
def standard() -> Scenario:
    return load_scenario("standard")
