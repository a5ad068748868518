# SPDX-License-Identifier: MIT
"""The whole structural analysis, where it is known, and under everything that must not matter."""

from __future__ import annotations

from dataclasses import replace

import ase.io
import numpy as np
import pytest
from ase import Atoms
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from aiida_zif.science import analysis, linkers, pores
from aiida_zif.science.frames import Frames

SHORT = {"scattering_frames": 0, "rdf_max_angstrom": 6.0, "rdf_bins": 60, "pmf_bins": 30, "ring_depth": 16, "pore_frames": 0}


def analyse(frames: Frames, reference: int = 0, chunk: int = 7, **plan) -> analysis.Result:
    topology = linkers.perceive(frames.species, frames.positions[reference], frames.cells[reference], plan.get("framework", "ZIF-4"))
    masses = Atoms(frames.species).get_masses()
    running = analysis.Analysis(topology, masses, len(frames), analysis.Plan(**plan))
    for begin in range(0, len(frames), chunk):
        running.add(frames.select(slice(begin, begin + chunk)))
    return running.result()


def one_frame(atoms: Atoms) -> Frames:
    return Frames(tuple(atoms.get_chemical_symbols()), atoms.positions[None].copy(), atoms.cell[:][None].copy())


def test_the_crystal_of_zif4_is_what_is_published(shared_data):
    """Density 1.210 g/cm³, coordination 4, angle 109.44°, rings {8: 4, 12: 16, 16: 32}, 32 whole linkers, pores 53 cm³/kg."""
    with pytest.warns(UserWarning, match="triclinic"):
        atoms = ase.io.read(shared_data / "lewis2009" / "ZIF-4.cif")
    found = analyse(one_frame(atoms)).summary
    assert found["density_g_per_cm3"]["mean"] == pytest.approx(1.210, abs=5e-4)
    assert found["zn_n_coordination_histogram"] == {4: 1.0}
    assert found["n_zn_n_angle_deg"]["mean"] == pytest.approx(109.44, abs=0.005)
    assert {size: one["mean"] for size, one in found["rings_per_cell"].items()} == {8: 4.0, 12: 16.0, 16: 32.0}
    assert found["linkers"]["kinds"] == {"im": 32}
    assert found["linkers"]["whole"]
    if pores.available():
        assert found["pore_volume_cm3_per_kg"]["mean"] == pytest.approx(53.05, abs=0.05)


def test_one_frame_gives_no_errors_and_no_displacement(dia34):
    """What a single frame cannot say is a sentence or no number."""
    found = analyse(one_frame(dia34), **SHORT)
    assert "give a trajectory" in found.summary["missing"]["msd"]
    assert "needs a temperature" in found.summary["missing"]["pmf"]
    assert np.isnan(found.summary["zn_n_coordination"]["error"])
    assert np.isnan(found.curves["g_zn_n_error"][0]).all()
    assert not any(name.startswith("msd") for name in found.curves)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_turning_moving_and_renumbering_change_nothing(dia34, seed):
    """A rotation, a translation with atoms thrown into other cells, a permutation of the atoms: the same numbers and curves."""
    rng = np.random.default_rng(seed)
    turn = Rotation.random(random_state=seed).as_matrix()
    order = rng.permutation(len(dia34))
    moved = dia34[order]
    moved.positions += rng.uniform(-9, 9, 3) + rng.integers(-2, 3, (len(moved), 3)) @ moved.cell[:]
    moved = Atoms(moved.symbols, positions=moved.positions @ turn, cell=moved.cell[:] @ turn, pbc=True)
    one, other = analyse(one_frame(dia34), **SHORT), analyse(one_frame(moved), **SHORT)
    for key in ("zn_n_coordination_histogram", "rings_per_cell", "density_g_per_cm3", "n_zn_n_angle_deg"):
        assert _near(one.summary[key], other.summary[key])
    for name in ("g_zn_n", "g_zn_zn", "angle_density"):
        np.testing.assert_allclose(other.curves[name][0], one.curves[name][0], atol=1e-9)


def _near(one, other):
    if isinstance(one, dict):
        return set(one) == set(other) and all(_near(one[key], other[key]) for key in one)
    return one == other if isinstance(one, str | list) else one == pytest.approx(other, rel=1e-6, nan_ok=True)


def test_a_supercell_has_the_same_structure(dia34, dia272):
    """Per volume, per zinc and per angle nothing changes, S(q) included."""
    plan = {**SHORT, "scattering_frames": 1, "scattering_max_angstrom": 9.0, "scattering_bins": 90}
    one, eight = analyse(one_frame(dia34), **plan), analyse(one_frame(dia272), **plan)
    assert _near(one.summary["rings_per_node"], eight.summary["rings_per_node"])
    assert _near(one.summary["density_g_per_cm3"], eight.summary["density_g_per_cm3"])
    for name in ("s_xray", "d_neutron", "n_zn_n"):
        np.testing.assert_allclose(eight.curves[name][0], one.curves[name][0], atol=1e-2)


def test_chunks_do_not_matter(zif4):
    """Frame by frame or all at once: the same summary and curves."""
    frames = zif4.select(slice(0, 12))
    plan = {**SHORT, "ring_frames": 2, "temperature_k": 600.0}
    one, other = analyse(frames, chunk=1, **plan), analyse(frames, chunk=12, **plan)
    assert _near(one.summary, other.summary)
    for name, (values, _) in one.curves.items():
        np.testing.assert_array_equal(other.curves[name][0], values)
    assert "no pair was seen" in one.summary["missing"]["pmf_barrier"]


def test_the_mean_of_a_trajectory_lies_within_the_error_of_its_halves(zif4):
    """The error bar of the angle covers what two halves say."""
    halves = [
        analyse(zif4.select(part), **{**SHORT, "ring_frames": 0}).summary["n_zn_n_angle_deg"] for part in (slice(0, 26), slice(26, 52))
    ]
    assert abs(halves[0]["mean"] - halves[1]["mean"]) < 4 * np.hypot(halves[0]["error"], halves[1]["error"])


def test_broken_linkers_are_in_the_analysis(dia34, dia34_topology):
    """A hydrogen torn off in all frames but the first is a break."""
    frames = one_frame(dia34)
    hydrogen = int(np.flatnonzero(dia34.numbers == 1)[0])
    positions = np.repeat(frames.positions, 4, axis=0)
    positions[1:, hydrogen] += 1.5
    found = analyse(replace(frames, positions=positions, cells=np.repeat(frames.cells, 4, axis=0)), **SHORT)
    assert not found.summary["linkers"]["whole"]
    assert found.summary["linkers"]["intact_share_end"] < 1.0


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ({"rdf_bins": 0}, "rdf_bins is 0"),
        ({"zn_n_cutoff_angstrom": -1.0}, "zn_n_cutoff_angstrom is -1.0; give a positive"),
        ({"ring_frames": 1.5}, "whole number"),
        ({"colour": 1}, "knows no colour"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(plan, words):
    """One sentence with the value."""
    with pytest.raises(ValueError, match=words):
        analysis.plan_of(plan)


def test_frames_of_other_atoms_or_too_many_are_refused(dia34, dia34_topology, dia272):
    """An analysis is one of the atoms and the number of frames that it was made for."""
    running = analysis.Analysis(dia34_topology, dia34.get_masses(), 1, analysis.Plan(**SHORT))
    with pytest.raises(ValueError, match="another order of atoms"):
        running.add(one_frame(dia272))
    with pytest.raises(ValueError, match="but 0 came"):
        running.result()
    running.add(one_frame(dia34))
    with pytest.raises(ValueError, match="more came"):
        running.add(one_frame(dia34))
