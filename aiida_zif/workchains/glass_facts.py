# SPDX-License-Identifier: MIT
"""What the graph below a melt-quench tells that none of its outputs does: cost, versions, time steps, linkers at risk by temperature."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from aiida.common.exceptions import NotExistent
from aiida.orm import CalcJobNode, Data, Dict, Node, ProcessNode, load_node

from aiida_zif.formats.lammps_run import MdRun
from aiida_zif.science.units import FS_IN_PS

SECONDS_IN_HOUR = 3600.0
PS_IN_NS = 1000.0
BIN_K = 100.0
"""Width of the temperature bins of the hazard."""


def cost(node: ProcessNode) -> dict[str, Any]:
    """Return hours and versions of all jobs below ``node``; those that the cache answered cost nothing here and are counted apart."""
    total: dict[str, Any] = {"jobs": 0, "cached_jobs": 0, "core_hours": 0.0, "gpu_hours": 0.0, "md_steps": 0}
    versions: dict[str, set[str]] = defaultdict(set)
    for job in node.called_descendants:
        if not isinstance(job, CalcJobNode):
            continue
        told = _told(job)
        for name, version in {str(told.get("program")): told.get("version"), **(told.get("versions") or {})}.items():
            if version:
                versions[name].add(str(version))
        if job.base.caching.is_created_from_cache:
            total["cached_jobs"] += 1
            continue
        total["jobs"] += 1
        total["core_hours"] += (told.get("core_s") or 0.0) / SECONDS_IN_HOUR
        total["md_steps"] += told.get("steps") or 0
        if str(told.get("device", "cpu")).startswith(("cuda", "gpu")):
            total["gpu_hours"] += (told.get("ranks") or 1) * (told.get("job_wall_s") or 0.0) / SECONDS_IN_HOUR
    own = node.base.attributes.get("version", {})
    known = {name: ", ".join(sorted(found)) for name, found in sorted(versions.items())}
    return {**total, "versions": {**known, "aiida-core": own.get("core"), "aiida-zif": own.get("plugin")}}


def _told(job: CalcJobNode) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for name in job.outputs:
        if isinstance(job.outputs[name], Dict):
            facts |= job.outputs[name].get_dict()
    return facts


def md_chains(node: ProcessNode) -> list[ProcessNode]:
    """Return the MD below a melt-quench, in the order in which it was run."""
    return [child for child in sorted(node.called, key=lambda one: one.ctime) if child.process_label == "MdWorkChain"]


def timesteps(node: ProcessNode) -> list[float]:
    """Return the time steps that were used, fs, each once: a halved one stands in the results of its chain."""
    found = []
    for chain in md_chains(node):
        told = chain.outputs.results.get_dict() if "results" in chain.outputs else {}
        found += [one["timestep_fs"] for one in told.get("timesteps") or [chain.inputs.run]]
    return sorted(set(found), reverse=True)


def model(potential: Data) -> dict[str, Any]:
    """Return what names the potential: a compiled model is the package that it was compiled from."""
    facts = potential.base.attributes.all
    package: Node = potential
    if facts.get("parent"):
        with suppress(NotExistent):
            package = load_node(facts["parent"])
    told = {**facts, **package.base.attributes.all}
    names = ("architecture", "form", "dataset_hash", "dataset_uuid", "seed")
    return {
        "uuid": facts.get("parent") or str(potential.uuid), "ran_uuid": str(potential.uuid), "node_type": type(potential).__name__,
        "sha256": _sha256(package), **{name: told.get(name) for name in names},
    }  # fmt: skip


def _sha256(node: Node) -> str:
    """Return the hash over the files of a node, in the order of their names."""
    digest = hashlib.sha256()
    for name in sorted(node.base.repository.list_object_names()):
        digest.update(node.base.repository.get_object_content(name, mode="rb"))
    return digest.hexdigest()


def hazard(nodes: Mapping[str, ProcessNode]) -> list[dict[str, Any]]:
    """Return, by bins of the set point, linker nanoseconds at risk and linkers broken, over the melt-quenches ``nodes``."""
    risk: dict[float, float] = defaultdict(float)
    breaks: dict[float, int] = defaultdict(int)
    for node in nodes.values():
        for chain in md_chains(node):
            if "linkers" not in chain.outputs:
                continue
            told, run = chain.outputs.linkers.get_dict(), MdRun.from_dict(chain.inputs.run.get_dict())
            first = chain.inputs.finished_steps.value
            last = chain.outputs.trajectory.base.attributes.get("step_last") if "trajectory" in chain.outputs else run.total_steps
            for temperature, steps in _visited(run, first, last):
                risk[temperature] += told["n_linkers"] * steps * run.timestep_fs * FS_IN_PS / PS_IN_NS
            for one in told["breaks"]:
                step = last if one["step"] is None else one["step"]
                breaks[_bin(_set_point(run, step))] += 1
                # what broke is no longer at risk
                for temperature, steps in _visited(run, step, last):
                    risk[temperature] -= steps * run.timestep_fs * FS_IN_PS / PS_IN_NS
    bins = sorted(set(risk) | set(breaks))
    return [{"from_k": low, "to_k": low + BIN_K, "linker_ns": risk[low], "breaks": breaks[low]} for low in bins]


def unwatched(nodes: Mapping[str, ProcessNode]) -> list[str]:
    """Return the melt-quenches with a run whose linkers were not watched, because it failed first: what broke there is not counted."""
    return [name for name, node in nodes.items() if any("linkers" not in chain.outputs for chain in md_chains(node))]


def _bin(temperature: float) -> float:
    return BIN_K * (temperature // BIN_K)


def _set_point(run: MdRun, step: int) -> float:
    for stage, (begin, end) in zip(run.stages, run.spans, strict=True):
        if step <= end and stage.kind != "minimise":
            return stage.set_point(min(1.0, max(0.0, (step - begin) / stage.steps)))
    return run.stages[-1].set_point(1.0)


def _visited(run: MdRun, first: int, last: int) -> Iterator[tuple[float, float]]:
    """Yield the bin of the set point and the steps in it, for the steps from ``first`` to ``last``; ramps in a hundred parts."""
    parts = 100
    for stage, (begin, end) in zip(run.stages, run.spans, strict=True):
        low, high = max(begin, first), min(end, last)
        if high <= low or stage.kind == "minimise":
            continue
        count = parts if stage.kind == "ramp" else 1
        for k in range(count):
            middle = low + (high - low) * (k + 0.5) / count
            yield _bin(stage.set_point((middle - begin) / stage.steps)), (high - low) / count
