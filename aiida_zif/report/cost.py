# SPDX-License-Identifier: MIT
"""What a pipeline cost: core seconds by stage, and how much of the wall time no job was at work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiida.orm import CalcJobNode, Dict

from aiida_zif.report import graph


def of_pipeline(steps: Sequence[graph.Step]) -> dict[str, Any]:
    """Return the cost of the processes of a pipeline, the first of which is the pipeline itself.

    Only times that an archive keeps are used: when nodes were created, and the seconds that each job's shell wrote. A job is taken to
    have run for these seconds until its files were home; ``aiida_s`` is the wall time that no such stretch covers.
    """
    origin = steps[0].node.ctime.timestamp()
    last = max(node.ctime.timestamp() for step in steps for node in (step.node, *graph.outputs(step.node).values()))
    jobs = [found for step in steps if (found := _job(step, origin)) is not None]
    stages: dict[str, dict[str, Any]] = {}
    for job in jobs:
        stage = stages.setdefault(job["stage"], {"jobs": 0, "cached": 0, "core_s": 0.0, "wall_s": 0.0})
        stage["jobs"] += 1
        stage["cached"] += job["cached"]
        stage["core_s"] = round(stage["core_s"] + (job["core_s"] or 0.0), 1)
        stage["wall_s"] = round(stage["wall_s"] + job["end_s"] - job["start_s"], 1)
    wall = round(last - origin, 1)
    busy = round(covered([(job["start_s"], job["end_s"]) for job in jobs]), 1)
    return {
        "wall_s": wall, "jobs_s": busy, "aiida_s": round(wall - busy, 1), "core_s": round(sum(job["core_s"] or 0.0 for job in jobs), 1),
        "processes": len(steps), "stages": stages, "jobs": jobs,
    }  # fmt: skip


def covered(spans: Sequence[tuple[float, float]]) -> float:
    """Return how long at least one of ``spans`` (begin, end) lasted."""
    total, reached = 0.0, float("-inf")
    for begin, end in sorted(spans):
        total += max(0.0, end - max(begin, reached))
        reached = max(reached, end)
    return total


def _job(step: graph.Step, origin: float) -> dict[str, Any] | None:
    """Return what a CalcJob cost and when it ran, s since the pipeline's start; ``None`` where its files never came home."""
    if not isinstance(step.node, CalcJobNode):
        return None
    found = graph.outputs(step.node)
    if "retrieved" not in found:
        return None
    # what the cache answered cost nothing here, whatever its outputs say of the job that made them
    cached = bool(step.node.base.caching.is_created_from_cache)
    facts = told(found) if not cached else {}
    created, end = step.node.ctime.timestamp() - origin, found["retrieved"].ctime.timestamp() - origin
    wall = facts.get("job_wall_s") or facts.get("wall_s") or 0.0
    return {
        "label": step.label, "stage": step.stage, "start_s": round(max(created, end - wall), 1), "end_s": round(end, 1),
        "core_s": facts.get("core_s"), "host": facts.get("host"), "cached": cached, "uuid": str(step.node.uuid),
    }  # fmt: skip


def told(found: dict[str, Any]) -> dict[str, Any]:
    """Return what the Dict outputs of a job say of program and cost, together."""
    facts: dict[str, Any] = {}
    for name in sorted(found):
        if isinstance(found[name], Dict):
            facts |= found[name].get_dict()
    return facts


def versions(steps: Sequence[graph.Step]) -> dict[str, str]:
    """Return versions by program, from what the programs themselves wrote, and those of AiiDA and plugin from the process nodes."""
    known: dict[str, set[str]] = {}
    for step in steps:
        own = step.node.base.attributes.get("version", {})
        for key, name in (("core", "aiida-core"), ("plugin", "aiida-zif")):
            if own.get(key):
                known.setdefault(name, set()).add(str(own[key]))
        if isinstance(step.node, CalcJobNode):
            facts = told(graph.outputs(step.node))
            if facts.get("program") and facts.get("version"):
                known.setdefault(str(facts["program"]), set()).add(str(facts["version"]))
            for name, version in (facts.get("versions") or {}).items():
                if version:
                    known.setdefault(str(name), set()).add(str(version))
    return {name: ", ".join(sorted(known[name])) for name in sorted(known, key=str.lower)}
