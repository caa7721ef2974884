"""`python -m agents.compare`: the same raids on two scenarios."""

import numpy as np
import pytest

from agents import compare
from envs import load_scenario
from tests.envs.small import mapping, sensor, shooter


def rows(losses, undefended):
    """Return rows as `play` does, of raids with these losses."""
    return {
        "seed": np.arange(len(losses)),
        "loss": np.array(losses, float),
        "undefended_loss": np.array(undefended, float),
        **{name: np.full(len(losses), 2.0) for name in compare.PICTURE_METRICS},
    }


def test_scores_and_paired_difference_by_hand():
    result = compare.compare(
        "any", (rows([6.0, 2.0], [10.0, 10.0]), rows([3.0, 1.0], [10.0, 10.0]))
    )
    # 1 - 8 / 20 = 0.6 and 1 - 4 / 20 = 0.8; saved more: (3 + 1) / 20 = 0.2.
    assert [score.estimate for score in result.scores] == pytest.approx([0.6, 0.8])
    assert result.gain.estimate == pytest.approx(0.2)
    # Raid by raid 0.3 and 0.1 of 10: resamples lie between them, whatever the raids' own spread.
    assert 0.1 - 1e-12 <= result.gain.low <= result.gain.high <= 0.3 + 1e-12
    assert result.metrics[0]["tracked_share"] == 2.0


def test_other_raids_cannot_be_compared():
    with pytest.raises(ValueError, match="do not bring the same raids"):
        compare.compare("any", (rows([1.0], [10.0]), rows([1.0], [11.0])))


def test_sensors_are_taken_away_by_name():
    scenario = load_scenario(mapping(sensors=[sensor("near"), sensor("far", place=(30, 0))]))
    fewer = compare.without(scenario, ["near"])
    assert [entry.name for entry in fewer.sensors] == ["far"]
    assert fewer.packages == scenario.packages
    with pytest.raises(ValueError, match="without: unknown 'naer'; did you mean 'near'"):
        compare.without(scenario, ["naer"])
    with pytest.raises(ValueError, match="no sensor would be left"):
        compare.without(scenario, ["near", "far"])


def test_shooters_are_taken_away_by_name_and_from_their_contingents():
    source = mapping(shooters=[shooter("home"), shooter("one"), shooter("two"), shooter("lone")])
    source["campaign"] = {"raids": 2}
    source["contingents"] = [
        {"name": "pair", "nation": "LVA", "shooters": ["one", "two"]},
        {"name": "single", "nation": "LVA", "shooters": ["lone"]},
    ]
    fewer = compare.without(load_scenario(source), ["two", "lone"])
    assert [entry.name for entry in fewer.shooters] == ["home", "one"]
    assert [(group.name, group.shooters) for group in fewer.contingents] == [("pair", ("one",))]
    assert len(fewer.sensors) == 1
    with pytest.raises(ValueError, match="no shooter would be left"):
        compare.without(fewer, ["home", "one"])


def test_the_command_prints_a_table_and_draws_it(tmp_path, capsys):
    picture = tmp_path / "worth.png"
    sensors = [sensor("near"), sensor("far", place=(300, 0))]
    file = tmp_path / "two.yaml"
    file.write_text(str(mapping(sensors=sensors)).replace("'", '"'))
    arguments = [str(file), "--without", "near", "--raids", "8", "--out", str(picture)]
    assert compare.main(arguments) == 0
    shown = capsys.readouterr().out
    assert "| policy | without near | small | difference |" in shown
    assert "| wta_greedy | 0.0 [0.0, 0.0] |" in shown, "nothing is seen from 300 km away"
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["duel", "standard", "--raids", "4"], "do not bring the same raids"),
        (["duel", "deul"], "did you mean 'duel'"),
        (["duel", "--without", "ears"], "without: unknown 'ears'"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(arguments, message, capsys):
    assert compare.main(arguments) == 1
    assert message in capsys.readouterr().err
