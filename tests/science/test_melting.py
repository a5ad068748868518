# SPDX-License-Identifier: MIT
"""The melt verdict: molten only where zinc really exchanged its neighbours."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import ase.io
import numpy as np
import pytest

from aiida_zif.science import linkers, melting
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


def trajectory(dia34, n: int = 40, walk: float = 0.0, seed: int = 1) -> Frames:
    """dia-Zn(Im)2 as whole bodies: zinc and linkers tremble, and walk at random by ``walk`` Å along each axis from frame to frame."""
    rng = np.random.default_rng(seed)
    topology = linkers.perceive(dia34.get_chemical_symbols(), dia34.positions, dia34.cell[:])
    whole = linkers.unwrap(topology, dia34.positions, dia34.cell[:])
    zinc = np.flatnonzero(topology.linker_of < 0)
    bodies = np.where(topology.linker_of >= 0, topology.linker_of, 0)
    bodies[zinc] = topology.n_linkers + np.arange(len(zinc))
    steps = np.cumsum(rng.normal(0, walk, (n, bodies.max() + 1, 3)), axis=0) if walk else np.zeros((n, bodies.max() + 1, 3))
    trembling = rng.normal(0, 0.05, steps.shape)
    return Frames(
        species=topology.species, positions=whole + (steps + trembling)[:, bodies], cells=np.repeat(dia34.cell[:][None], n, axis=0),
        times=0.1 * np.arange(n),
    )  # fmt: skip


def judged(dia34, melt: Frames, **changes):
    species, cell = tuple(dia34.get_chemical_symbols()), dia34.cell[:]
    before = Frames(species, dia34.positions[None], cell[None])
    return melting.judge(before, melt, 1500.0, Criteria(**changes), linkers.perceive(species, dia34.positions, cell))


def test_each_criterion_has_evidence_and_a_verdict(dia34):
    """A trembling crystal meets none of the six, and the sentence names what speaks against a melt."""
    verdict, evidence = judged(dia34, trajectory(dia34))
    assert not verdict.molten
    assert {name: one.met for name, one in verdict.findings.items()} == dict.fromkeys(
        ("exchange", "coordination", "under_coordination", "barrier", "zinc_motion", "linker_motion"), False
    )
    assert verdict.pmf_barrier_kj_mol is None
    assert verdict.molten_ps == 0.0
    assert "0 of 2 Zn gained a new N neighbour (a melt has at least 10%" in verdict.sentence
    assert {len(values) for values in evidence.series.values()} == {40}


def test_bodies_that_wander_have_a_slope(dia34):
    """A random walk of 0.1 Å per axis and frame: 0.03 Å² a frame of 0.1 ps, 0.3 Å²/ps, less the drift of the whole; within its error."""
    _, evidence = judged(dia34, trajectory(dia34, n=400, walk=0.1))
    assert evidence.linker.slope.mean == pytest.approx(0.3, abs=3 * evidence.linker.slope.error + 0.05)
    assert evidence.zinc.slope.error > 0


def test_dissolved_crystal_is_molten(dia272):
    """Zinc and linkers walk through each other: all six criteria are met; molten since the last frame with too few exchanged."""
    verdict, evidence = judged(dia272, trajectory(dia272, n=80, walk=0.25, seed=3))
    assert verdict.molten, verdict.sentence
    assert all(one.met for one in verdict.findings.values())
    assert verdict.sentence.startswith("molten: at 1500 K")
    below = np.flatnonzero(evidence.series["exchanged"] < 0.1)[-1]
    assert verdict.molten_ps == pytest.approx(0.1 * (79 - below - 1))


def test_criterion_without_a_threshold_decides_nothing(dia34):
    """It is told all the same; without any threshold nothing is a melt."""
    nothing = dict.fromkeys([name for name in Criteria().__dict__ if name.startswith(("min_", "max_"))])
    verdict, _ = judged(dia34, trajectory(dia34), **nothing)
    assert not verdict.molten
    assert {one.met for one in verdict.findings.values()} == {None}
    assert verdict.findings["coordination"].value == 4.0
    assert judged(dia34, trajectory(dia34), **{**nothing, "max_coordination": 4.1})[0].molten


def test_motion_that_cannot_be_measured_is_no_evidence(dia34):
    """Fewer than ten frames, or frames without times: said, and no melt by that criterion."""
    for melt in (trajectory(dia34, n=5), replace(trajectory(dia34), times=None)):
        verdict, _ = judged(
            dia34, melt, **{name: None for name in Criteria().__dict__ if name.startswith(("min_e", "min_u", "min_b", "max"))}
        )
        assert not verdict.molten
        assert "motion of Zn was not measured" in verdict.sentence


def test_barrier_of_a_known_potential():
    """N on a sphere, a known share of them between the wells: the height is −kT ln of the ratio of the densities."""
    rng = np.random.default_rng(2)
    n = 4000
    distance = np.where(rng.random(n) < 0.9, rng.uniform(1.9, 2.1, n), rng.uniform(2.5, 3.5, n))
    direction = rng.normal(size=(n, 3))
    nitrogen = 20 + distance[:, None] * direction / np.linalg.norm(direction, axis=1)[:, None]
    frames = Frames(("Zn", "N"), np.stack([np.full((n, 3), 20.0), nitrogen], axis=1), np.repeat(CELL[None], n, axis=0))
    verdict, _ = melting.judge(frames.select([0]), frames, 1000.0, BONDS)
    shells = [3 * share / (b**3 - a**3) for share, a, b in ((0.9 * 0.25, 2.0, 2.05), (0.1 * 0.05, 3.45, 3.5))]
    expected = 8.617333e-5 * 1000 * 96.485 * np.log(shells[0] / shells[1])
    assert verdict.pmf_barrier_kj_mol == pytest.approx(expected, rel=0.08)


def glass_frames(path: Path) -> Frames:
    atoms = ase.io.read(path)
    return Frames(tuple(atoms.get_chemical_symbols()), np.stack([atoms.positions] * 2), np.stack([atoms.cell[:]] * 2))


def test_published_glasses_have_exchanged(shared_data):
    """Four of the five ab initio glasses at hand hold 11 to 13 of 16 Zn with an N that is not theirs in the crystal; the first none.

    Its net is the crystal's, ring by ring: it is a crystal that was quenched before it melted, or never was a melt.
    """
    crystal = ase.io.read(shared_data / "castel2024" / "crystal.lmp", format="lammps-data", atom_style="atomic")
    symbols = {12: "C", 1: "H", 14: "N", 65: "Zn"}
    species = tuple(symbols[int(mass + 0.4)] for mass in crystal.get_masses())
    before = Frames(species, crystal.positions[None], crystal.cell[:][None])
    shares = []
    for number in range(1, 6):
        glass = glass_frames(shared_data / "gaillac2020" / f"ZIF4_15glass{number:02d}.cif")
        verdict, _ = melting.judge(before, glass, 300.0, replace(BONDS, max_coordination=None))
        assert verdict.molten == (number > 1)
        shares.append(round(16 * verdict.exchanged_share))
    assert shares == [0, 12, 11, 13, 13]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"share": 0.1}, "have no share"), ({"max_coordination": "low"}, "is 'low'"), ({"min_barrier_occupation": -1}, "is -1"),
        ({"barrier_to_angstrom": None}, "must be a number, 0 or more"), ({"barrier_to_angstrom": 2.0}, "must grow"),
        ({"min_exchanged_share": True}, "is True"), ({"max_coordination": float("nan")}, "is nan"),
    ],
)  # fmt: skip
def test_bad_criteria_are_refused(values, sentence):
    """One sentence with the value."""
    with pytest.raises(ValueError, match=sentence):
        Criteria.from_dict(values)
