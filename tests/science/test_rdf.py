# SPDX-License-Identifier: MIT
"""Radial distribution functions where they are known."""

from __future__ import annotations

import time

import numpy as np
import pytest
from ase import Atoms
from ase.neighborlist import neighbor_list

from aiida_zif.science import rdf
from aiida_zif.science.frames import Frames
from aiida_zif.science.units import BOLTZMANN

SKEWED = np.array([[9.0, 0, 0], [4.0, 8.0, 0], [-3.0, 2.0, 7.5]])


def ideal_gas(n_frames: int, n_a: int, n_b: int) -> Frames:
    positions = np.random.default_rng(0).uniform(size=(n_frames, n_a + n_b, 3)) @ SKEWED
    return Frames(species=("Zn",) * n_a + ("N",) * n_b, positions=positions, cells=np.repeat(SKEWED[None], n_frames, axis=0))


@pytest.mark.parametrize(("a", "b"), [("Zn", "N"), ("N", "N")])
def test_an_ideal_gas_has_g_of_one_beyond_half_a_skewed_box(a, b):
    """g = 1 from 2 to 12 Å in a triclinic cell of 7 Å; of equal elements 1 − 1/N, and each atom's own images where they lie."""
    n, edges = 60, np.linspace(0, 12.0, 13)
    found = rdf.radial_distribution(ideal_gas(50, n, n), a, b, r_max=12.0, n_bins=12)
    expected = np.ones(12)
    if a == b:
        lattice = np.array(list(np.ndindex(9, 9, 9))) - 4
        images, _ = np.histogram(np.linalg.norm(lattice @ SKEWED, axis=1)[lattice.any(axis=1)], bins=edges)
        expected += images * np.linalg.det(SKEWED) / (n * 4 * np.pi / 3 * np.diff(edges**3)) - 1 / n
    np.testing.assert_allclose(found.g[2:], expected[2:], atol=0.02)


def test_running_coordination_counts_the_neighbours(dia34):
    """Four nitrogens around a zinc by 2.5 Å, one zinc around a nitrogen."""
    frames = Frames(species=tuple(dia34.get_chemical_symbols()), positions=dia34.positions[None], cells=dia34.cell[:][None])
    four = rdf.radial_distribution(frames, "Zn", "N", r_max=2.5, n_bins=50)
    one = rdf.radial_distribution(frames, "N", "Zn", r_max=2.5, n_bins=50)
    assert four.running_coordination[-1] == 4.0
    assert one.running_coordination[-1] == 1.0
    np.testing.assert_allclose(one.g, four.g)


def test_histogram_equals_that_of_ase(zif4):
    """The counts behind g(r), equal and different elements, are ASE's to 12 Å: more than half the box."""
    frames = zif4.select([0])
    atoms = Atoms(frames.species, positions=frames.positions[0], cell=frames.cells[0], pbc=True)
    edges = np.linspace(0, 12.0, 121)
    i, j, distance = neighbor_list("ijd", atoms[np.isin(atoms.symbols, ["Zn", "N"])], 12.0)
    names = np.array([symbol for symbol in frames.species if symbol in ("Zn", "N")])
    for a, b in (("Zn", "N"), ("Zn", "Zn"), ("N", "N")):
        counts, _ = np.histogram(distance[(names[i] == a) & (names[j] == b)], bins=edges)
        found = rdf.radial_distribution(frames, a, b, r_max=12.0, n_bins=120)
        np.testing.assert_allclose(found.running_coordination, np.cumsum(counts) / (names == a).sum())
        shells = 4 * np.pi / 3 * np.diff(edges**3)
        expected = counts * frames.volumes[0] / ((names == a).sum() * (names == b).sum() * shells)
        np.testing.assert_allclose(found.g, expected)


def test_g_of_r_is_that_of_mdanalysis(dia272):
    """A second implementation, in single precision: the same counts of a shaken crystal to 6 Å, less than half its box."""
    pytest.importorskip("MDAnalysis", reason="MDAnalysis, which is compared with, is not installed")
    from MDAnalysis.lib.distances import capped_distance
    from MDAnalysis.lib.mdamath import triclinic_box

    rng = np.random.default_rng(3)
    positions = dia272.positions + rng.normal(scale=0.1, size=dia272.positions.shape)
    a, b, c = np.linalg.qr(dia272.cell[:].T)[0].T @ np.eye(3)
    turn = np.stack([a, b, c]).T * np.sign(np.diag(dia272.cell[:] @ np.stack([a, b, c]).T))
    cell, positions = dia272.cell[:] @ turn, positions @ turn
    symbols = np.array(dia272.get_chemical_symbols())
    box = triclinic_box(*cell).astype(np.float32)
    zinc, nitrogen = (positions[symbols == one].astype(np.float32) for one in ("Zn", "N"))
    _, distance = capped_distance(zinc, nitrogen, max_cutoff=6.0, box=box)
    frames = Frames(tuple(symbols), positions[None], cell[None])
    found = rdf.radial_distribution(frames, "Zn", "N", 6.0, 12)
    expected = np.cumsum(np.histogram(distance, bins=12, range=(0, 6))[0]) / len(zinc)
    np.testing.assert_allclose(found.running_coordination, expected, atol=2.5 / len(zinc))


