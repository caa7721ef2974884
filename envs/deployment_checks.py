"""What must be right about a scenario from whose lists deployments are drawn."""

from envs.entities import Scenario
from envs.validation import ScenarioError


def check_deployments(scenario: Scenario) -> None:
    """Check that every deployment that can be drawn is a scenario that is right.

    Args:
        scenario: the scenario, each of whose entries is right by itself.

    Raises:
        ScenarioError: naming the key, the value and what would be right.
    """
    if scenario.deployments is None:
        return
    _check_numbers(scenario)
    _check_packages(scenario)
    if scenario.campaign.raids > 1 or scenario.traffic or scenario.restricted:
        raise ScenarioError(
            "deployments: several raids, neutral aircraft and tracks that not everybody may use at "
            "once cannot be drawn; leave campaign, such packages and sharing out"
        )
    for key in ("shooters", "sensors"):
        for n, entry in enumerate(getattr(scenario, key)):
            if entry.asset:
                raise ScenarioError(
                    f"{key}[{n}].asset: {entry.asset!r} may be left out of a deployment; leave it "
                    "out"
                )


def _check_numbers(scenario: Scenario) -> None:
    """Check that there is enough in each list, and room for all that comes."""
    draw = scenario.deployments
    assert draw is not None
    for key in ("assets", "shooters", "sensors", "packages"):
        there, most = len(getattr(scenario, key)), getattr(draw, key)[1]
        if most > there:
            raise ScenarioError(
                f"deployments.{key}: {most} is too many; there are {there} to draw from"
            )
    fewest, most = draw.threats
    if fewest < draw.packages[1]:
        raise ScenarioError(
            f"deployments.threats: {fewest} is too few; each of up to {draw.packages[1]} packages "
            f"brings a threat, so {draw.packages[1]} or more is needed"
        )
    if most > scenario.slots:
        raise ScenarioError(
            f"slots: {scenario.slots} is too few; a deployment's raid can bring {most} threats, so "
            f"{most} or more is needed"
        )


def _check_packages(scenario: Scenario) -> None:
    """Check that any choice of packages is a raid, and that some package aims at each asset."""
    for n, package in enumerate(scenario.packages):
        if package.chance < 1.0 or package.number[0] < 1:
            raise ScenarioError(
                f"packages[{n}]: it can stay away, and the raid of a deployment be empty; chance 1 "
                "and a number of 1 or more are needed"
            )
        if all(scenario.catalogue.threats[kind].damage == 0.0 for kind in package.kinds):
            raise ScenarioError(
                f"packages[{n}].kinds: {', '.join(package.kinds)} do no damage, so nothing may be "
                "at risk in a deployment; a kind that does is needed"
            )
    for asset in scenario.assets:
        if not any(not p.aim or asset.name in p.aim for p in scenario.packages):
            raise ScenarioError(
                f"packages: none aims at {asset.name!r}, so nothing may be at risk in a "
                "deployment; one that does is needed"
            )
