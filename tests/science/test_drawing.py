# SPDX-License-Identifier: MIT
"""A draw from beginning to end: the recipe refuses what cannot be, and the held-out frames are the same for a whole scan."""

from typing import Any

import numpy as np
import pytest

from aiida_zif.science.drawing import Recipe, Source, choose, gaps
from aiida_zif.science.holdout import nearest

BLOCK: dict[str, Any] = {"method": "flat_histogram", "n_train": 40, "n_validation": 10, "seed": 1, "held_out_fraction": 0.1, "gap": 2}
RANDOM: dict[str, Any] = {"method": "random", "n_train": 40, "n_validation": 10, "seed": 1, "n_held_out": 50, "held_out_seed": 7}


def sources(n: int = 3) -> list[Source]:
    rng = np.random.default_rng(0)
    return [
        Source(rng.normal(10 * k, 1, 300), 5 * np.arange(300), rng.uniform(size=300) > 0.1, temperature=(300.0, 1500.0, 1540.0)[k])
        for k in range(n)
    ]


@pytest.mark.parametrize("values", [BLOCK, RANDOM])
def test_draw_uses_each_usable_frame_once(values: dict[str, Any]) -> None:
    """All parts are disjoint (``Split`` holds it) and usable; what was asked is drawn."""
    found = choose(sources(), Recipe.from_dict(values))
    usable = np.concatenate([source.usable for source in sources()])
    for part in (found.split.train, found.split.validation, found.split.held_out, found.split.rest):
        assert usable[part].all()
    assert found.train.asked == 40
    assert len(found.split.held_out) == (50 if "n_held_out" in values else round(0.1 * 900) - (~usable).reshape(3, 300)[:, -30:].sum())


@pytest.mark.parametrize("values", [BLOCK, RANDOM])
def test_scan_is_measured_on_the_same_frames(values: dict[str, Any]) -> None:
    """Number, method and seed of the training frames change; what is held out does not. Its own seed does change it."""
    held = [
        choose(sources(), Recipe.from_dict({**values, **change})).split.held_out
        for change in ({}, {"n_train": 200}, {"method": "random"}, {"method": "flat_histogram"}, {"seed": 99}, {"n_validation": 1})
    ]
    for other in held[1:]:
        np.testing.assert_array_equal(other, held[0])
    if "held_out_seed" in values:
        assert not np.array_equal(choose(sources(), Recipe.from_dict({**values, "held_out_seed": 8})).split.held_out, held[0])


def test_automatic_gap_keeps_training_beyond_the_autocorrelation_time() -> None:
    """Energies that forget themselves in 10 frames: no training frame lies nearer to the last block, and the report says so."""
    rng = np.random.default_rng(2)
    series = [0.0]
    for kick in rng.normal(size=3999):
        series.append(np.exp(-1 / 10) * series[-1] + kick)
    slow = Source(np.array(series), 3 * np.arange(4000), np.ones(4000, bool))
    recipe = Recipe.from_dict({**BLOCK, "gap": "auto", "n_train": 1000, "method": "random"})
    found = choose([slow], recipe)
    assert found.gaps == tuple(gaps([slow], recipe))
    assert 15 < found.gaps[0] < 30
    distance = nearest(slow.steps[found.split.held_out], slow.steps[found.split.train])
    assert found.leakage.nearest == distance.min() > 3 * 10
    assert found.leakage.correlated == 0
    leaky = choose([slow], Recipe.from_dict({**RANDOM, "n_train": 1000}))
    assert leaky.leakage.correlated > 0
    assert "remembered" in leaky.leakage.sentence


def test_known_autocorrelation_is_not_measured_again() -> None:
    """Where the audit knows τ = 7.3 the gap is ⌈1 + 2 · 7.3⌉."""
    source = sources(1)[0]
    told = Source(source.energies, source.steps, source.usable, autocorrelation_frames=7.3)
    assert gaps([told], Recipe.from_dict({**BLOCK, "gap": "auto"})) == [16]


def test_bins_per_trajectory_and_temperature() -> None:
    """Every trajectory has its bins, or those of like temperature share them: 1500 and 1540 K are one."""
    found = choose(sources(), Recipe.from_dict({**BLOCK, "bins_per": "trajectory", "n_train": 42}))
    assert found.groups == (0, 1, 2)
    assert found.train.histogram is not None
    assert np.bincount(found.train.histogram.group).tolist() == [14, 14, 14]
    found = choose(sources(), Recipe.from_dict({**BLOCK, "bins_per": "temperature", "n_train": 42}))
    assert found.groups == (0, 1, 1)
    assert found.train.histogram is not None
    assert np.bincount(found.train.histogram.group).tolist() == [21, 21]
    unknown = Source(*(getattr(sources(1)[0], name) for name in ("energies", "steps", "usable")))
    with pytest.raises(ValueError, match="measured temperature"):
        choose([unknown], Recipe.from_dict({**BLOCK, "bins_per": "temperature"}))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"method": "clever"}, "flat_histogram or random"), ({"n_train": 0}, "n_train is 0"), ({"n_train": 2.5}, "n_train is 2.5"),
        ({"n_validation": True}, "n_validation is True"), ({"held_out_fraction": None}, "either held_out_fraction"),
        ({"n_held_out": 5, "held_out_seed": 1}, "and not both"), ({"held_out_fraction": 1.0}, "below 1"),
        ({"held_out_fraction": None, "n_held_out": 5}, "a seed of their own"), ({"gap": -1}, "gap is -1"),
        ({"gap": "some"}, "gap is 'some'"),
        ({"bins_per": "day"}, "bins_per is 'day'"), ({"mixed_stress": "mix"}, "mixed_stress is 'mix'"), ({"seed": None}, "seed is None"),
        ({"n_test": 3}, "'n_test' is no setting"),
    ],
)  # fmt: skip
def test_recipe_refuses_what_cannot_be(change: dict[str, Any], said: str) -> None:
    """One sentence with what was given."""
    with pytest.raises(ValueError, match=said):
        Recipe.from_dict({**BLOCK, **change})


def test_recipe_needs_its_numbers_and_frames() -> None:
    """Missing keys are named; without a trajectory there is nothing to draw."""
    with pytest.raises(ValueError, match="lack n_train, seed"):
        Recipe.from_dict({"method": "random", "n_validation": 1})
    with pytest.raises(ValueError, match="no trajectory"):
        choose([], Recipe.from_dict(BLOCK))
    with pytest.raises(ValueError, match="ask for at most that many"):
        choose(sources(1), Recipe.from_dict({**BLOCK, "n_train": 1000}))
