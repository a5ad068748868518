# SPDX-License-Identifier: MIT
"""The frames: shapes are held, selections and joins are right, temperature and kinetic stress are those of ASE."""

from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixCom
from ase.units import create_units
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_zif.science.frames import (
    FIELDS,
    PER_FRAME,
    Frames,
    concatenate,
    from_voigt,
    kinetic_stress,
    kinetic_temperature,
    to_voigt,
)  # fmt: skip

ase = create_units("2018")  # nearer to scipy's constants than ASE's default of 2014


def make(n_frames: int = 4, seed: int = 0, **changed: Any) -> Frames:
    """Return frames of three atoms with every field filled."""
    rng = np.random.default_rng(seed)
    content: dict[str, Any] = {
        "species": ("Zn", "N", "N"), "positions": rng.normal(size=(n_frames, 3, 3)),
        "cells": np.tile(np.diag([3.0, 4, 5]), (n_frames, 1, 1)), "energies": rng.normal(size=n_frames),
        "forces": rng.normal(size=(n_frames, 3, 3)), "stresses": rng.normal(size=(n_frames, 6)),
        "velocities": rng.normal(size=(n_frames, 3, 3)), "steps": np.arange(n_frames), "times": np.arange(n_frames) * 0.1,
        "temperatures": rng.uniform(200, 400, n_frames), "masses": np.array([65.38, 14.007, 14.007]),
    }  # fmt: skip
    return Frames(**(content | changed))


@pytest.mark.parametrize("name", [name for name in FIELDS if name not in ("species", "positions", "stress_content")])
def test_a_wrong_shape_is_refused_by_name(name: str) -> None:
    """A field whose shape does not fit names itself in the error."""
    wrong = np.zeros((7, 7))
    with pytest.raises(ValueError, match=name):
        make(**{name: wrong})


def test_every_per_frame_field_is_a_field() -> None:
    """The list of fields along the frame axis holds all but species, masses and the word on the stresses."""
    assert set(FIELDS) - set(PER_FRAME) == {"species", "masses", "stress_content"}


@pytest.mark.parametrize("which", [[2, 0], np.array([False, True, False, True]), slice(1, 3), np.array([3])])
def test_select_takes_indices_masks_and_slices_in_every_field(which: Any) -> None:
    """All per-frame fields follow the selection; species and masses stay."""
    frames = make()
    chosen = frames.select(which)
    for name in PER_FRAME:
        np.testing.assert_array_equal(getattr(chosen, name), getattr(frames, name)[which])
    assert chosen.species == frames.species
    assert chosen.masses is frames.masses


def test_select_of_no_frame_by_a_mask_is_empty() -> None:
    """A mask without a true value gives zero frames, not an error."""
    assert len(make().select(np.zeros(4, dtype=bool))) == 0


@given(cut=st.integers(0, 5))
@settings(max_examples=10, deadline=None)
def test_concatenate_undoes_a_cut(cut: int) -> None:
    """Cutting and joining gives the same arrays."""
    frames = make(5)
    joined = concatenate([frames.select(slice(0, cut)), frames.select(slice(cut, 5))])
    for name in (*PER_FRAME, "masses"):
        np.testing.assert_array_equal(getattr(joined, name), getattr(frames, name))


def test_concatenate_drops_a_field_that_one_part_lacks() -> None:
    """No values are invented for the part without stress."""
    assert concatenate([make(), make(stresses=None)]).stresses is None


def test_concatenate_refuses_nothing_and_other_atoms() -> None:
    """No parts, or other species, cannot be joined."""
    with pytest.raises(ValueError, match="no frames"):
        concatenate([])
    with pytest.raises(ValueError, match="different atoms"):
        concatenate([make(), make(species=("Zn", "N", "C"))])


def test_density_needs_masses() -> None:
    """Without the masses of the run a density is refused."""
    with pytest.raises(ValueError, match="masses"):
        _ = make(masses=None).densities


def test_volume_of_a_left_handed_cell_is_positive() -> None:
    """The sign of the determinant does not matter."""
    cells = np.tile(np.diag([3.0, 4, -5]), (4, 1, 1))
    np.testing.assert_allclose(make(cells=cells).volumes, 60)


def test_density_agrees_with_ase() -> None:
    """Mass over volume in g/cm³, by ASE's units."""
    frames = make()
    assert frames.masses is not None
    expected = frames.masses.sum() / 60 / (ase.kg / 1000) * (ase.m / 100) ** 3
    np.testing.assert_allclose(frames.densities, expected, rtol=1e-7)


def test_kinetic_temperature_agrees_with_ase() -> None:
    """With the centre of mass fixed ASE counts 3N − 3 degrees of freedom, too."""
    frames = make()
    assert frames.velocities is not None
    assert frames.masses is not None
    for velocities, temperature in zip(frames.velocities, kinetic_temperature(frames.velocities, frames.masses), strict=True):
        atoms = Atoms(frames.species, masses=frames.masses)
        atoms.set_velocities(velocities / (1000 * ase.fs))
        atoms.set_constraint(FixCom())
        # the constraint acts on velocities set after it: here it only tells ASE how many degrees of freedom to count
        assert temperature == pytest.approx(2 * atoms.get_kinetic_energy() / ase.kB / atoms.get_number_of_degrees_of_freedom(), rel=1e-6)


def test_kinetic_stress_agrees_with_ase() -> None:
    """The kinetic part of the pressure tensor is minus ASE's ideal-gas stress, in the same Voigt order."""
    frames = make()
    assert frames.velocities is not None
    assert frames.masses is not None
    ours = kinetic_stress(frames.velocities, frames.masses, frames.volumes)
    for k in range(len(frames)):
        atoms = Atoms(frames.species, positions=frames.positions[k], cell=frames.cells[k], pbc=True, masses=frames.masses)
        atoms.set_velocities(frames.velocities[k] / (1000 * ase.fs))
        atoms.calc = SinglePointCalculator(atoms, stress=np.zeros(6))
        np.testing.assert_allclose(ours[k], -atoms.get_stress(include_ideal_gas=True), rtol=1e-6)


def test_trace_of_the_kinetic_stress_is_that_of_the_temperature() -> None:
    """Σ m v²/V = (3N − 3) k T / V."""
    frames = make()
    assert frames.velocities is not None
    assert frames.masses is not None
    trace = kinetic_stress(frames.velocities, frames.masses, frames.volumes)[:, :3].sum(axis=1)
    temperature = kinetic_temperature(frames.velocities, frames.masses)
    np.testing.assert_allclose(trace, 6 * ase.kB * temperature / frames.volumes, rtol=1e-6)


@given(st.lists(st.floats(-1e6, 1e6), min_size=12, max_size=12))
@settings(max_examples=30, deadline=None)
def test_voigt_round_trip(values: list[float]) -> None:
    """To the tensor and back is the identity, with leading axes kept."""
    voigt = np.array(values).reshape(2, 6)
    np.testing.assert_array_equal(to_voigt(from_voigt(voigt)), voigt)


def test_voigt_takes_the_symmetric_part() -> None:
    """yz is the mean of yz and zy, and stands fourth."""
    tensor = np.arange(9.0).reshape(3, 3)
    np.testing.assert_array_equal(to_voigt(tensor), [0, 4, 8, 6, 4, 2])


def test_stresses_of_different_content_are_not_joined() -> None:
    """A virial and a total stress are two quantities; the word stays with a selection and with a joined series."""
    total = make(stress_content="total")
    assert total.select([1]).stress_content == concatenate([total, total]).stress_content == "total"
    with pytest.raises(ValueError, match=r"different parts \(total, virial\)"):
        concatenate([make(), total])
