import numpy as np
import pytest

from agents import scoring

UNDEFENDED = np.array([10.0, 30.0])


def test_protected_share_by_hand_and_one_where_nothing_was_at_risk() -> None:
    share = scoring.protected_share(np.array([5.0, 0.0, 8.0]), np.array([10.0, 0.0, 8.0]))
    np.testing.assert_array_equal(share, [0.5, 1.0, 0.0])


def test_score_weighs_raids_by_what_was_at_risk() -> None:
    # Saved 10 of 10 and 0 of 30: the mean of the shares would be 0.5, the score is 10 / 40.
    assert scoring.score(np.array([0.0, 30.0]), UNDEFENDED) == 0.25


def test_no_score_without_risk() -> None:
    with pytest.raises(ValueError, match="nothing was at risk"):
        scoring.score(np.zeros(2), np.zeros(2))


def test_bootstrap_counts_draw_every_resample_with_replacement() -> None:
    counts = scoring.bootstrap_counts(50, 2000, np.random.default_rng(0))
    np.testing.assert_array_equal(counts.sum(axis=1), 50)
    # Each count is Binomial(50, 1/50): variance 50 · 1/50 · 49/50.
    assert counts.mean(axis=0) == pytest.approx(1.0, abs=0.1)
    assert counts.var() == pytest.approx(0.98, abs=0.02)


def test_bootstrap_ratios_equal_resampling_one_by_one() -> None:
    rng = np.random.default_rng(1)
    saved, risk = rng.random((2, 7)), rng.random(7) + 0.5
    replicates = scoring.bootstrap_ratios(saved, risk, resamples=3, seed=4)
    counts = scoring.bootstrap_counts(7, 3, np.random.default_rng(4)).astype(int)
    for resample, count in enumerate(counts):
        picked = np.repeat(np.arange(7), count)
        expected = saved[:, picked].sum(axis=1) / risk[picked].sum()
        np.testing.assert_allclose(replicates[:, resample], expected)


def test_replicates_do_not_depend_on_how_many_policies_stand_beside() -> None:
    rng = np.random.default_rng(2)
    saved, risk = rng.random((3, 40)), np.ones(40)
    together = scoring.bootstrap_ratios(saved, risk, resamples=1200)
    alone = scoring.bootstrap_ratios(saved[:1], risk, resamples=1200)
    np.testing.assert_allclose(together[:1], alone)


def test_interval_of_a_mean_agrees_with_the_normal_one() -> None:
    rng = np.random.default_rng(3)
    saved = rng.random((1, 1000))
    estimate = scoring.score_all(1.0 - saved, np.ones(1000))[0]
    half = 1.96 * saved.std() / np.sqrt(1000)
    assert estimate.estimate == pytest.approx(saved.mean())
    assert estimate.low == pytest.approx(saved.mean() - half, abs=0.1 * half)
    assert estimate.high == pytest.approx(saved.mean() + half, abs=0.1 * half)


def test_gain_is_the_difference_of_scores_and_is_paired() -> None:
    rng = np.random.default_rng(5)
    undefended = rng.random(500) * 100.0 + 1.0
    reference = undefended * rng.random(500)
    # Saves exactly 2 % of what was at risk more in every raid: no uncertainty at all.
    better = reference - 0.02 * undefended
    gain = scoring.gain_over(reference, better[None], undefended, resamples=500)[0]
    assert gain.estimate == pytest.approx(
        scoring.score(better, undefended) - scoring.score(reference, undefended)
    )
    assert gain.low == pytest.approx(0.02)
    assert gain.high == pytest.approx(0.02)


def test_gap_closed_by_hand_and_paired() -> None:
    # Of 40 the reference saves 10, the bound 30, the policies 15 and 5: 5 / 20 and -5 / 20.
    reference, bound = np.array([5.0, 25.0]), np.array([0.0, 10.0])
    losses = np.array([[5.0, 20.0], [5.0, 30.0]])
    gaps = scoring.gap_closed(reference, losses, bound, UNDEFENDED, resamples=200)
    assert gaps is not None
    assert [gap.estimate for gap in gaps] == [0.25, -0.25]
    assert all(gap.low <= gap.estimate <= gap.high for gap in gaps)
    # Whoever gains a third of the room in every raid has no uncertainty at all.
    third = reference - (reference - bound) / 3.0
    gap = scoring.gap_closed(reference, third[None], bound, UNDEFENDED, resamples=200)
    assert gap is not None
    assert (gap[0].low, gap[0].high) == (pytest.approx(1 / 3), pytest.approx(1 / 3))


def test_no_gap_where_there_is_no_room_above_the_reference() -> None:
    reference = np.array([5.0, 25.0])
    assert scoring.gap_closed(reference, reference[None], reference, UNDEFENDED) is None


def test_gain_over_oneself_is_exactly_nothing() -> None:
    loss = np.array([3.0, 20.0])
    assert scoring.gain_over(loss, loss[None], UNDEFENDED)[0].as_dict() == {
        "estimate": 0.0,
        "low": 0.0,
        "high": 0.0,
    }


def test_intervals_cover_the_truth_about_as_often_as_they_claim() -> None:
    rng = np.random.default_rng(6)
    covered = 0
    for trial in range(200):
        risk = rng.exponential(size=100)
        saved = risk * (rng.random(100) < 0.3)  # the true ratio of sums is 0.3
        estimate = scoring.score_all((risk - saved)[None], risk, resamples=400, seed=trial)[0]
        covered += estimate.low <= 0.3 <= estimate.high
    assert 0.88 <= covered / 200 <= 0.99


def test_mean_metrics_and_decision_time() -> None:
    rows = {"seed": np.array([5, 6]), "loss": np.array([1.0, 2.0])}
    assert scoring.mean_metrics(rows, skip=("seed",)) == {"loss": 1.5}
    assert scoring.decision_time_ms([0.001, 0.003])["p50"] == pytest.approx(2.0)


def test_the_mean_of_a_metric_by_hand() -> None:
    always, never_or_two = scoring.mean_all(np.array([[3.0, 3.0], [0.0, 2.0]]))
    assert always == scoring.Estimate(3.0, 3.0, 3.0)
    assert never_or_two == scoring.Estimate(1.0, 0.0, 2.0)
