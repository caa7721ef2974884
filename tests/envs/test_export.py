"""A scenario written as a mapping is read as the same scenario."""

import pytest
import yaml

from envs.deployments import deployment
from envs.digest import scenario_digest
from envs.export import scenario_mapping, scenario_text
from envs.scenario import load_scenario, scenario_names
from tests.envs.small import fog


@pytest.mark.parametrize("source", [*scenario_names(), fog()], ids=str)
def test_what_is_written_is_read_as_the_same(source):
    scenario = load_scenario(source)
    again = load_scenario(scenario_mapping(scenario))
    assert scenario_digest(again) == scenario_digest(scenario)
    for key in ("assets", "shooters", "sensors", "packages", "contingents", "description"):
        assert getattr(again, key) == getattr(scenario, key)


def test_a_deployment_becomes_a_file_of_its_own():
    drawn = deployment(load_scenario("random"), "validation", 3)
    data = yaml.safe_load(scenario_text(drawn))
    assert "deployments" not in data
    assert scenario_digest(load_scenario(data)) == scenario_digest(drawn)
