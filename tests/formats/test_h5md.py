# SPDX-License-Identifier: MIT
"""Trajectory files: what goes in comes out, bit by bit, lazily, and others can open it."""

import hashlib
import io
import time
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_zif.formats import h5md
from aiida_zif.science.frames import FIELDS, Frames

SPECIES = ("Zn", "C", "N", "N", "H")


def make_frames(n_frames=7, seed=0, without=()):
    rng = np.random.default_rng(seed)
    n_atoms = len(SPECIES)
    frames = Frames(
        species=SPECIES, positions=rng.normal(size=(n_frames, n_atoms, 3)), cells=np.eye(3) * 10 + rng.normal(size=(n_frames, 3, 3)),
        energies=rng.normal(size=n_frames), forces=rng.normal(size=(n_frames, n_atoms, 3)), stresses=rng.normal(size=(n_frames, 6)),
        velocities=rng.normal(size=(n_frames, n_atoms, 3)), steps=np.arange(n_frames) * 5, times=np.arange(n_frames) * 0.0025,
        temperatures=rng.uniform(100, 300, n_frames), masses=np.array([65.38, 12.011, 14.007, 14.007, 2.014101777]),
    )  # fmt: skip
    frames.stresses[0] = np.nan
    return replace(frames, **dict.fromkeys(without))


def assert_equal(one, two):
    for name in FIELDS:
        a, b = getattr(one, name), getattr(two, name)
        assert (a is None) == (b is None), name
        if a is not None:
            np.testing.assert_array_equal(a, b, err_msg=name)


@settings(max_examples=15, deadline=None)
@given(
    st.sets(st.sampled_from(["energies", "forces", "stresses", "velocities", "steps", "times", "temperatures", "masses"])),
    st.integers(1, 9),
)
def test_round_trip_keeps_every_bit_and_every_absence(without, n_frames):
    """What is written comes back bit by bit; what is unknown stays unknown."""
    frames = make_frames(n_frames, without=without)
    handle = io.BytesIO()
    h5md.write(handle, frames, creator_version="1")
    with h5md.H5md(handle) as file:
        assert_equal(file.read(), frames)
        assert file.n_frames == n_frames
        assert not set(without) & set(file.fields)


