# SPDX-License-Identifier: MIT
"""Writing batch after batch: equal bytes and equal hash whatever the batches, two strides, and nothing left of what is refused."""

from __future__ import annotations

import hashlib
import itertools
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_zif.formats import h5md, h5md_layout
from aiida_zif.science.frames import PER_FRAME, Frames

SPECIES = ("Zn", "N", "C")


def make(n_frames: int, seed: int = 0, species: tuple[str, ...] = SPECIES, **changes: Any) -> Frames:
    rng = np.random.default_rng(seed)
    n = len(species)
    fields = {
        "positions": rng.normal(size=(n_frames, n, 3)), "cells": np.eye(3) * 10 + rng.normal(size=(n_frames, 3, 3)),
        "energies": rng.normal(size=n_frames), "forces": rng.normal(size=(n_frames, n, 3)), "stresses": rng.normal(size=(n_frames, 6)),
        "steps": np.arange(n_frames) * 2 + 1, "times": np.arange(n_frames) * 0.001, "temperatures": rng.uniform(1, 2, n_frames),
        "masses": np.arange(1.0, n + 1),
    }  # fmt: skip
    return Frames(species=species, **{**fields, **changes})


def written(path: Path, frames: Frames, cuts: Sequence[int] = (), **options: Any) -> str:
    """Write ``frames`` in batches that end at ``cuts``; return the sha256 of the file."""
    edges = [0, *sorted(cuts), len(frames)]
    with h5md.Writer(path, creator_version="1", **options) as writer:
        for begin, end in itertools.pairwise(edges):
            writer.append(frames.select(slice(begin, end)))
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of four frames and blocks of twelve, so that a few dozen frames show what millions do."""
    monkeypatch.setattr(h5md_layout, "CHUNK_BYTES", 4 * 72)
    monkeypatch.setattr(h5md_layout, "BLOCK_BYTES", 14 * 72)


@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(0, 50), max_size=6), stride=st.sampled_from([1, 3, 20]), known=st.booleans())
def test_batches_leave_no_trace(tmp_path_factory: pytest.TempPathFactory, cuts: list[int], stride: int, known: bool) -> None:
    """The same frames in any batches give the same bytes, and the hash that they have in memory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(h5md_layout, "CHUNK_BYTES", 4 * 72)
        patch.setattr(h5md_layout, "BLOCK_BYTES", 14 * 72)
        folder = tmp_path_factory.mktemp("batches")
        frames = make(50) if known else make(50, steps=None, times=None, stresses=None, masses=None)
        assert written(folder / "a", frames, position_stride=stride) == written(folder / "b", frames, cuts, position_stride=stride)
        digest = h5md.ContentHash(stride)
        for begin in range(0, 50, 7):
            digest.update(frames.select(slice(begin, begin + 7)))
        with h5md.H5md(folder / "b") as file:
            assert file.verify() == file.content_hash == digest.hexdigest()


def test_chunks_depend_on_the_frame_only(tmp_path: Path) -> None:
    """One frame and a hundred have the same chunks: some kB of whole frames."""
    shapes = []
    for n in (1, 100):
        h5md.write(tmp_path / "t.h5", make(n), creator_version="1")
        with h5py.File(tmp_path / "t.h5") as file:
            shapes.append((file["particles/trajectory/position/value"].chunks, file["observables/potential_energy/value"].chunks))
    assert shapes[0] == shapes[1] == ((64 * 1024 // 72, 3, 3), (8192,))


@pytest.mark.usefixtures("small_blocks")
def test_positions_may_stand_at_every_third_frame(tmp_path: Path) -> None:
    """Frames are those with positions, all their fields of the same step; the series of the other fields are whole."""
    frames = make(50)
    h5md.write(tmp_path / "t.h5", frames, creator_version="1", position_stride=3)
    with h5md.H5md(tmp_path / "t.h5") as file:
        assert (file.n_frames, file.position_stride) == (17, 3)
        found, expected = file.read(), frames.select(slice(0, None, 3))
        for name in PER_FRAME:
            value = getattr(frames, name)
            if value is None:
                assert getattr(found, name) is None
                continue
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)
            thin = name in ("positions", "forces")
            np.testing.assert_array_equal(file.series(name), value[::3] if thin else value, err_msg=name)
            np.testing.assert_array_equal(file.steps_of(name), frames.steps[::3] if thin else frames.steps)
        assert file.read([4]).steps == [25]
        np.testing.assert_array_equal(np.concatenate([part.positions for part in file.batches()]), expected.positions)


def test_layout_with_a_stride_is_h5md(tmp_path: Path) -> None:
    """Cell and observables at the places of the standard share step and time with the positions; the rest has its own."""
    h5md.write(tmp_path / "t.h5", make(10), creator_version="1", position_stride=4)
    with h5py.File(tmp_path / "t.h5") as file:
        position = file["particles/trajectory/position"]
        for place in ("particles/trajectory/box/edges", "observables/potential_energy", "observables/trajectory/force"):
            assert file[place]["step"] == position["step"]
            assert len(file[place]["value"]) == len(position["value"]) == 3
        every = file["parameters/every_frame"]
        assert len(every["edges/value"]) == len(every["step"]) == len(every["stress/time"]) == 10
        assert every["edges/value"].attrs["unit"] == "Angstrom"


@pytest.mark.parametrize("content", ["virial", "estimated", "total"])
def test_stress_says_what_it_holds(tmp_path: Path, content: str) -> None:
    """The word comes back with the frames, and the file has a sentence for strangers."""
    h5md.write(tmp_path / "t.h5", replace(make(2), stress_content=content), creator_version="1")
    with h5md.H5md(tmp_path / "t.h5") as file:
        assert file.read().stress_content == file.stress_content == content
    with h5py.File(tmp_path / "t.h5") as file:
        assert ("kinetic" in file["observables/stress"].attrs["convention"]) == (content != "virial")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"positions": np.full((2, 3, 3), np.nan)}, "the positions of step 1 are not all numbers"),
        ({"cells": np.full((2, 3, 3), np.inf), "steps": None}, "the cells of frame 3 are not all numbers"),
        ({"masses": None}, "other masses"),
        ({"forces": None}, "after frames with positions, cells, energies, forces"),
        ({"stress_content": "total"}, r"stresses \(total\)"),
        ({"species": ("Zn", "N", "N")}, "other atoms"),
    ],
)
def test_what_does_not_fit_is_refused_and_leaves_nothing(tmp_path: Path, changes: dict[str, Any], sentence: str) -> None:
    """One sentence, and no file."""

    def write() -> None:
        with h5md.Writer(tmp_path / "t.h5", creator_version="1") as writer:
            writer.append(make(3))
            writer.append(replace(make(2), **changes))

    with pytest.raises(ValueError, match=sentence):
        write()
    assert not (tmp_path / "t.h5").exists()


