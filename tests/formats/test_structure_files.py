# SPDX-License-Identifier: MIT
"""Structures in the files that people have: the same crystal from each, and a sentence for what is none."""

from __future__ import annotations

from pathlib import Path

import ase.io
import numpy as np
import pytest

from aiida_zif.formats import extxyz, h5md, lammps_data
from aiida_zif.formats.structure_files import open_file
from aiida_zif.science.frames import Frames

CRYSTAL = Path(__file__).parents[1] / "science" / "dia34.xyz"


@pytest.fixture(scope="module")
def frames() -> Frames:
    atoms = ase.io.read(CRYSTAL)
    return Frames(tuple(atoms.get_chemical_symbols()), np.stack([atoms.positions, atoms.positions + 0.1]), np.stack([atoms.cell[:]] * 2))


@pytest.mark.parametrize("name", ["one.cif", "many.extxyz", "many.h5md", "one.data"])
def test_every_kind_gives_the_same_crystal(tmp_path: Path, frames: Frames, name: str) -> None:
    """Elements, frames and the distances between atoms are those that were written."""
    path = tmp_path / name
    if name == "many.h5md":
        h5md.write(path, frames, creator_version="0")
    elif name == "many.extxyz":
        extxyz.write(path, frames)
    elif name == "one.data":
        path.write_text(lammps_data.write(frames.species, frames.positions[0], frames.cells[0], ["C", "H", "N", "Zn"]))
    else:
        ase.io.write(path, ase.io.read(CRYSTAL))
    file = open_file(path)
    batches = list(file.batches())
    assert file.n_frames == sum(len(batch) for batch in batches) == (2 if name.startswith("many") else 1)
    assert sorted(file.first.species) == sorted(frames.species)
    assert abs(np.linalg.det(file.first.cells[0])) == pytest.approx(frames.volumes[0], rel=1e-4)
    assert file.masses.sum() == pytest.approx(2 * 65.38 + 4 * 67.07, rel=1e-4)


def test_lammps_data_of_style_full_is_understood(shared_data: Path) -> None:
    """The published force field's cell, which names neither its style nor its elements: 16 Zn of 272 atoms by their masses."""
    path = shared_data / "moff" / "ZIF-4_supercell111.data"
    if not path.is_file():
        pytest.skip(f"{path.name} is not here")
    assert open_file(path).first.species.count("Zn") == 16


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.cif", "data_x\n", "no whole cif file"),
        ("a.xyz", "hello\n", "this is no extended XYZ file"),
        ("a.xyz", "", "no frame"),
        ("a.data", "LAMMPS\n\n1 atoms\n", "no section Atoms"),
        ("a.data", "x\n\nMasses\n\n1 7777.0\n\nAtoms # atomic\n\n1 1 0 0 0\n", "no element has the mass 7777"),
        ("a.h5md", "not HDF5", "cannot be read as an HDF5 file"),
        ("a.pdb", "ATOM", "of no kind that is read here; give CIF"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence(tmp_path: Path, name: str, text: str, words: str) -> None:
    """The file is named, and what was wrong with it."""
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=words) as caught:
        open_file(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_trajectory_cut_in_mid_frame_is_refused_when_it_is_read(tmp_path: Path, frames: Frames) -> None:
    """The first frame opens, the second is not whole: a sentence, no number."""
    path = tmp_path / "cut.xyz"
    extxyz.write(path, frames)
    path.write_text(path.read_text()[:-200])
    with pytest.raises(ValueError, match=r"cut\.xyz"):
        list(open_file(path).batches())


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    """One sentence."""
    with pytest.raises(ValueError, match="there is no file"):
        open_file(tmp_path / "none.cif")
