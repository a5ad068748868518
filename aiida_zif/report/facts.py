# SPDX-License-Identifier: MIT
"""What a pipeline found, as plain facts read from the nodes of its graph: equal wherever the archive is opened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiida.orm import CalcJobNode, Node, ProcessNode, StructureData, WorkChainNode

from aiida_zif.report import cost, graph
from aiida_zif.report.glasses import collect_crystal, collect_glasses
from aiida_zif.science.units import FS_IN_PS

THERMOSTAT_AID_FS = 10.0
"""A thermostat faster than this holds a temperature by force, and is an aid to be declared."""


def collect(pipeline: ProcessNode) -> dict[str, Any]:
    """Return the facts of ``pipeline``, finished or not: plain values, with the uuid of each node beside what was read from it.

    Codes, computers, folders and pks do not enter: after an archive was imported elsewhere the facts are equal.
    """
    steps = list(graph.walk(pipeline))
    given, made = graph.inputs(pipeline), graph.outputs(pipeline)
    structure = given["structure"]
    recorded = any(name.startswith("trajectories__") for name in given)
    facts: dict[str, Any] = {
        "pipeline": {
            "uuid": str(pipeline.uuid), "verdict": graph.verdict(pipeline), "finished_ok": bool(pipeline.is_finished_ok),
            "started": pipeline.ctime.isoformat(), "seed": given["seed"].value if "seed" in given else None, "recorded": recorded,
        },
        "structure": _structure(structure, graph.child(pipeline, "make_supercell")),
        "aimd": _recorded(given, structure) if recorded else [_state_point(step, structure) for step in _below(steps, "AimdWorkChain")],
        "labels": _labels([step for step in _below(steps, "Cp2kLabelCalculation") if step.label.startswith("label_")]),
        "active_learning": graph.content(graph.outputs(graph.child(pipeline, "active_learning")).get("rounds")) or None,
        "dataset": _dataset(made.get("dataset") or graph.outputs(graph.child(pipeline, "dataset")).get("dataset")),
        "models": [_model(step, pipeline) for step in _below(steps, "TrainWorkChain")],
        "crystal": collect_crystal(pipeline),
        "glasses": collect_glasses(pipeline),
        "verdicts": [_verdict(step) for step in steps if step.depth and not _is_function(step)],
        "cost": cost.of_pipeline(steps),
        "versions": cost.versions(steps),
    }  # fmt: skip
    facts["aids"] = _aids(given, steps, facts)
    facts["limits"] = _limits(graph.content(given.get("parameters")), facts)
    return facts


def _below(steps: Sequence[graph.Step], name: str) -> list[graph.Step]:
    return [step for step in steps if step.node.process_label == name]


def _is_function(step: graph.Step) -> bool:
    return not isinstance(step.node, (CalcJobNode, WorkChainNode))


def _verdict(step: graph.Step) -> dict[str, Any]:
    node = step.node
    return {
        "label": step.label, "process": node.process_label, "stage": step.stage, "depth": step.depth, "exit_status": node.exit_status,
        "verdict": step.verdict, "uuid": str(node.uuid),
    }  # fmt: skip


def _structure(structure: Node, supercell: ProcessNode | None) -> dict[str, Any]:
    assert isinstance(structure, StructureData)
    large = graph.outputs(supercell).get("result")
    facts = {
        "formula": structure.get_formula(), "n_atoms": len(structure.sites), "volume_angstrom3": structure.get_cell_volume(),
        "uuid": str(structure.uuid), "n_atoms_md": None, "uuid_md": None,
    }  # fmt: skip
    if isinstance(large, StructureData):
        facts |= {"n_atoms_md": len(large.sites), "uuid_md": str(large.uuid)}
    return facts


def _state_point(step: graph.Step, crystal: Any) -> dict[str, Any]:
    """What one AIMD chain was asked for and gave."""
    given, made = graph.inputs(step.node), graph.outputs(step.node)
    run, audit = graph.content(given.get("run")), graph.content(made.get("audit"))
    trajectory = made.get("trajectory")
    structure: Any = given["structure"]
    return {
        "label": step.label, "asked_temperature_k": run.get("temperature_k"), "mean_temperature_k": audit.get("mean_temperature_k"),
        "volume_factor": round(structure.get_cell_volume() / crystal.get_cell_volume(), 4), "method": run.get("method"),
        "frames": None if trajectory is None else trajectory.base.attributes.get("n_frames"), "frames_used": audit.get("frames_used"),
        "unconverged": audit.get("unconverged"), "length_ps": _length(run), "verdict": step.verdict, "recorded": False,
        "uuid": None if trajectory is None else str(trajectory.uuid), "uuid_chain": str(step.node.uuid),
    }  # fmt: skip


def _length(run: dict[str, Any]) -> float | None:
    return round(run["steps"] * run.get("timestep_fs", 0.5) * FS_IN_PS, 6) if "steps" in run else None


def _recorded(given: dict[str, Node], crystal: Any) -> list[dict[str, Any]]:
    """What trajectories given instead of AIMD say of themselves."""
    rows = []
    for name, node in sorted(given.items()):
        told = node.base.attributes
        if not name.startswith("trajectories__") or told.get("kind", "aimd") == "label":
            continue
        used: Any = node.used_frames(("temperatures",)) if hasattr(node, "used_frames") else None  # type: ignore[attr-defined]
        measured = None if used is None or used.temperatures is None else float(used.temperatures.mean())
        rows.append({
            "label": name.removeprefix("trajectories__"), "asked_temperature_k": told.get("asked_temperature_k", None),
            "mean_temperature_k": measured or told.get("temperature_k", None), "method": told.get("method", None),
            "volume_factor": round(told.get("volume_angstrom3") / crystal.get_cell_volume(), 4), "frames": told.get("n_frames"),
            "frames_used": None if used is None else len(used), "unconverged": len(told.get("unconverged_steps", [])),
            "length_ps": None, "verdict": "recorded", "recorded": True, "uuid": str(node.uuid), "uuid_chain": None,
        })  # fmt: skip
    return rows


def _labels(jobs: Sequence[graph.Step]) -> dict[str, Any] | None:
    """What became of the geometries labelled one by one, in one job or several."""
    if not jobs:
        return None
    asked = graph.inputs(jobs[0].node).get("frames")
    kept = [node for job in jobs if (node := graph.outputs(job.node).get("trajectory")) is not None]
    return {
        "asked": None if asked is None else asked.base.attributes.get("n_frames"),
        "kept": sum(node.base.attributes.get("n_frames") for node in kept),
        "verdict": next((job.verdict for job in jobs if job.verdict != "done"), "done"),
        "uuid": str(kept[0].uuid) if kept else None, "uuids": [str(node.uuid) for node in kept],
        "uuid_jobs": [str(job.node.uuid) for job in jobs],
    }  # fmt: skip


def _dataset(node: Node | None) -> dict[str, Any] | None:
    if node is None:
        return None
    told = node.base.attributes
    return {"counts": told.get("counts"), "drawing": told.get("drawing"), "stress": told.get("stress", None), "uuid": str(node.uuid)}


def _model(step: graph.Step, pipeline: ProcessNode) -> dict[str, Any]:
    """What one training gave, and whether MD ran on it."""
    made, run = graph.outputs(step.node), graph.content(graph.inputs(step.node).get("run"))
    found, model, compiled = graph.content(made.get("accuracy")), made.get("model"), made.get("compiled")
    ensemble = graph.child(pipeline, "glasses")
    used = graph.inputs(ensemble).get("potential") if ensemble is not None else None
    names = (
        "n_frames", "energy_mae_mev_per_atom", "energy_rmse_mev_per_atom", "forces_mae_mev_per_angstrom", "forces_rmse_mev_per_angstrom",
        "forces_std_mev_per_angstrom", "forces_mae_relative", "per_element", "stress_mae_mpa", "stress_rmse_mpa", "n_stress_frames",
        "energy_mae_error_mev_per_atom", "forces_mae_error_mev_per_angstrom", "stress_mae_error_mpa", "n_independent", "per_temperature",
        "cost_us_per_atom", "cost_n_atoms", "cost_calls", "model_form",
    )  # fmt: skip
    uuids = {str(node.uuid) for node in (model, compiled) if node is not None}
    return {
        "name": step.label.removeprefix("train_").removesuffix("_train"), "architecture": run.get("architecture"),
        "r_max_angstrom": run.get("r_max"),
        "epochs": model.base.attributes.get("epochs", None) if model is not None else None, "epochs_asked": run.get("epochs"),
        "compiled": compiled is not None, "runs_md": used is not None and str(used.uuid) in uuids, "verdict": step.verdict,
        **{name: found.get(name) for name in names}, "uuid": None if model is None else str(model.uuid),
        "uuid_compiled": None if compiled is None else str(compiled.uuid),
        "uuid_accuracy": str(made["accuracy"].uuid) if "accuracy" in made else None, "uuid_chain": str(step.node.uuid),
    }  # fmt: skip


def _aids(given: dict[str, Node], steps: Sequence[graph.Step], facts: dict[str, Any]) -> list[dict[str, Any]]:
    """What helps the demonstration over its own smallness: each with a sentence and the node that says so."""
    aids: list[dict[str, Any]] = []

    def declare(name: str, sentence: str, node: Any) -> None:
        if all(aid["name"] != name for aid in aids):
            aids.append({"name": name, "sentence": sentence, "uuid": str(node.uuid)})

    for step in _below(steps, "AimdWorkChain"):
        node = graph.inputs(step.node).get("run")
        run = graph.content(node)
        if run.get("velocity_factor", 1.0) != 1.0:
            text = (
                f"AIMD starts with velocities drawn at {run['velocity_factor']:g} T: from a relaxed start half of it goes into the springs"
            )
            declare("velocities", text, node)
        if run.get("thermostat_time_fs", THERMOSTAT_AID_FS) < THERMOSTAT_AID_FS:
            text = f"AIMD is held at T by a thermostat of {run['thermostat_time_fs']:g} fs, faster than its vibrations"
            declare("thermostat", text, node)
    if facts["labels"] and "harvested" in given:
        asked = facts["labels"]["asked"]
        text = f"{asked} geometries near a breaking linker, harvested beforehand, ship with the project and were labelled in this run"
        declare("harvested", text, given["harvested"])
    for step in _below(steps, "TrainWorkChain"):
        node = graph.inputs(step.node).get("run")
        run = graph.content(node)
        if run.get("energy_weight", 1.0) != run.get("forces_weight", 1.0):
            weights = f"energies {run['energy_weight']:g} : forces {run.get('forces_weight', 1.0):g}"
            text = f"training weighs {weights}, or broken linkers would lie too low"
            declare("energy_weight", text, node)
    for step in _below(steps, "MdWorkChain"):
        node = graph.inputs(step.node).get("wall")
        if node is not None:
            declare("wall", _wall(graph.content(node)), node)
    return aids


def _wall(wall: dict[str, Any]) -> str:
    """What stands beside the model in MD; a barrier on bonds weakens what whole linkers say of the model."""
    lines = [line.split() for line in wall.get("pair_coeffs", [])]
    barriers = sorted("–".join(words[:2]) for words in lines if words[2] == "gauss/cut")
    text = f"MD adds a short-range wall beside the model: {len(lines) - len(barriers)} repulsive pairs of elements"
    if not barriers:
        return text
    return f"{text}, and a barrier on breaking {', '.join(barriers)} bonds: that linkers stay whole is in part its doing"


def _limits(plan: dict[str, Any], facts: dict[str, Any]) -> list[str]:
    """What makes this a demonstration, in numbers."""
    limits = []
    lengths = [row["length_ps"] for row in facts["aimd"] if row["length_ps"]]
    methods = sorted({str(row["method"]) for row in facts["aimd"] if row["method"]})
    if methods:
        limits.append(f"labels of {', '.join(methods)}" + (f" from {max(lengths):.2f} ps of AIMD per state point" if lengths else ""))
    if facts["structure"]["n_atoms_md"]:
        limits.append(f"{facts['structure']['n_atoms_md']} atoms in MD")
    run = plan.get("melt_quench", {}).get("run", {})
    if "rate_k_per_ps" in run:
        plateau = f"{run.get('plateau_ps', 0):g} ps or more at {run.get('tmax_k', 0):g} K"
        limits.append(f"heated and quenched at {run['rate_k_per_ps']:g} K/ps with {plateau}")
    return limits
