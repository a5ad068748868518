# SPDX-License-Identifier: MIT
"""Trajectory nodes: what goes in comes out, what a query asks is there, equal content is equal."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiida.common.exceptions import ValidationError
from aiida.manage.caching import enable_caching
from aiida.orm import QueryBuilder, load_node

from aiida_zif.calculations.functions.trajectory import join_trajectories
from aiida_zif.data.trajectory import ZifTrajectoryData, summarise
from aiida_zif.formats import h5md
from aiida_zif.science.frames import FIELDS


def test_frames_survive_the_repository(make_frames: Callable[..., Any]) -> None:
    """Every field of every frame comes back from a stored node, to the last bit."""
    frames = make_frames(5)
    node = ZifTrajectoryData.from_frames(frames).store()
    found = load_node(node.pk).frames()
    for name in FIELDS:
        expected, value = getattr(frames, name), getattr(found, name)
        assert (value is None) == (expected is None), name
        assert value is None or np.array_equal(np.asarray(value), np.asarray(expected)), name


def test_equal_content_gives_an_equal_hash(make_frames: Callable[..., Any]) -> None:
    """Two nodes made apart of the same frames have one hash; one frame of another seed changes it."""
    first, second = (ZifTrajectoryData.from_frames(make_frames(3), kind="aimd") for _ in range(2))
    assert first.store().base.caching.compute_hash() == second.store().base.caching.compute_hash()
    other = ZifTrajectoryData.from_frames(make_frames(3, seed=2), kind="aimd")
    assert other.store().base.caching.compute_hash() != first.store().base.caching.compute_hash()


def test_hash_is_that_of_the_content_not_of_the_file(make_frames: Callable[..., Any], tmp_path: Path) -> None:
    """Another compression, another version of the writer: another file, the same hash; another fact or another frame: another hash."""
    import h5py

    path = tmp_path / "t.h5md"
    h5md.write(path, make_frames(3), creator_version="0.0.1")
    with h5py.File(path, "r+") as file:
        position = file["particles/trajectory/position"]
        values, unit = position["value"][()], position["value"].attrs["unit"]
        del position["value"]
        position.create_dataset("value", data=values).attrs["unit"] = unit
    ours = ZifTrajectoryData.from_frames(make_frames(3), kind="aimd").store()
    theirs = ZifTrajectoryData.from_file(path, kind="aimd").store()
    assert ours.base.repository.hash() != theirs.base.repository.hash()
    assert ours.content_hash == theirs.content_hash
    assert ours.base.caching.compute_hash() == theirs.base.caching.compute_hash()
    with enable_caching():
        joined, again = (join_trajectories(segment=node) for node in (ours, theirs))
    assert again.creator.base.caching.get_cache_source() == joined.creator.uuid
    other = ZifTrajectoryData.from_file(path, kind="md").store()
    assert other.base.caching.compute_hash() != theirs.base.caching.compute_hash()


def test_file_becomes_a_node_as_its_frames_do(make_frames: Callable[..., Any], tmp_path: Path) -> None:
    """A file written batch after batch gives the node of the frames, scalars included; a believed hash is the computed one."""
    frames = make_frames(9)
    with h5md.Writer(tmp_path / "t.h5md", unwrapped=True, creator_version="1") as writer:
        for begin in range(0, 9, 2):
            writer.append(frames.select(slice(begin, begin + 2)))
    expected = ZifTrajectoryData.from_frames(frames, unwrapped=True, kind="aimd").base.attributes.all
    for verify in (True, False):
        assert ZifTrajectoryData.from_file(tmp_path / "t.h5md", verify=verify, kind="aimd").base.attributes.all == expected
    assert summarise(frames).items() <= expected.items()


def test_positions_may_be_rarer_than_cells(make_frames: Callable[..., Any]) -> None:
    """With a stride the scalars are those of all frames, and the frames those that have positions."""
    frames = make_frames(10, energies=np.arange(10.0))
    node = ZifTrajectoryData.from_frames(frames, position_stride=4).store()
    assert (node.n_frames, node.base.attributes.get("position_stride"), node.base.attributes.get("step_last")) == (3, 4, 9)
    assert node.base.attributes.get("energy_ev")["mean"] == 4.5
    assert node.frames().steps.tolist() == [0, 4, 8]
    with node.h5md() as file:
        assert file.series("cells").shape == (10, 3, 3)
    whole = ZifTrajectoryData.from_frames(frames).store()
    assert whole.base.caching.compute_hash() != node.base.caching.compute_hash()


class Counting:
    """A binary handle that counts what is read through it."""

    def __init__(self, handle: Any) -> None:
        self.handle, self.n_bytes = handle, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.handle, name)

    def readinto(self, buffer: Any) -> int:
        self.n_bytes += (n := self.handle.readinto(buffer))
        return int(n)


def test_frames_are_read_from_the_repository_in_parts(make_trajectory: Callable[..., Any]) -> None:
    """Of a stored node only what holds the asked frames leaves the disk."""
    node = make_trajectory(3000).store()
    with node.open(mode="rb") as handle, h5md.H5md(counting := Counting(handle)) as file:  # type: ignore[arg-type]
        assert file.read([5, 2900], ("energies",)).steps is None
        assert counting.n_bytes < node.base.repository.get_object_size("trajectory.h5md") / 10


@pytest.mark.parametrize("content", [b"", b"no file of frames", None])
def test_other_files_are_refused_in_a_sentence(make_frames: Callable[..., Any], tmp_path: Path, content: bytes | None) -> None:
    """Nothing, text, and a file cut short: one sentence, no node."""
    path = tmp_path / "t.h5md"
    if content is None:
        h5md.write(path, make_frames(20), creator_version="1")
        content = path.read_bytes()[:-500]
    path.write_bytes(content)
    with pytest.raises(ValueError, match="cannot be read as an HDF5 file"):
        ZifTrajectoryData.from_file(path)


def test_position_that_is_no_number_is_refused(make_frames: Callable[..., Any]) -> None:
    """The step is named."""
    frames = make_frames(3)
    frames.positions[1, 4, 0] = np.nan
    with pytest.raises(ValueError, match="the positions of step 1 are not all numbers"):
        ZifTrajectoryData.from_frames(frames)


def test_node_without_its_facts_is_not_stored(tmp_path: Path) -> None:
    """A file put into a node by hand says how to do it."""
    (tmp_path / "x").write_text("x")
    with pytest.raises(ValidationError, match="make it by `from_frames`"):
        ZifTrajectoryData(file=tmp_path / "x").store()


def test_scalars_answer_a_query(make_frames: Callable[..., Any]) -> None:
    """Number of frames, elements, temperature, energies, volume and steps are attributes that a query filters by."""
    frames = make_frames(4, first_step=10)
    node = ZifTrajectoryData.from_frames(frames, kind="aimd", asked_temperature_k=300.0).store()
    filters = {
        "attributes.n_frames": 4, "attributes.n_atoms": 34, "attributes.elements": {"contains": ["Zn"]},
        "attributes.temperature_k": {"and": [{">": 250}, {"<": 350}]}, "attributes.step_first": 10, "attributes.step_last": 13,
        "attributes.asked_temperature_k": 300.0,
    }  # fmt: skip
    assert node.pk in QueryBuilder().append(ZifTrajectoryData, filters=filters, project="id").all(flat=True)
    facts = node.base.attributes.all
    assert facts["energy_ev"]["mean"] == pytest.approx(frames.energies.mean())
    assert facts["volume_angstrom3"] == pytest.approx(frames.volumes.mean())
    assert facts["fields"] == sorted(["positions", "cells", "energies", "forces", "stresses", "steps", "temperatures"])


def test_one_file_holds_all(make_trajectory: Callable[..., Any]) -> None:
    """One copy, under a fixed name."""
    assert make_trajectory().base.repository.list_object_names() == ["trajectory.h5md"]


def test_frames_are_read_by_choice(make_trajectory: Callable[..., Any]) -> None:
    """Indices choose frames, names choose fields; a field that is not there is left out, not an error."""
    node = make_trajectory(6)
    found = node.frames([1, 4], fields=("positions", "steps", "velocities"))
    assert found.steps.tolist() == [1, 4]
    assert found.energies is None
    assert found.velocities is None


def test_equilibration_is_not_used(make_trajectory: Callable[..., Any]) -> None:
    """The used frames begin at ``first_used_step``."""
    assert make_trajectory(6, first_used_step=4).used_frames().steps.tolist() == [4, 5]


def test_no_frame_is_refused(make_frames: Callable[..., Any]) -> None:
    """A trajectory of nothing is refused in one sentence."""
    with pytest.raises(ValueError, match="at least one frame"):
        ZifTrajectoryData.from_frames(make_frames(2).select([]))


def test_stored_node_is_opened_by_a_stranger(make_frames: Callable[..., Any]) -> None:
    """MDAnalysis opens the file of a node by its name alone, h5py from the repository without a copy."""
    import h5py

    frames = make_frames(5)
    node = ZifTrajectoryData.from_frames(frames).store()
    with node.open(mode="rb") as handle, h5py.File(handle, "r") as file:
        np.testing.assert_array_equal(file["particles/trajectory/position/value"][3], frames.positions[3])
    mda = pytest.importorskip("MDAnalysis", reason="MDAnalysis is not installed: no stranger can open the file here")
    with node.as_path() as path, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        universe = mda.Universe(str(path))
        np.testing.assert_allclose(universe.trajectory[3].positions, frames.positions[3], atol=1e-5)
        universe.trajectory.close()
