# SPDX-License-Identifier: MIT
"""Extended XYZ: what ASE reads is what we meant, and what we read is what ASE wrote."""

import io
from dataclasses import replace

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_zif.formats import extxyz
from aiida_zif.science import linkers
from aiida_zif.science.frames import VOIGT, Frames

SPECIES = ("Zn", "N", "C", "H")


def make_frames(n_frames=3, seed=0, scale=1.0):
    rng = np.random.default_rng(seed)
    n_atoms = len(SPECIES)
    return Frames(
        species=SPECIES,
        positions=rng.normal(size=(n_frames, n_atoms, 3)) * scale,
        cells=np.eye(3) * 12 + rng.normal(size=(n_frames, 3, 3)),
        energies=rng.normal(size=n_frames) - 16000,
        forces=rng.normal(size=(n_frames, n_atoms, 3)) * scale,
        stresses=rng.normal(size=(n_frames, 6)) * 1e-3,
        steps=np.arange(n_frames) * 10,
        times=np.arange(n_frames) * 0.005,
        temperatures=rng.uniform(0, 2000, n_frames),
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 5), st.integers(0, 2**16), st.sampled_from([1e-6, 1.0, 1e5]), st.booleans())
def test_round_trip_keeps_twelve_digits(n_frames, seed, scale, bare):
    """Writing and reading changes no number beyond its twelfth digit, and no field appears or vanishes."""
    frames = make_frames(n_frames, seed, scale)
    if bare:
        frames = replace(frames, energies=None, forces=None, stresses=None, steps=None, times=None, temperatures=None)
    back = extxyz.read(io.StringIO(extxyz.text_of(frames)))
    assert back.species == frames.species
    for name in ("positions", "cells", "energies", "forces", "stresses", "steps", "times", "temperatures"):
        if getattr(frames, name) is None:
            assert getattr(back, name) is None
        else:
            np.testing.assert_allclose(getattr(back, name), getattr(frames, name), rtol=1e-11, err_msg=name)


def test_ase_reads_what_we_meant(tmp_path):
    """ASE finds energy, forces and the stress in its own Voigt order and sign, and the word of the frame."""
    frames = make_frames()
    extxyz.write(tmp_path / "a.xyz", frames, [{"config_type": f"T1500 v{i}"} for i in range(3)])
    for i, atoms in enumerate(ase.io.read(tmp_path / "a.xyz", ":")):
        assert tuple(atoms.symbols) == SPECIES
        assert atoms.pbc.all()
        assert atoms.info["config_type"] == f"T1500 v{i}"
        np.testing.assert_allclose(atoms.cell.array, frames.cells[i], rtol=1e-11)
        np.testing.assert_allclose(atoms.get_potential_energy(), frames.energies[i], rtol=1e-11)
        np.testing.assert_allclose(atoms.get_forces(), frames.forces[i], rtol=1e-11)
        np.testing.assert_allclose(atoms.get_stress(), frames.stresses[i], rtol=1e-11)


def test_we_read_what_ase_wrote(tmp_path):
    """ASE's own file with more columns and words than ours comes back, stress and all."""
    frames = make_frames(1)
    atoms = Atoms(SPECIES, frames.positions[0], cell=frames.cells[0], pbc=True)
    atoms.set_array("tags", np.arange(4))
    atoms.set_velocities(frames.forces[0])
    atoms.info["name"] = "a = b"
    atoms.calc = SinglePointCalculator(atoms, energy=frames.energies[0], forces=frames.forces[0], stress=frames.stresses[0])
    ase.io.write(tmp_path / "a.xyz", atoms, format="extxyz")
    back = extxyz.read(tmp_path / "a.xyz")
    np.testing.assert_allclose(back.positions, frames.positions, atol=1e-8)
    np.testing.assert_allclose(back.forces, frames.forces, atol=1e-8)
    np.testing.assert_allclose(back.stresses, frames.stresses, atol=1e-8)
    np.testing.assert_allclose(back.energies, frames.energies)


def test_unknown_stress_is_left_out_and_comes_back_as_nan():
    """A frame without a stress is written without one; beside frames that have one it reads as NaN."""
    frames = make_frames()
    frames.stresses[1] = np.nan
    text = extxyz.text_of(frames)
    assert text.count("stress=") == 2
    back = extxyz.read(io.StringIO(text))
    np.testing.assert_array_equal(np.isnan(back.stresses[:, 0]), [False, True, False])
    assert len(VOIGT) == back.stresses.shape[1]


def test_other_atoms_make_another_group():
    """Frames of different atoms come back as a list, each with its own."""
    one = make_frames(2)
    two = Frames(("H",), np.zeros((1, 1, 3)), np.eye(3)[None])
    groups = extxyz.read(io.StringIO(extxyz.text_of(one) + extxyz.text_of(two)))
    assert [len(group) for group in groups] == [2, 1]
    assert groups[1].species == ("H",)


