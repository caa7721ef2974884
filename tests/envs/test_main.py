"""`python -m envs`: show and check."""

import pytest
import yaml

from envs.__main__ import main
from tests.envs.small import changed, mapping


@pytest.mark.parametrize("name", ["duel", "standard"])
def test_show_prints_every_name_and_draws_a_map(name, tmp_path, capsys, request):
    picture = tmp_path / "map.png"
    assert main(["show", name, "--out", str(picture)]) == 0
    shown = capsys.readouterr().out
    scenario = request.getfixturevalue(name)
    for entries in (scenario.assets, scenario.shooters, scenario.sensors, scenario.packages):
        for entry in entries:
            assert entry.name in shown
    assert "mean undefended loss: " in shown
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 10_000


def test_check_of_a_right_file(tmp_path, capsys):
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(mapping()))
    assert main(["check", str(path)]) == 0
    assert "1 assets, 1 shooters, 1 sensors, 1 to 1 threats" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["check", "show"])
def test_a_wrong_file_is_one_line_and_an_exit_code(command, tmp_path, capsys):
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(changed(mapping(), "assets.0.value", -1)))
    assert main([command, str(path)]) == 1
    caught = capsys.readouterr()
    assert caught.out == ""
    assert caught.err.startswith("assets[0].value: -1 is out of range")
    assert main([command, "standart"]) == 1
    assert "did you mean 'standard'?" in capsys.readouterr().err


def test_a_picture_that_cannot_be_written(tmp_path, capsys):
    assert main(["show", "duel", "--out", str(tmp_path / "none" / "map.png")]) == 1
    assert "No such file" in capsys.readouterr().err