def test_equal_content_gives_equal_bytes_at_any_time(tmp_path):
    """No time stamp enters the file."""
    sums = []
    for name in "ab":
        h5md.write(tmp_path / name, make_frames(), creator_version="1")
        sums.append(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
        time.sleep(1.1)
    assert sums[0] == sums[1]


@pytest.mark.parametrize(
    "which", [slice(1, 6, 2), [5, 0, 5], np.array([True, False] * 3 + [True]), slice(None, None, -1), [-1], slice(0, 0)]
)
def test_selection_is_that_of_numpy(tmp_path, which):
    """Slices, indices in any order, masks and negative numbers choose as numpy does."""
    frames = make_frames()
    h5md.write(tmp_path / "t.h5", frames, creator_version="1")
    with h5md.H5md(tmp_path / "t.h5") as file:
        chosen = np.arange(7)[which]
        assert_equal(file.read(which), frames.select(chosen))


def test_far_frames_are_read_one_by_one(tmp_path):
    """A few frames far apart come back right, too."""
    frames = make_frames(400)
    h5md.write(tmp_path / "t.h5", frames, creator_version="1")
    with h5md.H5md(tmp_path / "t.h5") as file:
        assert_equal(file.read([399, 3]), frames.select([399, 3]))


def test_only_the_asked_fields_are_read(tmp_path):
    """A field that was not asked for is absent; one that the file lacks is refused in a sentence."""
    h5md.write(tmp_path / "t.h5", make_frames(without=["velocities"]), creator_version="1.2")
    with h5md.H5md(tmp_path / "t.h5") as file:
        frames = file.read(slice(0, 2), fields=["energies"])
        assert frames.energies is not None
        assert frames.forces is None
        assert frames.masses is not None
        assert file.creator_version == "1.2"
        assert not file.unwrapped
        with pytest.raises(ValueError, match="holds no velocities, only positions"):
            file.array("velocities")
        with pytest.raises(ValueError, match="is no field of a trajectory"):
            file.array("charges")


def test_unwrapped_is_remembered(tmp_path):
    """The word that positions were not folded travels with them."""
    h5md.write(tmp_path / "t.h5", make_frames(), unwrapped=True, creator_version="1")
    with h5py.File(tmp_path / "t.h5") as handle, h5md.H5md(handle) as file:
        assert file.unwrapped


def test_layout_is_h5md(tmp_path):
    """The groups and attributes that the H5MD 1.1 specification demands are there, with units on the values."""
    h5md.write(tmp_path / "t.h5", make_frames(), creator_version="1")
    with h5py.File(tmp_path / "t.h5") as file:
        assert list(file["h5md"].attrs["version"]) == [1, 1]
        assert file["h5md/creator"].attrs["version"] == b"1"
        assert file["h5md/author"].attrs["name"]
        box = file["particles/trajectory/box"]
        assert box.attrs["dimension"] == 3
        assert list(box.attrs["boundary"]) == [b"periodic"] * 3
        assert file["particles/trajectory/position/value"].attrs["unit"] == "Angstrom"
        assert file["observables/stress/value"].attrs["unit"] == "eV Angstrom-3"
        for place in ("particles/trajectory/box/edges", "observables/potential_energy", "observables/trajectory/force"):
            assert file[place]["step"] == file["particles/trajectory/position/step"]


def test_content_hash_sees_content_only(tmp_path):
    """The hash is that of the numbers: the same after a round trip, another after the smallest change."""
    frames = make_frames()
    h5md.write(tmp_path / "t.h5", frames, creator_version="1")
    with h5md.H5md(tmp_path / "t.h5") as file:
        assert h5md.content_hash(file.read()) == h5md.content_hash(frames)
    moved = frames.positions.copy()
    moved[0, 0, 0] = np.nextafter(moved[0, 0, 0], 99)
    assert h5md.content_hash(replace(frames, positions=moved)) != h5md.content_hash(frames)
    assert h5md.content_hash(replace(frames, velocities=None)) != h5md.content_hash(frames)
    assert h5md.content_hash(replace(frames, species=("Zn", "N", "C", "N", "H"))) != h5md.content_hash(frames)
    assert h5md.content_hash(replace(frames, masses=None)) != h5md.content_hash(frames)
    assert h5md.content_hash(replace(frames, stress_content="total")) != h5md.content_hash(frames)
    bits = np.where(frames.stresses == frames.stresses, frames.stresses, np.float64(-np.nan))
    assert h5md.content_hash(replace(frames, stresses=bits)) == h5md.content_hash(frames)


def test_other_files_are_refused_in_a_sentence(tmp_path):
    """Text, a cut file, another HDF5 file and an empty set of frames are refused by a sentence."""
    (tmp_path / "text").write_text("no")
    with pytest.raises(ValueError, match="cannot be read as an HDF5 file"):
        h5md.H5md(tmp_path / "text")
    h5md.write(tmp_path / "t.h5", make_frames(), creator_version="1")
    (tmp_path / "cut").write_bytes((tmp_path / "t.h5").read_bytes()[:-2000])
    with pytest.raises(ValueError, match="cannot be read as an HDF5 file"):
        h5md.H5md(tmp_path / "cut")
    with h5py.File(tmp_path / "other", "w") as file:
        file["x"] = 1
    with pytest.raises(ValueError, match="the file lacks particles/trajectory/position"):
        h5md.H5md(tmp_path / "other")
    with pytest.raises(ValueError, match="0 frames were given"):
        h5md.write(tmp_path / "none", make_frames().select(slice(0, 0)), creator_version="1")


def test_a_file_of_the_repository_kind_is_read_through_its_handle(tmp_path):
    """An open binary handle will do: AiiDA gives no path."""
    h5md.write(str(tmp_path / "t.h5"), make_frames(), creator_version="1")
    with Path(tmp_path / "t.h5").open("rb") as handle, h5md.H5md(handle) as file:
        assert file.array("energies", 2).shape == (1,)