def test_g_of_r_is_that_of_freud(zif4):
    """A second implementation, in single precision: g of ten frames of ZIF-4 to 7.6 Å, but for a distance at the edge of a bin."""
    freud = pytest.importorskip("freud", reason="freud, which is compared with, is not installed")
    frames = zif4.select(slice(0, 10))
    symbols = np.array(frames.species)
    theirs = freud.density.RDF(bins=38, r_max=7.6)
    for positions, cell in zip(frames.positions, frames.cells, strict=True):
        box = freud.box.Box.from_matrix(cell.T)
        theirs.compute((box, box.wrap(positions[symbols == "N"])), query_points=box.wrap(positions[symbols == "Zn"]), reset=False)
    ours = rdf.radial_distribution(frames, "Zn", "N", 7.6, 38)
    np.testing.assert_allclose(ours.g, theirs.rdf, atol=0.02)


def test_a_frame_of_272_atoms_takes_less_than_a_millisecond(zif4):
    """Zn–N to 8 Å: 0.26 ms on a quiet core; the best of several, as other processes share the machine."""
    rdf.radial_distribution(zif4.select([0]), "Zn", "N", r_max=8.0, n_bins=400)
    took = []
    for _ in range(5):
        start = time.process_time()
        rdf.radial_distribution(zif4, "Zn", "N", r_max=8.0, n_bins=400)
        took.append((time.process_time() - start) / len(zif4))
    assert min(took) < 1e-3


def test_impossible_questions_are_refused(dia34):
    """An element that is not there, no bins, a negative range: one sentence."""
    frames = Frames(species=tuple(dia34.get_chemical_symbols()), positions=dia34.positions[None], cells=dia34.cell[:][None])
    with pytest.raises(ValueError, match="no O among"):
        rdf.radial_distribution(frames, "Zn", "O")
    with pytest.raises(ValueError, match="0 bins"):
        rdf.radial_distribution(frames, "Zn", "N", n_bins=0)
    with pytest.raises(ValueError, match="positive length"):
        rdf.radial_distribution(frames, "Zn", "N", r_max=-1.0)


def double_well(r: np.ndarray) -> np.ndarray:
    """0.9 eV from the well at 2 Å to the top at 3 Å, 0.4 eV back from the outer well at 4 Å, 0 far away."""
    return np.interp(r, [1.5, 2.0, 3.0, 4.0, 6.0, 8.0], [3.0, -0.4, 0.5, 0.1, 0.0, 0.0])


def test_the_barrier_of_a_known_potential_comes_back():
    """g = exp(−W/kT) of a piecewise linear W gives W, its well, its top and both heights."""
    r = np.linspace(1.5, 8.0, 651)
    found = rdf.pmf(r, np.exp(-double_well(r) / (BOLTZMANN * 1500)), 1500.0)
    np.testing.assert_allclose(found, double_well(r), atol=1e-12)
    top = rdf.barrier(r, found)
    assert (top.first_minimum, top.barrier_position) == (pytest.approx(2.0), pytest.approx(3.0))
    assert (top.height, top.return_height) == (pytest.approx(0.9), pytest.approx(0.5))


def test_an_ideal_gas_has_no_potential():
    """g = 1 is W = 0, and an empty bin is infinitely high."""
    assert rdf.pmf(np.arange(3.0), np.array([1.0, 1.0, 0.0]), 300.0).tolist() == [0.0, 0.0, np.inf]


def test_a_barrier_that_was_not_measured_is_refused():
    """Empty bins at the top, a curve that ends on its way down or before any pair: a sentence, never a number."""
    r = np.linspace(1.5, 8.0, 66)
    crossed = rdf.pmf(r, np.exp(-double_well(r) / (BOLTZMANN * 300)) * ((r < 2.8) | (r > 3.2)), 300.0)
    with pytest.raises(ValueError, match="no pair was seen in 5 bins from 2"):
        rdf.barrier(r, crossed)
    with pytest.raises(ValueError, match="still falling"):
        rdf.barrier(r[r < 2.9], double_well(r[r < 2.9]))
    with pytest.raises(ValueError, match="in its highest peak"):
        rdf.barrier(r[r < 2.0], double_well(r[r < 2.0]))
    with pytest.raises(ValueError, match="no pair of atoms"):
        rdf.barrier(r, np.full(66, np.inf))


def test_no_temperature_or_a_negative_g_has_no_potential():
    """One sentence with what was given."""
    with pytest.raises(ValueError, match="positive temperature in K, not 0"):
        rdf.pmf(np.ones(2), np.ones(2), 0.0)
    with pytest.raises(ValueError, match="one g ≥ 0 per distance"):
        rdf.pmf(np.ones(2), np.array([1.0, -1.0]), 300.0)
