# SPDX-License-Identifier: MIT
"""Draws are without replacement and reproducible; a split by time leaks nothing."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from aiida_zif.science.holdout import TimeMasks, split_by_time
from aiida_zif.science.sampling import Split, flat_histogram_draw, random_draw, split


@given(n_available=st.integers(0, 60), share=st.floats(0, 1), seed=st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_random_draw_is_without_replacement(n_available: int, share: float, seed: int) -> None:
    """As many distinct indices as asked, all on offer, in rising order."""
    n = int(share * n_available)
    draw = random_draw(n_available, n, np.random.default_rng(seed))
    assert len(set(draw.indices.tolist())) == n == draw.filled == draw.asked
    assert draw.empty == 0
    assert all(0 <= i < n_available for i in draw.indices)
    assert (np.diff(draw.indices) > 0).all()


@given(energies=st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=80), share=st.floats(0, 1), seed=st.integers(0, 99))
@settings(max_examples=100, deadline=None)
def test_flat_histogram_takes_one_frame_of_each_filled_bin(energies: list[float], share: float, seed: int) -> None:
    """The number drawn is that of the bins that numpy's histogram finds filled; no frame twice."""
    n = max(1, int(share * len(energies)))
    draw = flat_histogram_draw(energies, n, np.random.default_rng(seed))
    assert draw.asked == n == draw.filled + draw.empty
    assert len(set(draw.indices.tolist())) == draw.filled == len(draw.indices)
    assert 1 <= draw.filled <= n


def test_flat_histogram_fills_the_bins_that_numpy_fills() -> None:
    """Bin by bin against np.histogram: one frame where there is any, none elsewhere."""
    energies = np.random.default_rng(1).normal(size=500)
    draw = flat_histogram_draw(energies, 100, np.random.default_rng(2))
    edges = np.histogram_bin_edges(energies, 100)
    there, _ = np.histogram(energies, edges)
    drawn, _ = np.histogram(energies[draw.indices], edges)
    np.testing.assert_array_equal(drawn, there > 0)
    assert draw.empty == (there == 0).sum() > 0


@given(
    energies=st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=80),
    share=st.floats(0, 1),
    groups=st.integers(1, 4),
    seed=st.integers(0, 99),
)
@settings(max_examples=100, deadline=None)
def test_histogram_says_what_was_offered_and_drawn(energies: list[float], share: float, groups: int, seed: int) -> None:
    """Every frame on offer is counted in one bin of its group, and each filled bin gave one frame that lies in it."""
    labels = np.arange(len(energies)) % groups
    n = max(1, int(share * len(energies) / groups)) * len(np.unique(labels))
    draw = flat_histogram_draw(energies, n, np.random.default_rng(seed), labels)
    bins = draw.histogram
    assert bins is not None
    assert (bins.offered.sum(), len(bins.offered), bins.drawn.sum()) == (len(energies), n, draw.filled)
    drawn = np.array(energies)[draw.indices]
    for group in np.unique(labels):
        mine = bins.group == group
        edges = np.append(bins.lower[mine], bins.upper[mine][-1])
        values = np.array(energies)[labels == group]
        if np.ptp(values) / mine.sum() > 0:
            np.testing.assert_array_equal(np.histogram(values, edges)[0], bins.offered[mine])
            np.testing.assert_array_equal(np.histogram(drawn[labels[draw.indices] == group], edges)[0], bins.drawn[mine])


def test_bins_of_groups_are_shared_out_evenly() -> None:
    """Ten bins for a cold and a hot trajectory: five each, between the energies of each."""
    energies = np.concatenate([np.linspace(0, 1, 50), np.linspace(100, 130, 50)])
    draw = flat_histogram_draw(energies, 11, np.random.default_rng(0), np.repeat([0, 1], 50))
    assert draw.filled == 11
    assert (draw.indices < 50).sum() == 6
    plain = flat_histogram_draw(energies, 11, np.random.default_rng(0))
    assert (plain.indices < 50).sum() == 1
    with pytest.raises(ValueError, match="at least one bin for each"):
        flat_histogram_draw(energies, 1, np.random.default_rng(0), np.repeat([0, 1], 50))
    with pytest.raises(ValueError, match="group 1, which has 2 frames"):
        flat_histogram_draw(energies, 10, np.random.default_rng(0), np.repeat([0, 1], [98, 2]))
    with pytest.raises(ValueError, match="one label for each"):
        flat_histogram_draw(energies, 10, np.random.default_rng(0), [0, 1])


