"""A replay without a browser: small, closed, and equal to the record."""

import base64
import hashlib
import json
import re

import numpy as np
import pytest

from envs.core.state import INBOUND
from envs.rendering.packed import UNIT_M, packed_line, simplified, straightened
from envs.rendering.page import page, replay_data, write_page
from envs.rendering.page_play import Play
from envs.rendering.record import OUTCOMES
from tests.envs.small import fog, mapping
from tests.envs.test_record import recorded


def unpacked(flat, columns):
    return np.cumsum(np.reshape(flat, (-1, columns)), axis=0)


def at(path, step):
    """Where a packed path is at a step, in metres, or None outside of it."""
    time, x, y = unpacked(path, 3).T
    if not time[0] <= 10 * step <= time[-1]:
        return None
    return np.array([np.interp(10 * step, time, axis) * UNIT_M for axis in (x, y)])


def in_force(rows, step):
    return [row for row in rows if row[0] <= step][-1][1:]


@pytest.fixture(scope="module", params=["standard", "fog", "small-policing", "rotation-gap"])
def played(request):
    record, _ = recorded(request.param, 1)
    return record, json.loads(json.dumps(replay_data([Play("random", "test", record)])))


def test_threats_and_tracks_are_where_the_record_has_them(played):
    record, data = played
    play = data["plays"][0]
    rows = {(row[0], row[3]): row for row in play["threats"]}
    checked = 0
    for m in record.moments:
        for threat in m.threat[m.threat["status"] == INBOUND]:
            row = rows[int(m.raid.number), int(threat.number)]
            assert (row[1], row[2]) == (threat.kind, threat.aim)
            where = at(row[5], m.step)
            # Half a tenth of a step is what the end of a path may be early or late.
            hasty_m = 0.05 * record.scenario.epoch_s * np.hypot(threat.vx_mps, threat.vy_mps)
            assert np.hypot(*(where - [threat.x_m, threat.y_m])) < 2.0 * UNIT_M + hasty_m
            checked += 1
        for slot in np.flatnonzero(m.held):
            track = m.track[slot]
            number = int(m.threat[track.threat].number)
            found = [
                row
                for row in play["tracks"]
                if row[1] == slot and row[3][0][0] <= m.step and at(row[2], m.step) is not None
            ]
            row = found[-1]  # a slot's earlier track is drawn up to the moment it was gone
            assert play["threats"][row[0]][3] == number
            assert np.hypot(*(at(row[2], m.step) - [track.x_m, track.y_m])) < 3.0 * UNIT_M
            seen, aim, aim_belief, kind, belief = in_force(row[3], m.step)[:5]
            assert (seen, aim) == (track.seen, track.aim)
            assert aim_belief == round(100 * float(track.aim_belief))
            likely = 1.0 if track.certain else m.belief[slot, track.kind]
            assert abs(belief / 100 - likely) < 0.006
            assert track.certain is False or kind == track.kind or belief < 100
            legal, reach, pk, shooter = in_force(row[4], m.step)
            assert (legal, reach) == (m.legal[slot], m.reach[slot])
            assert pk == round(100 * float(m.best_pk[slot]))
            assert shooter == (m.best_shooter[slot] if legal else -1)
    assert checked > 20


