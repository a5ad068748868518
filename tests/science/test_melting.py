# SPDX-License-Identifier: MIT
"""The melt verdict: molten only where zinc really exchanged its neighbours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aiida_zif.science import melting
from aiida_zif.science.frames import Frames
from aiida_zif.science.melting import Criteria

BONDS = Criteria(
    min_under_coordinated_share=None,
    min_barrier_occupation=None,
    min_zinc_slope_angstrom2_per_ps=None,
    min_linker_slope_angstrom2_per_ps=None,
)
"""What is asked of frames without times or linkers."""
CELL = np.eye(3) * 40.0


def frames_with(partners: list[list[tuple[int, int]]], n_zinc: int = 4, n_nitrogen: int = 8) -> Frames:
    """Frames in which exactly the named (zinc, nitrogen) pairs are neighbours; zinc 8 Å apart, the other nitrogens far off."""
    zinc = np.array([[8.0 * k, 0.0, 0.0] for k in range(n_zinc)])
    directions = np.array([[0, 2, 0], [0, -2, 0], [0, 0, 2], [0, 0, -2], [2, 0, 0]], dtype=float)
    positions = []
    for frame in partners:
        nitrogen = np.array([[4.0 * k, 20.0, 20.0] for k in range(n_nitrogen)])
        for z in range(n_zinc):
            for way, (_, n) in zip(directions, [pair for pair in frame if pair[0] == z], strict=False):
                nitrogen[n] = zinc[z] + way
        positions.append(np.concatenate([zinc, nitrogen]))
    return Frames(
        species=("Zn",) * n_zinc + ("N",) * n_nitrogen,
        positions=np.array(positions),
        cells=np.repeat(CELL[None], len(partners), axis=0),
    )


CRYSTAL = [(0, 0), (0, 1), (1, 2), (1, 3), (2, 4), (2, 5), (3, 6), (3, 7)]
SWAPPED = [(0, 0), (0, 2), (1, 1), (1, 3), (2, 4), (2, 5), (3, 6), (3, 7)]


def test_exchanged_neighbours_and_low_coordination_are_a_melt():
    """Two of four zincs swapped a nitrogen and kept it."""
    verdict, _ = melting.judge(frames_with([CRYSTAL]), frames_with([CRYSTAL, SWAPPED, SWAPPED]), 1500.0, BONDS)
    assert verdict.molten
    assert verdict.exchanged_share == 0.5
    assert verdict.new_pairs == ((0, 6), (1, 5))  # the nitrogens are the atoms 4 to 11
    assert verdict.coordination_at_tmax.mean == 2.0
    assert verdict.sentence.startswith("molten: at 1500 K 2 of 4 Zn")


def test_a_hot_crystal_is_no_melt(zif4):
    """ZIF-4 at 600 K has lost nothing: a quenched solid, and the sentence says so."""
    verdict, _ = melting.judge(zif4.select(slice(0, 5)), zif4.select(slice(5, None)), 600.0, BONDS)
    assert not verdict.molten
    assert verdict.exchanged_share == 0.0
    assert verdict.coordination_at_tmax.mean == pytest.approx(4.0, abs=0.05)
    assert verdict.sentence.startswith("quenched solid, not molten")


def test_a_visit_of_one_frame_is_no_exchange():
    """A new neighbour in the last frame only, or one that has left again, does not count."""
    for plateau in ([CRYSTAL, CRYSTAL, SWAPPED], [SWAPPED, SWAPPED, CRYSTAL, CRYSTAL]):
        assert melting.judge(frames_with([CRYSTAL]), frames_with(plateau), 1500.0, BONDS)[0].exchanged_share == 0.0


def test_lost_neighbours_alone_are_no_melt():
    """A lower coordination without exchange is a hot solid."""
    verdict, _ = melting.judge(frames_with([CRYSTAL]), frames_with([CRYSTAL[:-1]] * 3), 1500.0, BONDS)
    assert not verdict.molten
    assert verdict.coordination_at_tmax.mean < 2.0


def test_full_coordination_is_no_melt():
    """Exchanged, but as well coordinated as the limit forbids."""
    verdict, _ = melting.judge(frames_with([CRYSTAL]), frames_with([SWAPPED] * 3), 1500.0, replace(BONDS, max_coordination=1.9))
    assert verdict.exchanged_share == 0.5
    assert not verdict.molten


def test_too_few_frames_or_other_atoms_are_refused():
    """Two frames of the plateau are the least."""
    with pytest.raises(ValueError, match="one before and two"):
        melting.judge(frames_with([CRYSTAL]), frames_with([SWAPPED]), 1500.0, BONDS)
    with pytest.raises(ValueError, match="other atoms"):
        melting.judge(frames_with([CRYSTAL]), frames_with([SWAPPED, SWAPPED], n_nitrogen=9), 1500.0, BONDS)