def test_bell_shaped_energies_leave_bins_in_the_tails_empty() -> None:
    """The 964 of 1000: as many bins are filled as the distribution lets expect, and all that are empty lie in its tails.

    A bin with the probability p is empty of N independent frames with (1 − p)^N. One Gaussian leaves a fifth of the bins empty;
    a mixture of state points, as published, a few per cent.
    """
    rng = np.random.default_rng(3)
    cold, hot = rng.normal(-60000.0, 2.0, 300_000), rng.normal(-59975.0, 4.5, 900_000)
    for energies, means, widths, least, most in (
        (hot, [-59975.0], [4.5], 770, 880), (np.concatenate([cold, hot]), [-60000.0, -59975.0], [2.0, 4.5], 930, 985),
    ):  # fmt: skip
        draw = flat_histogram_draw(energies, 1000, np.random.default_rng(4))
        bins = draw.histogram
        assert bins is not None
        counts = [300_000, 900_000][-len(means) :]
        inside = [norm(m, w).cdf(bins.upper) - norm(m, w).cdf(bins.lower) for m, w in zip(means, widths, strict=True)]
        expected = 1000 - np.prod([(1 - p) ** n for p, n in zip(inside, counts, strict=True)], axis=0).sum()
        assert abs(draw.filled - expected) < 15
        assert least < draw.filled < most
        middle = slice(*np.searchsorted(bins.lower, [means[0] - 3 * widths[0], means[0] + 3 * widths[0]]))
        assert (bins.offered[middle] > 0).all()


def test_draw_of_a_million_frames_needs_bytes_a_frame() -> None:
    """Beside the energies a draw holds less than 16 bytes a frame, whatever the number of bins."""
    energies = np.random.default_rng(0).normal(size=200_000)
    tracemalloc.start()
    flat_histogram_draw(energies, 2500, np.random.default_rng(1))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 * len(energies)


def test_flat_histogram_flattens() -> None:
    """Of a Gaussian the draw is nearly flat: its tails are drawn as often as its middle."""
    energies = np.random.default_rng(1).normal(size=20000)
    draw = flat_histogram_draw(energies, 200, np.random.default_rng(2))
    assert energies[draw.indices].std() > 1.8 * energies.std()


def test_every_frame_of_a_bin_is_equally_likely() -> None:
    """With one bin the draw is uniform (χ² at 1 %)."""
    rng = np.random.default_rng(5)
    counts = np.bincount([int(flat_histogram_draw(np.ones(8), 1, rng).indices[0]) for _ in range(1600)], minlength=8)
    assert ((counts - 200) ** 2 / 200).sum() < 18.5


def test_equal_seeds_draw_equal_frames() -> None:
    """A draw is a function of its seed."""
    energies = np.random.default_rng(1).normal(size=50)
    first, second = (flat_histogram_draw(energies, 20, np.random.default_rng(7)).indices for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_draws_refuse_more_than_is_there_and_nan() -> None:
    """One sentence each: too many asked, negative, an energy that is not a number."""
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="11 frames were asked for, but 10"):
        random_draw(10, 11, rng)
    with pytest.raises(ValueError, match="11 bins"):
        flat_histogram_draw(np.arange(10.0), 11, rng)
    with pytest.raises(ValueError, match="1 of 3 energies are not finite"):
        flat_histogram_draw([1.0, np.nan, 2.0], 2, rng)
    with pytest.raises(ValueError, match="-1 bins"):
        flat_histogram_draw([1.0], -1, rng)


def test_no_frames_asked_gives_no_frames() -> None:
    """Zero bins are a legal wish."""
    assert flat_histogram_draw([], 0, np.random.default_rng(0)).filled == 0


@pytest.mark.parametrize("method", ["flat_histogram", "random"])
def test_split_uses_each_frame_once_and_no_unusable_one(method: str) -> None:
    """Train, validation, held out and rest are disjoint, usable, and the gap stands in none."""
    rng = np.random.default_rng(3)
    masks = split_by_time([np.arange(60), np.arange(40)], 0.2, 3)
    usable = rng.uniform(size=100) > 0.1
    parts, first, second = split(rng.normal(size=100), masks, 20, 8, method, rng, usable)  # type: ignore[arg-type]
    everything = np.concatenate([parts.train, parts.validation, parts.held_out, parts.rest])
    expected = np.concatenate([m.available | m.held_out for m in masks]) & usable
    np.testing.assert_array_equal(np.sort(everything), np.flatnonzero(expected))
    np.testing.assert_array_equal(parts.held_out, np.flatnonzero(np.concatenate([m.held_out for m in masks]) & usable))
    assert (len(parts.train), len(parts.validation)) == (first.filled, second.filled)
    assert first.asked == 20


def test_split_refuses_lengths_and_methods_that_do_not_fit() -> None:
    """Mask and energies of different length, an unknown method."""
    masks = [TimeMasks(np.ones(3, bool), np.zeros(3, bool))]
    with pytest.raises(ValueError, match="do not fit"):
        split(np.zeros(4), masks, 1, 1, "random", np.random.default_rng(0))
    with pytest.raises(ValueError, match="must be flat_histogram or random"):
        split(np.zeros(3), masks, 1, 1, "best", np.random.default_rng(0))  # type: ignore[arg-type]


def test_an_overlapping_split_is_refused() -> None:
    """A frame in training and held out is a leak."""
    one, none = np.array([1]), np.array([], dtype=int)
    with pytest.raises(ValueError, match="more than one part"):
        Split(train=one, validation=none, held_out=one, rest=none)
