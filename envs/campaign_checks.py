"""What must be right about a scenario's campaign, deliveries and contingents."""

from envs.entities import Contingent, Delivery, Scenario
from envs.validation import ScenarioError, one_of


def check_campaign(scenario: Scenario) -> None:
    """Check what concerns several raids.

    Args:
        scenario: the scenario, each of whose entries is right by itself.

    Raises:
        ScenarioError: naming the key, the value and what would be right.
    """
    for key in ("deliveries", "contingents"):
        if getattr(scenario, key) and scenario.campaign.raids == 1:
            raise ScenarioError(
                f"{key}: they would do nothing in a single raid; campaign.raids of 2 or more "
                "(now 1) is needed"
            )
    if scenario.campaign.hand_out == "decided" and not scenario.deliveries:
        raise ScenarioError(
            "campaign.hand_out: 'decided' without anything to hand out; deliveries are needed, or "
            "'by_need'"
        )
    for n, delivery in enumerate(scenario.deliveries):
        _check_delivery(scenario, delivery, f"deliveries[{n}]")
    for n, contingent in enumerate(scenario.contingents):
        _check_contingent(scenario, contingent, f"contingents[{n}]")
    _check_membership(scenario)
    if scenario.presence_days[:, 0].min() > 0.0:
        first = min(scenario.contingents, key=lambda contingent: contingent.ready_day)
        raise ScenarioError(
            f"contingents: no shooter is there on day 0, the first comes on day "
            f"{first.ready_day:g} ({first.name!r}); one with arrives_day and travel_days 0, or a "
            "shooter of no contingent, is needed"
        )


def _check_delivery(scenario: Scenario, delivery: Delivery, key: str) -> None:
    deployed = sorted({shooter.kind for shooter in scenario.shooters})
    one_of(delivery.kind, deployed, f"{key}.kind")
    if scenario.catalogue.shooters[delivery.kind].jams:
        raise ScenarioError(f"{key}.kind: a {delivery.kind} spends no rounds; leave it out")
    for nation in delivery.nations:
        one_of(nation, scenario.nations, f"{key}.nations")
    users = sorted({s.nation for s in scenario.shooters if s.kind == delivery.kind})
    if delivery.nations and not set(delivery.nations) & set(users):
        raise ScenarioError(
            f"{key}.nations: {list(delivery.nations)} have no {delivery.kind} to take the rounds; "
            f"one or more of {users} is needed"
        )


def _check_contingent(scenario: Scenario, contingent: Contingent, key: str) -> None:
    one_of(contingent.nation, scenario.nations, f"{key}.nation")
    nations = {shooter.name: shooter.nation for shooter in scenario.shooters}
    for name in contingent.shooters:
        nation = nations[one_of(name, nations, f"{key}.shooters")]
        if nation != contingent.nation:
            raise ScenarioError(
                f"{key}.shooters: {name!r} is of {nation}; a shooter of {contingent.nation} is "
                "needed"
            )
    if contingent.leaves_day <= contingent.ready_day:
        raise ScenarioError(
            f"{key}.leaves_day: {contingent.leaves_day:g} is not after the day on which it is "
            f"ready, arrives_day + travel_days; more than {contingent.ready_day:g} is needed"
        )


def _check_membership(scenario: Scenario) -> None:
    """Check that a shooter is named once, in one contingent."""
    belongs: dict[str, str] = {}
    for n, contingent in enumerate(scenario.contingents):
        for name in contingent.shooters:
            if name in belongs:
                raise ScenarioError(
                    f"contingents[{n}].shooters: {name!r} stands in {belongs[name]!r} already; a "
                    "shooter comes and goes once, with one contingent"
                )
            belongs[name] = contingent.name
