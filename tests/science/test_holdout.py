# SPDX-License-Identifier: MIT
"""What is held out leaks nothing, and does not depend on what is drawn."""

import contextlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_zif.science.holdout import TimeMasks, independent_frames, leakage, nearest, split_at_random, split_by_time
from aiida_zif.science.statistics import statistical_inefficiency


@given(n=st.integers(10, 200), fraction=st.floats(0.01, 0.5), gap=st.integers(0, 4))
@settings(max_examples=50, deadline=None)
def test_held_out_block_is_last_and_behind_the_gap(n: int, fraction: float, gap: int) -> None:
    """available · gap · held out, in that order in time, nothing else."""
    (masks,) = split_by_time([np.arange(n) * 5], fraction, gap)
    expected = [1] * masks.available.sum() + [0] * gap + [2] * masks.held_out.sum()
    assert (masks.available + 2 * masks.held_out).tolist() == expected
    assert masks.held_out.sum() == max(1, round(fraction * n))


def test_every_trajectory_gives_its_own_block() -> None:
    """Two trajectories, two blocks; without a fraction there is none, and no gap."""
    masks = split_by_time([np.arange(10), np.arange(20)], 0.2, 1)
    assert [m.held_out.sum() for m in masks] == [2, 4]
    assert split_by_time([np.arange(10)], 0.0, 3)[0].available.all()


@pytest.mark.parametrize(
    ("steps", "fraction", "gap", "said"),
    [
        ([0, 1, 1], 0.2, 0, "do not rise"),
        ([0, 1, 2], 0.4, 2, "leave none"),
        ([0, 1, 2], 1.0, 0, "below 1"),
        ([0, 1, 2], 0.2, -1, "negative"),
        ([], 0.2, 0, "leave none"),
    ],
)
def test_split_by_time_refuses(steps: list[int], fraction: float, gap: int, said: str) -> None:
    """Doubled steps, nothing left, senseless numbers."""
    with pytest.raises(ValueError, match=said):
        split_by_time([np.array(steps)], fraction, gap)


def test_each_trajectory_has_its_own_gap() -> None:
    """One gap for each, or one for all; any other number is refused."""
    masks = split_by_time([np.arange(20), np.arange(20)], 0.1, [3, 7])
    assert [(~mask.available & ~mask.held_out).sum() for mask in masks] == [3, 7]
    with pytest.raises(ValueError, match="1 gaps were given for 2"):
        split_by_time([np.arange(20), np.arange(20)], 0.1, [3])


@given(
    lengths=st.lists(st.integers(1, 60), min_size=1, max_size=4), share=st.floats(0, 0.5), gap=st.integers(0, 2), seed=st.integers(0, 99)
)
@settings(max_examples=60, deadline=None)
def test_random_hold_out_is_usable_and_behind_its_gap(lengths: list[int], share: float, gap: int, seed: int) -> None:
    """As many as asked, usable ones only, none of them available, nor any frame nearer than the gap."""
    rng = np.random.default_rng(seed)
    usable = [rng.uniform(size=length) > 0.2 for length in lengths]
    n = int(share * sum(mask.sum() for mask in usable))
    with contextlib.suppress(ValueError):  # a gap may leave nothing, which is said
        masks = split_at_random(usable, n, gap, np.random.default_rng(seed))
        check(masks, usable, n, gap)


def check(masks: list[TimeMasks], usable: list[Any], n: int, gap: int) -> None:
    assert sum(mask.held_out.sum() for mask in masks) == n
    for mask, fit in zip(masks, usable, strict=True):
        assert not (mask.held_out & ~fit).any()
        assert (nearest(np.flatnonzero(mask.held_out), np.flatnonzero(mask.available)) > gap).all()


def test_random_hold_out_refuses_more_than_there_is() -> None:
    """One sentence."""
    with pytest.raises(ValueError, match="11 frames are to be held out, but 10 are usable"):
        split_at_random([np.ones(10, bool)], 11, 0, np.random.default_rng(0))
    with pytest.raises(ValueError, match="leave none to train on"):
        split_at_random([np.ones(10, bool)], 3, 9, np.random.default_rng(0))


@given(held=st.lists(st.integers(0, 99), max_size=10), trained=st.lists(st.integers(0, 99), max_size=10))
def test_nearest_is_that_of_all_pairs(held: list[int], trained: list[int]) -> None:
    """Against every distance one by one."""
    found = nearest(held, trained)
    assert found.tolist() == [min((abs(a - b) for b in trained), default=np.inf) for a in held]


def test_leakage_counts_what_is_correlated() -> None:
    """Of three held-out frames one lies 2 steps from training, where the energy forgets itself in 5; the other trajectory has no pair."""
    found = leakage([[10, 50, 99], [7]], [[12, 40], []], [5.0, 5.0])
    assert (found.nearest, found.correlated, found.n_held_out) == (2.0, 1, 4)
    assert found.median == 10.0
    assert "1 of 4 held-out frames" in found.sentence
    assert "No held-out frame is correlated" in leakage([[50]], [[10]], [5.0]).sentence
    assert leakage([[]], [[1]], [5.0]).nearest is None


def test_automatic_gap_covers_the_correlation() -> None:
    """Of a series that forgets itself in τ = 20 frames the gap is about 2τ; of noise it is one frame."""
    rng = np.random.default_rng(0)
    series, memory = [0.0], np.exp(-1 / 20)
    for kick in rng.normal(size=40_000):
        series.append(memory * series[-1] + kick)
    assert independent_frames(series) == pytest.approx(40, rel=0.25)
    assert independent_frames(series) >= statistical_inefficiency(series)
    assert independent_frames(rng.normal(size=1000)) <= 2
    assert independent_frames([1.0, np.nan, 1.0]) == 1
