# SPDX-License-Identifier: MIT
"""A structural analysis beside the data: what the job is told, a trajectory streamed through it, and what comes home."""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_zif.formats.h5md import H5md
from aiida_zif.science.analysis import Analysis, Plan, Result, plan_of
from aiida_zif.science.frames import Frames
from aiida_zif.science.linkers import Topology

JOB, SUMMARY, CURVES = "analysis_job.json", "analysis.json", "analysis.npz"
"""What the job reads beside the trajectory, and what it writes."""


@dataclass(frozen=True, eq=False)
class Job:
    """One analysis. The linkers were found before: to follow them needs no table of elements."""

    topology: Topology
    masses: NDArray[np.float64]
    """``(n_atoms,)``, amu."""
    plan: Plan
    first_step: int = 0
    last_step: int | None = None


def parameters_of(given: Mapping[str, Any]) -> tuple[Plan, int, int | None]:
    """Return plan, first and last step of what a user writes. Raises ``ValueError`` in one sentence for what makes no sense."""
    rest = dict(given)
    first, last = rest.pop("first_step", 0), rest.pop("last_step", None)
    if not isinstance(first, int) or not (last is None or isinstance(last, int)):
        raise ValueError(f"first_step is {first!r} and last_step {last!r}; give whole numbers")
    return plan_of(rest), first, last


def render(job: Job) -> str:
    """Return the job as text: JSON, in one order, so that equal jobs are equal files."""
    topology = job.topology
    content = {
        "species": list(topology.species), "bonds": topology.bonds.tolist(), "linker_of": topology.linker_of.tolist(),
        "linker_kinds": list(topology.linker_kinds), "masses": job.masses.tolist(), "plan": job.plan.__dict__,
        "first_step": job.first_step, "last_step": job.last_step,
    }  # fmt: skip
    return json.dumps(content, sort_keys=True) + "\n"


def parse(text: str) -> Job:
    """Return the job of a text. Raises ``ValueError`` in one sentence for what is none."""
    try:
        found = json.loads(text)
        bonds = np.array(found["bonds"], dtype=np.int64).reshape(-1, 2)
        kinds = tuple(found["linker_kinds"])
        topology = Topology(bonds, np.array(found["linker_of"], dtype=np.int64), len(kinds), tuple(found["species"]), kinds)
        return Job(topology, np.array(found["masses"], float), plan_of(found["plan"]), found["first_step"], found["last_step"])
    except (KeyError, TypeError, json.JSONDecodeError) as problem:
        raise ValueError(f"{JOB} is no job of an analysis: {type(problem).__name__} {problem}") from problem


def run(file: H5md, job: Job) -> Result:
    """Return the analysis of the frames of the steps asked for, some MB of them in memory at a time.

    Raises ``ValueError`` in one sentence where there is no such frame, or the atoms are others.
    """
    which: NDArray[np.intp] = np.arange(file.n_frames)
    if "steps" in file.fields:
        steps = file.array("steps")
        which = np.flatnonzero((steps >= job.first_step) & (steps <= (steps[-1] if job.last_step is None else job.last_step)))
        if not len(which):
            raise ValueError(
                f"no frame lies between step {job.first_step} and {'the last' if job.last_step is None else job.last_step}; the trajectory "
                f"has {len(steps)} frames from step {steps[0]} to {steps[-1]}"
            )
    running = Analysis(job.topology, job.masses, len(which), job.plan)
    fields = [name for name in ("steps", "times", "temperatures") if name in file.fields]
    for batch in file.batches(which, fields):
        running.add(_known(batch))
    return running.result()


def _known(frames: Frames) -> Frames:
    return frames if frames.temperatures is None or np.isfinite(frames.temperatures).all() else Frames(
        frames.species, frames.positions, frames.cells, steps=frames.steps, times=frames.times
    )  # fmt: skip


def write(result: Result, folder: Path, facts: Mapping[str, Any]) -> None:
    """Write curves and, last of all, the summary: where it is, all is there."""
    with (folder / CURVES).open("wb") as handle:
        np.savez_compressed(handle, **{name: values for name, (values, _) in result.curves.items()})
    units = {name: unit for name, (_, unit) in result.curves.items()}
    (folder / SUMMARY).write_text(json.dumps(finite({"summary": result.summary, "units": units, "facts": dict(facts)})) + "\n")


def read(folder: Path) -> tuple[Result, dict[str, Any]]:
    """Return what :func:`write` wrote, and the facts. Raises ``ValueError`` in one sentence for what is cut."""
    try:
        found = json.loads((folder / SUMMARY).read_text())
        with np.load(folder / CURVES, allow_pickle=False) as arrays:
            curves = {name: (np.asarray(arrays[name]), unit) for name, unit in found["units"].items()}
        return Result(found["summary"], curves), found["facts"]
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, EOFError) as problem:
        raise ValueError(f"the results of the analysis are not whole: {problem}") from problem


def finite(value: Any) -> Any:
    """Return ``value`` with ``None`` for every number that is none, as JSON knows no others; keys become text."""
    if isinstance(value, Mapping):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def batches_of(frames: Frames, size: int = 64) -> Iterator[Frames]:
    """Yield the frames, ``size`` at a time."""
    for begin in range(0, len(frames), size):
        yield frames.select(slice(begin, begin + size))