def test_nothing_and_a_stride_of_nothing_are_refused(tmp_path: Path) -> None:
    """No frame, no atom, no stride."""
    with pytest.raises(ValueError, match="0 frames were given"), h5md.Writer(tmp_path / "t.h5", creator_version="1"):
        pass
    with pytest.raises(ValueError, match="at least one atom"):
        h5md.write(tmp_path / "t.h5", make(2, species=()), creator_version="1")
    with pytest.raises(ValueError, match="the stride of positions is 0"):
        h5md.Writer(tmp_path / "t.h5", creator_version="1", position_stride=0)
    assert not list(tmp_path.iterdir())


def test_damage_is_seen(tmp_path: Path) -> None:
    """A changed number, a number that is none, a cut chunk, another unit, a series cut short: one sentence each."""
    place = "particles/trajectory/position/value"

    def damaged(change: Any) -> Path:
        h5md.write(tmp_path / "t.h5", make(5), creator_version="1")
        with h5py.File(tmp_path / "t.h5", "r+") as file:
            change(file)
        return tmp_path / "t.h5"

    def verify(path: Path) -> None:
        with h5md.H5md(path) as file:
            file.verify()

    def set_value(value: float) -> Any:
        return lambda file: file[place].__setitem__((2, 1, 0), value)

    with pytest.raises(ValueError, match="was changed or damaged"):
        verify(damaged(set_value(0.5)))
    with pytest.raises(ValueError, match="positions from frame 0 on are not all numbers"):
        verify(damaged(set_value(np.nan)))
    with pytest.raises(ValueError, match="energies of the file are in Hartree, not in eV"):
        verify(damaged(lambda file: file["observables/potential_energy/value"].attrs.__setitem__("unit", "Hartree")))
    with pytest.raises(ValueError, match="5 frames, but 4 energies"):
        verify(damaged(lambda file: file["observables/potential_energy/value"].resize(4, axis=0)))
    with pytest.raises(ValueError, match="known are virial, estimated, total"):
        verify(damaged(lambda file: file["observables/stress"].attrs.__setitem__("content", "heat")))
    path = damaged(lambda file: None)
    with h5py.File(path) as file:
        chunk = file[place].id.get_chunk_info(0)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset + 20 : chunk.byte_offset + 40] = bytes(20)
    path.write_bytes(content)
    with pytest.raises(ValueError, match="positions from frame 0 on cannot be read"):
        verify(path)


def test_memory_does_not_grow_with_the_frames(tmp_path: Path) -> None:
    """Writing, checking and choosing hold a few blocks at a time, of five times as many frames not more."""
    peaks = []
    for n_batches in (12, 60):
        tracemalloc.start()
        with h5md.Writer(tmp_path / "t.h5", creator_version="1") as writer:
            for k in range(n_batches):
                writer.append(make(60, seed=k, species=SPECIES * 91))
        with h5md.H5md(tmp_path / "t.h5") as file:
            file.verify()
            for part in file.batches(slice(0, None, 2)):
                assert len(part)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0] + 2**20
    assert peaks[1] < 100 * 2**20
