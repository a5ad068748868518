# SPDX-License-Identifier: MIT
"""Trajectories: joining segments, and the audit of labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from aiida.engine import calcfunction
from aiida.orm import ArrayData, Data, Dict, Float, Int, StructureData
from numpy.typing import NDArray

from aiida_zif import __version__
from aiida_zif.calculations.job import structure_arrays
from aiida_zif.data import audit
from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.formats import h5md
from aiida_zif.science.frames import Frames, concatenate


@calcfunction
def join_trajectories(**segments: ZifTrajectoryData) -> ZifTrajectoryData:
    """Return one trajectory of all segments in the order of their names; a step that two of them hold counts once, as last run.

    Frames are those with positions, fields those that all segments have; no more than some MB are in memory at a time.
    """
    nodes = [segments[name] for name in sorted(segments)]
    inherited = ("kind", "timestep_fs", "asked_temperature_k", "method", "first_used_step", "stress")
    facts = {name: value for name in inherited if (value := nodes[0].base.attributes.get(name, None)) is not None}
    with ExitStack() as stack:
        files = [stack.enter_context(node.h5md()) for node in nodes]
        path = Path(stack.enter_context(TemporaryDirectory())) / ZifTrajectoryData.FILENAME
        fields = [name for name in files[0].fields if all(name in file.fields for file in files)]
        masses = concatenate([file.read([0], ()) for file in files]).masses
        bad: set[int] = set()
        for node, file in zip(nodes, files, strict=True):
            # what was run again is as good as it was the last time
            bad -= set(file.array("steps").tolist() if "steps" in file.fields else ())
            bad |= set(node.base.attributes.get("unconverged_steps", []))
        with h5md.Writer(path, unwrapped=files[0].unwrapped, creator_version=__version__) as writer:
            for number, rows in _order(files, "steps" in fields):
                for batch in files[number].batches(rows, fields):
                    writer.append(replace(batch, masses=masses))
        return ZifTrajectoryData.from_file(path, verify=False, **facts, unconverged_steps=sorted(bad))


def _order(files: Sequence[h5md.H5md], has_steps: bool) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Yield the number of a file and the rows to take of it, in the order of their steps where these are known."""
    owner = np.repeat(np.arange(len(files)), [file.n_frames for file in files])
    row = np.concatenate([np.arange(file.n_frames) for file in files])
    if has_steps:
        steps = np.concatenate([file.array("steps") for file in files])
        _, last = np.unique(steps[::-1], return_index=True)
        owner, row = (values[len(steps) - 1 - last] for values in (owner, row))
    for part in np.split(np.arange(len(row)), np.flatnonzero(np.diff(owner)) + 1):
        yield int(owner[part[0]]), row[part]


@calcfunction
def still(structure: StructureData) -> ZifTrajectoryData:
    """Return a trajectory of one frame, the structure: what is analysed as a trajectory may be a structure, too."""
    species, positions, cell = structure_arrays(structure)
    frames = Frames(species=species, positions=positions[None], cells=cell[None], steps=np.zeros(1, dtype=np.int64))
    return ZifTrajectoryData.from_frames(frames, kind="structure")


@calcfunction
def join_arrays(**segments: ArrayData) -> ArrayData:
    """Return one ArrayData: the rows of all segments in the order of their names, unique by their ``step`` column."""
    nodes = [segments[name] for name in sorted(segments)]
    names = [name for name in nodes[0].get_arraynames() if all(name in node.get_arraynames() for node in nodes)]
    joined = {name: np.concatenate([node.get_array(name) for node in nodes]) for name in names}
    _, last = np.unique(joined["step"][::-1], return_index=True)
    result = ArrayData()
    for name, values in joined.items():
        result.set_array(name, values[len(values) - 1 - last])
    result.base.attributes.set_many({key: value for key, value in nodes[0].base.attributes.all.items() if key.startswith("units|")})
    result.base.attributes.set("stages", nodes[-1].base.attributes.get("stages", []))
    return result


@calcfunction
def count_in_longer_steps(segment: Data, factor: Int) -> Data:
    """Return a trajectory, or the arrays, of a segment whose time step was divided by ``factor``, counted in the steps asked for.

    Strides were multiplied, so that only what was printed where a job happened to stop lies between the steps asked for: it is left out.
    """
    k = factor.value
    if isinstance(segment, ZifTrajectoryData):
        frames = segment.frames()
        rows = np.flatnonzero(frames.steps % k == 0)
        facts = {name: value for name in ("kind", "stages") if (value := segment.base.attributes.get(name, None)) is not None}
        timestep = segment.base.attributes.get("timestep_fs") * k
        kept = frames.select(rows)
        return ZifTrajectoryData.from_frames(replace(kept, steps=kept.steps // k), unwrapped=True, timestep_fs=timestep, **facts)
    rows = segment.get_array("step") % k == 0
    result = ArrayData()
    for name in segment.get_arraynames():
        values = segment.get_array(name)[rows]
        result.set_array(name, values / k if name == "step" else values)
    result.base.attributes.set_many({key: value for key, value in segment.base.attributes.all.items() if key.startswith("units|")})
    result.base.attributes.set("stages", segment.base.attributes.get("stages", []))
    return result


@calcfunction
def join_results(asked: Dict, **segments: Dict) -> Dict:
    """Return the facts of the last segment in steps of ``timestep_fs`` asked for, the costs of all added, the time steps used by step.

    ``asked`` holds ``timestep_fs`` and ``steps`` of the run. Steps that were run again count with the time step of the last time.
    """
    parts = [segments[name].get_dict() for name in sorted(segments)]
    length = asked["timestep_fs"]
    used: list[dict[str, float]] = []
    for part in parts:
        for one in part.get("timesteps", []):
            share = one["timestep_fs"] / length
            first, last = one["first_step"] * share, one["last_step"] * share
            used = [{**old, "last_step": min(old["last_step"], first)} for old in used if old["first_step"] < first]
            if used and used[-1]["timestep_fs"] == one["timestep_fs"] and used[-1]["last_step"] == first:
                used[-1]["last_step"] = last
            else:
                used.append({"first_step": first, "last_step": last, "timestep_fs": one["timestep_fs"]})
    facts = {**parts[-1], "timesteps": used, "segments": len(parts), "asked_step": asked["steps"]}
    share = parts[-1].get("timesteps", [{"timestep_fs": length}])[-1]["timestep_fs"] / length
    facts |= {name: facts[name] * share for name in ("last_step", "restart_step", "first_bad_step") if facts.get(name) is not None}
    costs = ("job_wall_s", "core_s", "wall_s", "cpu_s")
    facts |= {name: sum(part[name] or 0 for part in parts if name in part) for name in costs if any(name in part for part in parts)}
    return Dict(facts)


@calcfunction
def audit_trajectory(trajectory: ZifTrajectoryData, tolerance: Float) -> Dict:
    """Say whether the labels of the used part are fit to train on (``science.audit``), and which of its frames are not."""
    attributes = trajectory.base.attributes
    asked = {"asked_temperature_k": attributes.get("asked_temperature_k", None), "first_used_step": trajectory.first_used_step}
    return Dict({**audit.facts(audit.audit_node(trajectory, tolerance.value)), **asked})
