# SPDX-License-Identifier: MIT
"""Structures as LAMMPS data files."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_zif.formats import lammps_data

TYPES = ("C", "H", "N", "Zn")
SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"


def random_structure(seed: int, n_atoms: int = 9) -> tuple[list[str], np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    cell = rng.normal(size=(3, 3)) * 3 + np.diag([9.0, 10.0, 11.0])
    if np.linalg.det(cell) < 0:
        cell[0] *= -1
    return [TYPES[k] for k in rng.integers(0, 4, n_atoms)], (rng.random((n_atoms, 3)) * 3 - 1) @ cell, cell


def distances(positions: np.ndarray) -> np.ndarray:
    return np.linalg.norm(positions[:, None] - positions[None], axis=-1)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_a_structure_comes_back_as_it_went_but_for_a_rotation(seed: int) -> None:
    """Species, distances (unwrapped), the metric of the cell, velocities and masses survive the round trip."""
    species, positions, cell = random_structure(seed)
    velocities = np.random.default_rng(seed).normal(size=positions.shape)
    masses = {"C": 12.0, "H": 2.014101777, "N": 14.0, "Zn": 65.4}
    back = lammps_data.read(lammps_data.write(species, positions, cell, TYPES, masses, velocities), TYPES)
    lower, rotation = lammps_data.restricted(cell)
    assert back.species == tuple(species)
    np.testing.assert_allclose(distances(back.positions[0]), distances(positions), atol=1e-11)
    np.testing.assert_allclose(back.cells[0] @ back.cells[0].T, cell @ cell.T, atol=1e-10)
    np.testing.assert_allclose(back.velocities[0], velocities @ rotation, atol=1e-12)
    assert list(back.masses) == [masses[symbol] for symbol in species]
    assert (np.diag(lower) > 0).all()
    assert np.linalg.det(rotation) == pytest.approx(1)


def test_a_lower_triangular_cell_is_kept_to_the_last_digit() -> None:
    """A structure that came from LAMMPS is not turned."""
    cell = np.array([[9.7, 0, 0], [5.5, 8.2, 0], [5.4, 3.0, 7.8]])
    lower, rotation = lammps_data.restricted(cell)
    assert (lower == cell).all()
    assert (rotation == np.eye(3)).all()


def test_there_are_as_many_types_as_the_model_has() -> None:
    """A structure of zinc alone still has the types of the model, in its order."""
    text = lammps_data.write(["Zn"], [[0, 0, 0]], np.eye(3) * 5, ("H", "C", "N", "Zn"))
    assert "4 atom types" in text
    assert "\n1 4 0 0 0\n" in text
    assert lammps_data.read(text, ("H", "C", "N", "Zn")).masses[0] == pytest.approx(65.38)


def test_an_element_without_a_type_is_refused() -> None:
    """One sentence names the element."""
    with pytest.raises(ValueError, match="holds Co"):
        lammps_data.write(["Co"], [[0, 0, 0]], np.eye(3) * 5, TYPES)


def test_a_left_handed_cell_is_refused() -> None:
    """No rotation makes it lower triangular, and a mirror image is another crystal."""
    with pytest.raises(ValueError, match="right-handed"):
        lammps_data.write(["Zn"], [[0, 0, 0]], np.diag([1.0, 1.0, -1.0]) * 5, TYPES)


def test_two_masses_of_one_element_are_refused() -> None:
    """A type has one mass."""
    with pytest.raises(ValueError, match="two masses"):
        lammps_data.write(["H", "H"], np.zeros((2, 3)), np.eye(3) * 5, TYPES, masses=[1.008, 2.014])


def test_a_file_cut_at_any_byte_raises_one_sentence_or_is_whole() -> None:
    """What is cut is a ValueError; only a cut within the last number can pass unseen, and the last newline."""
    species, positions, cell = random_structure(3, 4)
    text = lammps_data.write(species, positions, cell, TYPES)
    last_word = text.rstrip().rfind(" ")
    for cut in range(last_word + 1):
        with pytest.raises(ValueError, match=r"\w"):
            lammps_data.read(text[:cut], TYPES)


def test_images_of_a_file_that_lammps_wrote_are_unfolded() -> None:
    """Image flags move an atom by whole cell vectors."""
    text = (
        "LAMMPS data file\n\n2 atoms\n4 atom types\n\n1 11 xlo xhi\n0 8 ylo yhi\n0 7 zlo zhi\n2 1 0.5 xy xz yz\n\n"
        "Masses\n\n1 12\n2 1\n3 14\n4 65\n\nAtoms # atomic\n\n2 2 1 1 1 0 0 0\n1 1 0.5 0.5 0.5 1 -1 2\n\nVelocities\n\n2 0 0 2\n1 1 0 0\n"
    )
    frames = lammps_data.read(text, TYPES)
    assert frames.species == ("C", "H")
    np.testing.assert_allclose(frames.positions[0], [[0.5 + 10 - 2 + 2, 0.5 - 8 + 1, 14.5], [1, 1, 1]])
    np.testing.assert_allclose(frames.velocities[0], [[1, 0, 0], [0, 0, 2]])
    np.testing.assert_allclose(frames.cells[0], [[10, 0, 0], [2, 8, 0], [1, 0.5, 7]])


def test_the_published_cell_is_read() -> None:
    """The ZIF-4 of the paper's deposit: 272 atoms, 15.4231 Å wide."""
    path = SHARED / "castel2024" / "crystal.lmp"
    if not path.exists():
        pytest.skip("needs shared/data/castel2024 beside the project: the authors' ZIF-4 cell")
    frames = lammps_data.read(path.read_text(), TYPES)
    assert len(frames.species) == 272
    assert frames.species.count("Zn") == 16
    np.testing.assert_allclose(np.diag(frames.cells[0]), [15.4231, 15.4042, 18.4379])
