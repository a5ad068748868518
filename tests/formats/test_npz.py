# SPDX-License-Identifier: MIT
"""The npz of the published data sets: what numpy wrote comes back, and what is no such file is refused in a sentence."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_zif.formats import npz
from aiida_zif.science.frames import Frames, from_voigt

SPECIES = ("Zn", "N", "C", "H")
FIELDS = ("positions", "cells", "energies", "forces", "stresses")


def make_frames(n: int = 5, seed: int = 0) -> Frames:
    rng = np.random.default_rng(seed)
    return Frames(
        SPECIES, rng.normal(size=(n, 4, 3)), np.eye(3) * 12 + rng.normal(size=(n, 3, 3)), energies=rng.normal(size=n) - 16000,
        forces=rng.normal(size=(n, 4, 3)), stresses=rng.normal(size=(n, 6)),
    )  # fmt: skip


def arrays(n: int = 5, **changes: Any) -> dict[str, Any]:
    """Return what a deposit holds, written by hand."""
    frames = make_frames(n)
    found = {
        "Z": np.array([[30, 7, 6, 1]] * n), "positions": frames.positions, "energy": frames.energies, "force": frames.forces,
        "cell": frames.cells, "pbc": np.ones((n, 3), bool), "stress": from_voigt(frames.stresses),
    }  # fmt: skip
    return {name: value for name, value in {**found, **changes}.items() if value is not None}


@settings(max_examples=20, deadline=None)
@given(n=st.integers(1, 9), batch=st.integers(1, 10), seed=st.integers(0, 99))
def test_round_trip_is_exact(tmp_path_factory: Any, n: int, batch: int, seed: int) -> None:
    """Written and read, however few frames are read at a time: not a bit changes."""
    path, frames = tmp_path_factory.mktemp("npz") / "a.npz", make_frames(n, seed)
    npz.write(path, frames)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(npz, "BATCH_BYTES", 48 * 4 * batch)
        parts = list(npz.batches(path))
    assert len(parts) == -(-n // batch)
    for name in FIELDS:
        np.testing.assert_array_equal(np.concatenate([getattr(part, name) for part in parts]), getattr(frames, name))
    assert parts[0].species == SPECIES


def test_we_write_what_numpy_reads_as_published(tmp_path: Path) -> None:
    """The seven keys, one row per frame, the stress as a matrix."""
    frames = make_frames()
    npz.write(tmp_path / "a.npz", frames, {"split": np.array(["train"] * 5)})
    with np.load(tmp_path / "a.npz") as found:
        assert set(found) == {"Z", "positions", "energy", "force", "stress", "cell", "pbc", "split"}
        assert found["Z"].tolist() == [[30, 7, 6, 1]] * 5
        assert found["pbc"].all()
        np.testing.assert_array_equal(found["stress"], from_voigt(frames.stresses))
        np.testing.assert_array_equal(found["force"], frames.forces)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_variants_of_a_deposit_are_read(tmp_path: Path, save: Any) -> None:
    """Compressed or not, float32, one Z and one cell for all, energies as a column, nine numbers of stress."""
    frames = make_frames()
    flat = from_voigt(frames.stresses).reshape(5, 9)
    one = arrays(Z=np.array([30, 7, 6, 1]), cell=frames.cells[0], energy=frames.energies[:, None], stress=flat)
    save(tmp_path / "a.npz", **{**one, "force": one["force"].astype(np.float32)})
    found = npz.read(tmp_path / "a.npz", stress_content="total")
    np.testing.assert_array_equal(found.cells, np.repeat(frames.cells[:1], 5, axis=0))
    np.testing.assert_array_equal(found.energies, frames.energies)
    np.testing.assert_allclose(found.forces, frames.forces, rtol=1e-6)
    np.testing.assert_array_equal(found.stresses, frames.stresses)
    assert found.stress_content == "total"


def test_units_are_converted_where_they_are_named(tmp_path: Path) -> None:
    """Hartree and Hartree/bohr by ase's own factors."""
    from ase import units

    np.savez(tmp_path / "a.npz", **arrays())
    plain, converted = npz.read(tmp_path / "a.npz"), npz.read(tmp_path / "a.npz", "hartree")
    np.testing.assert_allclose(converted.energies, plain.energies * units.Hartree, rtol=1e-6)
    np.testing.assert_allclose(converted.forces, plain.forces * units.Hartree / units.Bohr, rtol=1e-6)
    np.testing.assert_allclose(converted.stresses, plain.stresses * units.Hartree / units.Bohr**3, rtol=1e-6)
    np.testing.assert_allclose(npz.read(tmp_path / "a.npz", "kcal/mol").energies, plain.energies * units.kcal / units.mol, rtol=1e-6)
    np.testing.assert_array_equal(converted.positions, plain.positions)
    with pytest.raises(ValueError, match="choose from ev, hartree"):
        npz.read(tmp_path / "a.npz", "furlong")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"force": None}, "lacks force"),
        ({"Z": np.array([[30, 7, 6, 1]] * 4 + [[30, 6, 7, 1]])}, "frame 4 .* in another order"),
        ({"Z": np.array([[30, 7, 6, 130]] * 5)}, "atomic numbers"),
        ({"energy": np.zeros(4)}, "energy of .* does not fit 5 frames of 4 atoms"),
        ({"force": np.zeros((5, 4, 2))}, "force of .* does not fit"),
        ({"positions": np.zeros((5, 12))}, "give \\(frames, atoms, 3\\)"),
        ({"energy": np.array([object()] * 5)}, "plain numbers"),
        ({"energy": np.array(["a"] * 5)}, "plain numbers"),
    ],
)
def test_mixed_up_files_are_refused(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    """One sentence, nothing unpickled."""
    np.savez(tmp_path / "a.npz", **arrays(**changes))
    with pytest.raises(ValueError, match=said):
        npz.read(tmp_path / "a.npz")


def test_files_that_are_no_npz_are_refused(tmp_path: Path) -> None:
    """Empty, text, absent, cut, and one whose array is cut inside a sound archive."""
    whole = tmp_path / "whole.npz"
    np.savez(whole, **arrays())
    for name, content in (("empty", b""), ("text", b"hello"), ("cut", whole.read_bytes()[:-200])):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match="cannot be read as an npz file"):
            npz.read(tmp_path / name)
    with pytest.raises(ValueError, match="cannot be read as an npz file"):
        npz.read(tmp_path / "absent.npz")
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(tmp_path / "short.npz", "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name)[: -40 if name == "force.npy" else None])
    with pytest.raises(ValueError, match="force is cut"):
        npz.read(tmp_path / "short.npz")


def test_labels_are_needed_to_write(tmp_path: Path) -> None:
    """A data set without forces is none."""
    frames = make_frames()
    with pytest.raises(ValueError, match="energy and the forces"):
        npz.write(tmp_path / "a.npz", Frames(SPECIES, frames.positions, frames.cells))
    assert not (tmp_path / "a.npz").exists()
