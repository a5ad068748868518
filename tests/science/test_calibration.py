# SPDX-License-Identifier: MIT
"""Calibration where the answer is known: synthetic ensembles with Gaussian errors of a known scale."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr

from aiida_zif.science.calibration import calibrate, disagreement

N_FRAMES, N_ATOMS = 60, 34


def synthetic(scale: float, seed: int = 1) -> tuple[Any, Any, Any]:
    """Return errors, disagreements and frame numbers of an ensemble that is right in all but the scale."""
    rng = np.random.default_rng(seed)
    u = rng.lognormal(-2, 0.5, N_FRAMES * N_ATOMS)
    return rng.normal(size=(len(u), 3)) * (scale * u / np.sqrt(3))[:, None], u, np.repeat(np.arange(N_FRAMES), N_ATOMS)


def test_disagreement_is_the_root_mean_square_over_models() -> None:
    """Two models that differ by d on one component: each lies d/2 from the mean; shapes may have frames in the middle."""
    forces = np.zeros((2, 5, 3, 3))
    forces[1, 4, 2, 0] = 0.6
    found = disagreement(forces)
    assert found.shape == (5, 3)
    assert found[4, 2] == pytest.approx(0.3)
    assert found.sum() == pytest.approx(0.3)


def test_more_models_are_a_mean_not_a_sum() -> None:
    """Each model twice is the same ensemble."""
    forces = np.random.default_rng(0).normal(size=(3, 7, 3))
    assert disagreement(np.concatenate([forces, forces])) == pytest.approx(disagreement(forces))


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_known_scale_is_found(scale: float) -> None:
    """By maximum likelihood, within three of its own error bars; a member's follows from it."""
    found = calibrate(*synthetic(scale), seed=7)
    assert found.scale.mean == pytest.approx(scale, abs=3 * found.scale.error)
    assert 0 < found.scale.error < 0.03 * scale
    assert found.member_scale.mean == pytest.approx(np.sqrt(found.scale.mean**2 + 1))


def test_scale_is_where_the_likelihood_is_largest() -> None:
    """The formula against the likelihood itself on a grid."""
    errors, u, frames = synthetic(2.0)

    def log_likelihood(scale: float) -> float:
        sigma = scale * u[:, None] / np.sqrt(3)
        return float((-np.log(sigma) - errors**2 / (2 * sigma**2)).sum())

    best = calibrate(errors, u, frames, seed=1).scale.mean
    assert log_likelihood(best) > max(log_likelihood(best * 0.999), log_likelihood(best * 1.001))


def test_gaussian_errors_are_covered_as_they_should() -> None:
    """68 and 95 of 100, within three error bars, whatever the scale was."""
    found = calibrate(*synthetic(2.5), seed=3)
    assert [round(100 * one.expected, 1) for one in found.coverage] == [68.3, 95.4]
    for one in found.coverage:
        assert one.found.mean == pytest.approx(one.expected, abs=3 * one.found.error)
        assert 0 < one.found.error < 0.02


def test_heavy_tails_show_in_the_coverage() -> None:
    """Errors of a few atoms a hundred times as large as said: most others are overcovered."""
    errors, u, frames = synthetic(1.0)
    errors[::50] *= 100
    assert calibrate(errors, u, frames, seed=3).coverage[0].found.mean > 0.9


def test_rank_correlation_is_spearmans() -> None:
    """Against scipy, with ties."""
    errors, u, frames = synthetic(1.0)
    u = np.round(u, 2) + 0.01
    found = calibrate(errors, u, frames, seed=1).rank_correlation
    assert found.mean == pytest.approx(spearmanr(u, np.linalg.norm(errors, axis=1)).statistic, abs=1e-12)
    assert 0 < found.error < 0.05


def test_disagreement_that_says_nothing_has_no_correlation() -> None:
    """Errors independent of u: zero within three error bars."""
    errors, u, frames = synthetic(1.0)
    found = calibrate(np.random.default_rng(5).normal(size=errors.shape), u, frames, seed=1).rank_correlation
    assert abs(found.mean) < 3 * found.error


def test_error_bars_are_those_of_repeated_experiments() -> None:
    """The bootstrap's error of the scale against the scatter over 40 data sets."""
    found = [calibrate(*synthetic(1.0, seed=seed), seed=1) for seed in range(40)]
    scatter = np.std([one.scale.mean for one in found], ddof=1)
    assert np.mean([one.scale.error for one in found]) == pytest.approx(scatter, rel=0.35)


def test_atoms_of_one_frame_are_not_independent() -> None:
    """Errors whose size is that of the frame: the error bar is several times that of as many independent atoms."""
    errors, u, frames = synthetic(1.0)
    sizes = np.random.default_rng(2).lognormal(0, 0.8, N_FRAMES)
    together = calibrate(errors * sizes[frames][:, None], u, frames, seed=1)
    alone = calibrate(errors * sizes[frames][:, None], u, np.arange(len(u)), seed=1)
    assert together.scale.error > 2 * alone.scale.error


def test_seed_decides() -> None:
    """Equal seeds, equal numbers; another seed changes error bars only."""
    given = synthetic(1.0)
    first, same, other = (calibrate(*given, seed=seed) for seed in (1, 1, 2))
    assert first == same
    assert (first.scale.mean, first.coverage[0].found.mean) == (other.scale.mean, other.coverage[0].found.mean)
    assert first.scale.error != other.scale.error


def test_atoms_without_disagreement_are_left_out_and_counted() -> None:
    """They cannot be scaled."""
    errors, u, frames = synthetic(1.0)
    u[:10] = 0
    found = calibrate(errors, u, frames, seed=1)
    assert (found.n_agreeing, found.n_atoms) == (10, N_FRAMES * N_ATOMS)
    assert found.scale.mean == pytest.approx(1.0, abs=0.1)


def test_refusals() -> None:
    """One model, the same model twice, one frame, arrays that do not belong together, not a number."""
    errors, u, frames = synthetic(1.0)
    with pytest.raises(ValueError, match="cannot disagree with itself"):
        disagreement(np.zeros((1, 4, 3)))
    with pytest.raises(ValueError, match="a seed of its own"):
        calibrate(errors, np.zeros_like(u), frames, seed=1)
    with pytest.raises(ValueError, match="give two or more"):
        calibrate(errors, u, np.zeros_like(frames), seed=1)
    with pytest.raises(ValueError, match="do not belong together"):
        calibrate(errors[:5], u, frames, seed=1)
    with pytest.raises(ValueError, match="not a finite number"):
        calibrate(np.where(errors == errors[0], np.nan, errors), u, frames, seed=1)