def test_shooters_health_score_and_engagements_are_those_of_the_record(played):
    record, data = played
    play = data["plays"][0]
    for n, m in enumerate(record.moments):
        assert play["share"][n] == round(1000 * m.protected_share)
        assert play["epochs"][n] == m.raid.epoch
        assert play["raid"][n] == m.raid.number
        assert in_force(play["health"], m.step) == np.round(1000 * m.health).astype(int).tolist()
        for (rows, path), shooter in zip(play["shooters"], m.shooter, strict=True):
            rounds, reserve, busy, able, _ = in_force(rows, m.step)
            assert (rounds, reserve) == (shooter.rounds, shooter.reserve)
            assert (busy, able) == (shooter.busy, shooter.able)
            if path:
                where = [shooter.x_m, shooter.y_m]
                assert np.hypot(*(at(path, m.step) - where)) < 3.0 * UNIT_M
    assert len(play["engagements"]) == len(record.engagements) > 0
    for row, one in zip(play["engagements"], record.engagements, strict=True):
        shooter, threat, track, launched, ended, resolves, pk, outcome = row
        assert shooter == one.shooter
        assert play["threats"][threat][0] == one.raid
        assert play["tracks"][track][:2] == [threat, one.slot]
        for tenths, steps in ((launched, one.launched), (ended, one.ended)):
            assert abs(tenths / 10 - steps) <= 0.051
        assert resolves == round(10 * one.resolves)
        assert pk == round(100 * one.pk)
        assert data["outcomes"][outcome] == one.outcome
    assert tuple(data["outcomes"]) == OUTCOMES


@pytest.fixture(scope="module")
def two():
    return [
        Play(name, "test", recorded("standard", seed)[0]) for name, seed in (("a", 1), ("b", 2))
    ]


def one_scenario(plays):
    """Two records played apart have equal scenarios, but not the same."""
    for play in plays:
        play.record.scenario = plays[0].record.scenario
    return plays


def test_a_page_is_small_and_asks_for_nothing(two, tmp_path):
    path = tmp_path / "replay.html"
    write_page(one_scenario(two), path)
    text = path.read_text(encoding="utf-8")
    assert len(text.encode()) < 300_000
    assert list(tmp_path.iterdir()) == [path]
    assert not re.search(r"https?:|//[a-z]|\bsrc=|\bhref=|\burl\(|@import|\bimport\(|fetch\(", text)
    assert not re.search(r"%[A-Z]+%", text)
    assert not re.search(r"\son[a-z]+=|\sstyle=", text)


def test_the_policy_lets_this_page_run_its_own_script_and_style_alone(two):
    text = page(one_scenario(two))
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for name, source in (("script", r"<script>(.*)</script>"), ("style", r"<style>(.*)</style>")):
        (own,) = re.findall(source, text, re.S)
        digest = base64.b64encode(hashlib.sha256(own.encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in policy


def test_the_data_of_a_page_are_the_replays_data_whatever_names_say():
    evil = "</script><script>alert(1)</script><!--"
    record, _ = recorded("fog", 0)
    text = page([Play(evil, "test", record)])
    assert evil not in text
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)[1]
    assert json.loads(data) == json.loads(json.dumps(replay_data([Play(evil, "test", record)])))
    assert json.loads(data)["plays"][0]["policy"] == evil


def test_records_of_several_scenarios_are_refused():
    with pytest.raises(ValueError, match="none are not right"):
        replay_data([])
    plays = [Play("a", "test", recorded(name, 0)[0]) for name in ("duel", "fog")]
    with pytest.raises(ValueError, match=f"duel, {fog()['name']} are not right"):
        replay_data(plays)
    assert mapping()["name"] != "duel"


def test_lines_keep_their_shape_within_what_is_allowed():
    rng = np.random.default_rng(0)
    line = np.cumsum(rng.normal(size=(400, 2)), axis=0) * 1e3
    for fine in (500.0, 5_000.0):
        kept = simplified(line, fine)
        assert 2 < len(kept) < len(line)
        starts, ways = kept[:-1], np.diff(kept, axis=0)
        for point in line:
            share = np.clip(np.sum((point - starts) * ways, 1) / np.sum(ways**2, 1), 0, 1)
            away = np.linalg.norm(point - starts - share[:, None] * ways, axis=1)
            assert away.min() <= fine + 1e-6
    assert len(simplified(line[:2], 1.0)) == 2
    np.testing.assert_allclose(unpacked(packed_line(line), 2) * UNIT_M, line, atol=51.0)


def test_paths_keep_time_as_well():
    steps = np.arange(30.0)
    path = np.stack([steps, 1e3 * np.minimum(steps, 12.0), 500.0 * steps], axis=1)
    assert straightened(path, 1.0)[:, 0].tolist() == [0.0, 12.0, 29.0]
