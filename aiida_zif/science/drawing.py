# SPDX-License-Identifier: MIT
"""A draw from beginning to end: what is asked for, and which frames of which trajectory become what."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from aiida_zif.science import sampling
from aiida_zif.science.holdout import Leakage, TimeMasks, independent_frames, leakage, split_at_random, split_by_time

BINS_PER: tuple[str, ...] = ("all", "trajectory", "temperature")
MIXED_STRESS: tuple[str, ...] = ("refuse", "nan")
SAME_TEMPERATURE = 0.1
"""Trajectories whose measured ⟨T⟩ are nearer than this share share their bins where bins are per temperature."""


@dataclass(frozen=True)
class Recipe:
    """How to draw. Raises ``ValueError`` with one sentence for what cannot be."""

    method: sampling.Method
    n_train: int
    n_validation: int
    seed: int
    """Of the draws of training and validation frames."""
    held_out_fraction: float | None = None
    """Hold out the last block in time of each trajectory; or else"""
    n_held_out: int | None = None
    """hold out so many frames at random (10 000 in the paper), drawn before all others by"""
    held_out_seed: int | None = None
    """a seed of their own: the same frames for every number of training frames, method and seed."""
    gap: int | Literal["auto"] = 0
    """Frames around what is held out that are not drawn; ``auto``: as many as lie between two independent ones, 1 + 2τ."""
    bins_per: str = "all"
    """Of a flat histogram: one range of energy for ``all`` frames, or one for each ``trajectory`` or measured ``temperature``."""
    mixed_stress: str = "refuse"
    """Where stresses of some trajectories hold the kinetic part and those of others do not: ``refuse``, or the lesser become ``nan``."""
    max_force_ev_per_angstrom: float | None = None
    """Of frames labelled one by one: a collision teaches a small model nothing else."""

    def __post_init__(self) -> None:
        if self.method not in sampling.METHODS:
            raise ValueError(f"the method of a draw is {self.method!r}, but must be {' or '.join(sampling.METHODS)}")
        for name in ("n_train", "n_validation"):
            if not _whole(getattr(self, name)) or getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)!r}, but must be a whole number of at least 1")
        if (self.held_out_fraction is None) == (self.n_held_out is None):
            raise ValueError("give either held_out_fraction (the last block in time) or n_held_out (at random), and not both")
        if self.n_held_out is not None and (not _whole(self.n_held_out) or self.n_held_out < 0 or not _whole(self.held_out_seed)):
            raise ValueError("frames held out at random need n_held_out, a whole number, and held_out_seed, a seed of their own")
        if self.held_out_fraction is not None and not 0 <= self.held_out_fraction < 1:
            raise ValueError(f"held_out_fraction is {self.held_out_fraction}, but must be at least 0 and below 1")
        if self.gap != "auto" and (not _whole(self.gap) or self.gap < 0):
            raise ValueError(f"gap is {self.gap!r}, but must be a number of frames or `auto`")
        for name, allowed in (("bins_per", BINS_PER), ("mixed_stress", MIXED_STRESS)):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} is {getattr(self, name)!r}, but must be one of {', '.join(allowed)}")
        if not _whole(self.seed):
            raise ValueError(f"seed is {self.seed!r}, but must be a whole number")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recipe:
        """Return the recipe that ``values`` describe. Raises ``ValueError`` for a key that is unknown or missing, or a wrong value."""
        if unknown := sorted(set(values) - {field.name for field in fields(cls)}):
            raise ValueError(f"{unknown[0]!r} is no setting of a draw; choose from {', '.join(field.name for field in fields(cls))}")
        if missing := [name for name in ("method", "n_train", "n_validation", "seed") if name not in values]:
            raise ValueError(f"the parameters of a draw lack {', '.join(missing)}")
        return cls(**values)


@dataclass(frozen=True, eq=False)
class Source:
    """What a draw looks at of one trajectory: 8 bytes a frame and a flag."""

    energies: NDArray[np.float64]
    """``(n_frames,)``, eV."""
    steps: NDArray[np.int64]
    """``(n_frames,)``, rising."""
    usable: NDArray[np.bool_]
    """``(n_frames,)``, the mask of the audit."""
    temperature: float | None = None
    """⟨T⟩, measured, K."""
    autocorrelation_frames: float | None = None
    """τ of the energy where the audit knows it; else it is measured where it is needed."""


@dataclass(frozen=True, eq=False)
class Chosen:
    """Which frames were drawn, and how."""

    split: sampling.Split
    """Indices into the frames of all sources, one after the other."""
    train: sampling.Draw
    validation: sampling.Draw
    gaps: tuple[int, ...]
    """Frames of gap, per source."""
    leakage: Leakage
    """How near in time training comes to what is held out."""
    groups: tuple[int, ...]
    """The group of bins of each source."""


def choose(sources: Sequence[Source], recipe: Recipe) -> Chosen:
    """Return the frames that ``recipe`` draws from ``sources``.

    Raises ``ValueError`` without any source, or where more is asked for than is there.
    """
    if not sources:
        raise ValueError("there is no trajectory to draw from")
    widths = gaps(sources, recipe)
    masks = hold_out(sources, recipe, widths)
    groups = _groups(sources, recipe.bins_per)
    labels = None
    if recipe.bins_per != "all":
        labels = np.repeat(np.array(groups, dtype=np.int16), [len(source.energies) for source in sources])
    energies = np.concatenate([source.energies for source in sources])
    usable = np.concatenate([source.usable for source in sources])
    rng = np.random.default_rng(recipe.seed)
    parts, first, second = sampling.split(energies, masks, recipe.n_train, recipe.n_validation, recipe.method, rng, usable, labels)
    return Chosen(parts, first, second, tuple(widths), _leakage(sources, parts), tuple(groups))


def gaps(sources: Sequence[Source], recipe: Recipe) -> list[int]:
    """Return the frames of gap per source."""
    if recipe.gap != "auto":
        return [recipe.gap] * len(sources)
    return [math.ceil(1 + 2 * _tau(source)) for source in sources]


def hold_out(sources: Sequence[Source], recipe: Recipe, widths: Sequence[int]) -> list[TimeMasks]:
    """Return per source what may be drawn and what is held out: nothing of it depends on how many frames are drawn."""
    if recipe.held_out_fraction is not None:
        return split_by_time([source.steps for source in sources], recipe.held_out_fraction, widths)
    assert recipe.n_held_out is not None
    rng = np.random.default_rng(recipe.held_out_seed)
    return split_at_random([source.usable for source in sources], recipe.n_held_out, widths, rng)


def _tau(source: Source) -> float:
    if source.autocorrelation_frames is not None:
        return source.autocorrelation_frames
    known = source.energies[source.usable]
    return (independent_frames(known) - 1) / 2 if len(known) else 0.0


def _groups(sources: Sequence[Source], bins_per: str) -> list[int]:
    if bins_per != "temperature":
        return list(range(len(sources))) if bins_per == "trajectory" else [0] * len(sources)
    measured = [source.temperature for source in sources]
    known = [temperature for temperature in measured if temperature is not None]
    if len(known) < len(measured):
        raise ValueError("bins per temperature need the measured temperature of each trajectory; one has none: take bins_per trajectory")
    return same_temperature(known)


def same_temperature(temperatures: Sequence[float]) -> list[int]:
    """Return the group of each of ``temperatures``, K: those that lie nearer than ``SAME_TEMPERATURE`` to the next share one."""
    groups, group, last = [0] * len(temperatures), -1, -math.inf
    for k in sorted(range(len(temperatures)), key=temperatures.__getitem__):
        if temperatures[k] > last * (1 + SAME_TEMPERATURE) or last < 0:
            group += 1
        groups[k], last = group, temperatures[k]
    return groups


def _leakage(sources: Sequence[Source], parts: sampling.Split) -> Leakage:
    """Measure in steps, per trajectory; τ in frames becomes steps by the usual distance of two frames."""
    starts = np.cumsum([0, *(len(source.steps) for source in sources)])
    held, trained, limits = [], [], []
    for source, start, stop in zip(sources, starts[:-1], starts[1:], strict=True):
        mine = [part[(part >= start) & (part < stop)] - start for part in (parts.held_out, parts.train)]
        held.append(source.steps[mine[0]])
        trained.append(source.steps[mine[1]])
        both = len(mine[0]) and len(mine[1])
        usual = float(np.median(np.diff(source.steps))) if both and len(source.steps) > 1 else 1.0
        limits.append(usual * _tau(source) if both else 0.0)
    return leakage(held, trained, limits)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
