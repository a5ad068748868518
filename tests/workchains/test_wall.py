# SPDX-License-Identifier: MIT
"""The wall that protocol smoke declares beside its models: as high as it says, and absent where ab initio trajectories went."""

from __future__ import annotations

from importlib.resources import files
from itertools import combinations_with_replacement
from math import exp, pi, sqrt

import numpy as np
import pytest

from aiida_zif.formats.h5md import H5md
from aiida_zif.science.neighbours import pairs
from aiida_zif.workchains.protocol import load

LINES = [line.split() for line in load("smoke")["md"]["wall"]["pair_coeffs"]]
GAPS = {("C", "H"): (1.34, 1.82), ("C", "C"): (1.52, 1.97), ("C", "N"): (1.60, 2.05)}
"""From the longest bond to the shortest other distance of AIMD at 2000 K, Å."""


def energy(first: str, second: str, distance: float) -> float:
    """Return the energy of the wall on one pair, eV, by the formulas of LAMMPS's `pair_style buck` and `gauss/cut`."""
    total = 0.0
    for a, b, style, *numbers in LINES:
        if {a, b} == {first, second}:
            x, y, z = map(float, numbers)
            total += x * exp(-distance / y) if style == "buck" else x / (sqrt(2 * pi) * z) * exp(-((distance - y) ** 2) / (2 * z**2))
    return total


@pytest.mark.parametrize("kinds", GAPS)
def test_a_barrier_stands_in_the_gap_between_bonds_and_contacts(kinds: tuple[str, str]) -> None:
    """5 eV in the middle, 0.01 eV at the edges."""
    low, high = GAPS[kinds]
    assert energy(*kinds, (low + high) / 2) == pytest.approx(5, rel=0.02)
    assert energy(*kinds, low) == pytest.approx(0.01, abs=0.003)
    assert energy(*kinds, high) == pytest.approx(0.01, abs=0.003)


BROKEN = {("H", "H"): 1.10, ("H", "N"): 1.35, ("N", "N"): 1.65, ("H", "Zn"): 1.45, ("C", "Zn"): 1.55}
"""Distances, Å, below which `science.linkers` calls a linker broken, of pairs that are never bonded."""


@pytest.mark.parametrize("kinds", BROKEN)
def test_what_counts_as_broken_costs_5_ev(kinds: tuple[str, str]) -> None:
    """A contact that ends a melt is not to be reached by the way."""
    assert energy(*kinds, BROKEN[kinds]) == pytest.approx(5, rel=0.01)


def test_every_pair_of_elements_is_kept_apart() -> None:
    """No two atoms reach 0.3 Å of each other."""
    for first, second in combinations_with_replacement(("C", "H", "N", "Zn"), 2):
        assert energy(first, second, 0.3) > 5, (first, second)


def test_the_wall_is_absent_where_ab_initio_trajectories_went() -> None:
    """In the recorded AIMD up to 2000 K no pair feels more than 0.02 eV of it, and a frame less than 2 meV an atom."""
    folder = files("aiida_zif") / "structures" / "dia-zn-im-2-recorded"
    for path in sorted(folder.glob("aimd_*.h5")):  # type: ignore[attr-defined]
        with H5md(path) as file:
            frames = file.read(slice(None, None, 10))
        for positions, cell in zip(frames.positions, frames.cells, strict=True):
            i, j, distances, _ = pairs(positions, cell, 3.0)
            felt = np.array([energy(frames.species[a], frames.species[b], d) for a, b, d in zip(i, j, distances, strict=True)])
            assert felt.max() < 0.02
            assert felt.sum() < 2e-3 * len(frames.species)
