# SPDX-License-Identifier: MIT
"""The arrays behind the figures, read from the nodes of a pipeline; names and numbers only, so that figures need no AiiDA."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from aiida.orm import Node, ProcessNode
from numpy.typing import NDArray

from aiida_zif.report import graph, words
from aiida_zif.report.glasses import analysis_of, replicas
from aiida_zif.report.trained import Trained, arrays_of
from aiida_zif.report.trained import collect as collect_trained
from aiida_zif.science.coordination import coordination
from aiida_zif.science.units import FS_IN_PS

Floats = NDArray[np.float64]
Array = dict[str, Floats]


@dataclass(frozen=True, eq=False)
class StatePoint:
    """One AIMD trajectory."""

    name: str
    """What it was asked for."""
    asked_temperature_k: float | None
    time_ps: Floats
    """``(n_frames,)``, of every frame."""
    temperature_k: Floats
    """``(n_frames,)``, instantaneous."""
    energy_mev_per_atom: Floats
    """``(n_frames,)``, potential energy above the lowest of all state points."""
    used: NDArray[np.bool_]
    """``(n_frames,)``, after equilibration."""


@dataclass(frozen=True, eq=False)
class MeltQuench:
    """One replica in time, from crystal to glass."""

    name: str
    time_ps: Floats
    temperature_k: Floats
    """Of the thermo rows, at ``time_ps``."""
    frame_time_ps: Floats
    coordination: Floats
    """Mean Zn–N coordination of each frame, at ``frame_time_ps``."""
    stages: tuple[tuple[str, float, float], ...]
    """Label, begin and end in ps."""
    breaks_ps: tuple[float, ...] = ()
    """When linkers broke."""


@dataclass(frozen=True, eq=False)
class Curves:
    """All that the figures show. What a pipeline did not come to is empty."""

    state_points: list[StatePoint] = field(default_factory=list)
    trained: dict[str, Trained] = field(default_factory=dict)
    """By model: how it learned, and its predictions of held-out frames."""
    melt_quenches: list[MeltQuench] = field(default_factory=list)
    structures: dict[str, Array] = field(default_factory=dict)
    """By solid, the crystal first: ``r``, ``g_zn_n``, ``n_zn_n``, ``angle``, ``angle_density``."""
    cells: dict[str, Array] = field(default_factory=dict)
    """By solid: ``time_ps`` and ``cell`` ``(n, 3, 3)`` of the strain fluctuation."""


def collect(pipeline: ProcessNode, facts: dict[str, Any]) -> Curves:
    """Return the curves of ``pipeline``; ``facts`` are those of the table, by which solids are named."""
    names = {glass["label"]: words.name_of(glass) for glass in facts["glasses"]}
    structures, cells = {}, {}
    for label, name in (("crystal", "crystal"), *names.items()):
        curves = graph.outputs(analysis_of(pipeline, label)).get("curves")
        if curves is not None:
            structures[name] = arrays_of(curves)
        chain = graph.child(pipeline, f"strain_fluctuation_{label}")
        if (node := graph.outputs(chain).get("cells")) is not None:
            timestep = graph.content(graph.inputs(chain)["run"]).get("timestep_fs", 0.5) if chain is not None else 0.5
            arrays = arrays_of(node)
            cells[name] = {"time_ps": arrays["step"] * timestep * FS_IN_PS, "cell": arrays["cell"]}
    return Curves(
        state_points=_state_points(pipeline, facts),
        trained={model["name"]: one for model in facts["models"] if (one := _trained(pipeline, model["name"])) is not None},
        melt_quenches=[found for label, chain in replicas(pipeline) if (found := melt_quench_of(names[label], chain)) is not None],
        structures=structures,
        cells=cells,
    )


def _trained(pipeline: ProcessNode, name: str) -> Trained | None:
    chain = graph.child(pipeline, f"train_{name}")
    try:
        return None if chain is None else collect_trained(chain, name)
    except ValueError:
        return None


def _state_points(pipeline: ProcessNode, facts: dict[str, Any]) -> list[StatePoint]:
    given = graph.inputs(pipeline)
    points = []
    for row in facts["aimd"]:
        node: Any = given.get(f"trajectories__{row['label']}") or graph.outputs(graph.child(pipeline, row["label"])).get("trajectory")
        if node is None:
            continue
        frames = node.frames(fields=("temperatures", "energies", "steps", "times"))
        if frames.temperatures is None or frames.energies is None:
            continue
        steps = np.arange(len(frames)) if frames.steps is None else frames.steps
        name = f"{row['asked_temperature_k']:.0f} K, V/V₀ = {row['volume_factor']:.2f}" if row["asked_temperature_k"] else row["label"]
        time = steps * node.base.attributes.get("timestep_fs", 0.5) * FS_IN_PS
        energy = 1000 * frames.energies / len(frames.species)
        points.append(StatePoint(name, row["asked_temperature_k"], time, frames.temperatures, energy, steps >= node.first_used_step))
    lowest = min((point.energy_mev_per_atom.min() for point in points), default=0.0)
    for point in points:
        point.energy_mev_per_atom.__isub__(lowest)
    return points


def melt_quench_of(name: str, chain: ProcessNode) -> MeltQuench | None:
    """Return the replica in time: of one that failed on the way, what its jobs left."""
    found, run = graph.outputs(chain), graph.content(graph.inputs(chain).get("run"))
    thermo = [found[port] for port in ("thermo_melt", "thermo_glass") if port in found] or _of_jobs(chain, "thermo")
    trajectories = [found[port] for port in ("trajectory_melt", "trajectory_glass") if port in found] or _of_jobs(chain, "trajectory")
    if not thermo:
        return None
    scale = run.get("timestep_fs", 0.5) * FS_IN_PS
    rows = [arrays_of(node) for node in thermo]
    seen = [(frames.steps, coordination(frames, "Zn", "N", 2.5).mean) for node in trajectories if (frames := _positions(node)) is not None]
    step = np.concatenate([part["step"] for part in rows])
    frame_steps = np.concatenate([steps for steps, _ in seen]) if seen else np.empty(0)
    around = np.concatenate([values for _, values in seen]) if seen else np.empty(0)
    order = np.argsort(frame_steps, kind="stable")
    jobs = [step.node for step in graph.walk(chain) if step.node.process_label == "MdWorkChain"]
    whole = graph.content(found.get("run") or (graph.inputs(jobs[-1]).get("run") if jobs else None)).get("stages", [])
    breaks = {one["step"] for job in jobs for one in graph.content(graph.outputs(job).get("linkers")).get("breaks", [])}
    return MeltQuench(
        name, step * scale, np.concatenate([part["temperature"] for part in rows]), frame_steps[order] * scale, around[order],
        tuple(_spans(whole, scale)), tuple(sorted(step * scale for step in breaks if step is not None)),
    )  # fmt: skip


def _positions(node: Any) -> Any:
    frames = node.frames(fields=("positions", "cells", "steps"))
    return frames if frames.steps is not None else None


def _of_jobs(chain: ProcessNode, port: str) -> list[Node]:
    """Return what each MD of a chain put out; of one that failed before it could, what its jobs did."""
    found = []
    for step in graph.walk(chain):
        if step.node.process_label != "MdWorkChain":
            continue
        made = graph.outputs(step.node)
        jobs = [graph.outputs(below.node) for below in graph.walk(step.node) if below.node.process_label == "LammpsMdCalculation"]
        found += [made[port]] if port in made else [job[port] for job in jobs if port in job]
    return found


def _spans(stages: list[dict[str, Any]], scale: float) -> list[tuple[str, float, float]]:
    spans, begin = [], 0
    for stage in stages:
        end = begin + stage["steps"]
        spans.append((str(stage["label"]), begin * scale, end * scale))
        begin = end
    return spans