def test_a_cut_file_is_refused_at_every_byte():
    """Whatever is missing at the end, a cut frame is never taken for a whole one."""
    text = extxyz.text_of(make_frames(2))
    second = text.index("\n4\n") + 1
    for end in range(second + 1, len(text)):
        with pytest.raises(ValueError, match="frame 2"):
            extxyz.read(io.StringIO(text[:end]))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("", "no frame"), ("hello\n", "begins with 'hello'"), ("1\nno lattice\nH 0 0 0\n", "needs Lattice"), ("0\n\n", "is cut")],
)
def test_other_files_are_refused_in_a_sentence(text, sentence):
    """What is no extended XYZ is refused by a sentence that says what is missing."""
    with pytest.raises(ValueError, match=sentence):
        extxyz.read(io.StringIO(text))


def test_information_must_be_one_per_frame_and_printable():
    """Too few words, or words that would break the line, are refused."""
    with pytest.raises(ValueError, match="1 mappings of information were given for 3 frames"):
        extxyz.text_of(make_frames(), [{}])
    with pytest.raises(ValueError, match="leave out quotes"):
        extxyz.text_of(make_frames(1), [{"name": 'a "b"'}])


def test_shipped_zif_4_is_relaxed_and_whole(repository):
    """272 atoms in the published cell, forces below 0.02 eV/Å, a stress, all linkers whole."""
    frames = extxyz.read(repository / "aiida_zif" / "structures" / "zif-4.xyz")
    assert {symbol: frames.species.count(symbol) for symbol in set(frames.species)} == {"Zn": 16, "N": 64, "C": 96, "H": 96}
    np.testing.assert_allclose(frames.volumes, 4380.4858, atol=1e-3)
    assert np.linalg.norm(frames.forces[0], axis=1).max() < 0.02
    assert np.isfinite(frames.stresses).all()
    topology = linkers.perceive(frames.species, frames.positions[0], frames.cells[0])
    assert topology.n_linkers == 32
    assert linkers.check(topology, frames.positions[0], frames.cells[0]).broken == ()


def test_batches_are_the_frames_of_the_file(tmp_path):
    """Two at a time, in order; a stress that is missing in a whole batch is NaN, and what stresses hold is kept."""
    frames = replace(make_frames(5), stress_content="total")
    frames.stresses[2:4] = np.nan
    extxyz.write(tmp_path / "a.xyz", frames)
    parts = list(extxyz.batches(tmp_path / "a.xyz", 2))
    assert [len(part) for part in parts] == [2, 2, 1]
    assert {part.stress_content for part in parts} == {"total"}
    np.testing.assert_allclose(np.concatenate([part.stresses for part in parts]), frames.stresses, rtol=1e-11)
    np.testing.assert_allclose(np.concatenate([part.forces for part in parts]), frames.forces, rtol=1e-11)


def test_batches_of_mixed_systems_end_where_other_atoms_begin(tmp_path):
    """Where they are allowed; each batch is of one system."""
    first, second = make_frames(3), make_frames(2, seed=1)
    second = replace(second, species=SPECIES[::-1])
    (tmp_path / "a.xyz").write_text(extxyz.text_of(first) + extxyz.text_of(second) + extxyz.text_of(first))
    parts = list(extxyz.batches(tmp_path / "a.xyz", 2, mixed=True))
    assert [(len(part), part.species == SPECIES) for part in parts] == [(2, True), (1, True), (2, False), (2, True), (1, True)]


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (Frames(SPECIES[::-1], np.zeros((1, 4, 3)), np.eye(3)[None], energies=np.zeros(1)), "in another order"),
        (Frames(("H",), np.zeros((1, 1, 3)), np.eye(3)[None], energies=np.zeros(1)), "other atoms"),
        (Frames(SPECIES, np.zeros((1, 4, 3)), np.eye(3)[None]), "only some frames have energies"),
    ],
)
def test_batches_refuse_a_second_system(tmp_path, second, said):
    """A frame of other atoms, in another order, or with other labels is named by its number."""
    first = Frames(SPECIES, np.zeros((1, 4, 3)), np.eye(3)[None], energies=np.zeros(1))
    (tmp_path / "a.xyz").write_text(extxyz.text_of(first) + extxyz.text_of(second))
    with pytest.raises(ValueError, match=f"(frame 2|first).*{said}|{said}.*frame 2"):
        list(extxyz.batches(tmp_path / "a.xyz"))


@pytest.mark.parametrize(("content", "said"), [(b"", "no frame"), (b"\xff\xfe\x00", "no text"), (b"4\nLattice", "is cut")])
def test_batches_refuse_what_is_no_extxyz(tmp_path, content, said):
    """Empty, binary and cut files, in a sentence."""
    (tmp_path / "a.xyz").write_bytes(content)
    with pytest.raises(ValueError, match=said):
        list(extxyz.batches(tmp_path / "a.xyz"))
