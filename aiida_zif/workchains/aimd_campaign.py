# SPDX-License-Identifier: MIT
"""`zif.aimd_campaign`: a table of state points of ab initio molecular dynamics, side by side, each with a verdict of its own."""

from __future__ import annotations

import re
from typing import Any

from aiida.engine import ExitCode
from aiida.orm import Dict, Float, Group, Int, List, StructureData, to_aiida_type

from aiida_zif.calculations.functions.linkers import scale_volume
from aiida_zif.calculations.functions.verdicts import record_verdicts
from aiida_zif.calculations.job import validate_structure
from aiida_zif.calculations.verdicts import declare
from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.formats.cp2k_run import AimdRun
from aiida_zif.science.units import FS_IN_PS
from aiida_zif.workchains.aimd import AimdWorkChain
from aiida_zif.workchains.chain import ZifWorkChain, words_of
from aiida_zif.workchains.level import data_nodes, declare_data, validate_data

GROUP = "zif/campaign"
POINT: tuple[str, ...] = ("temperature_k", "volume", "structure", "label", "picoseconds")
"""Keys of a state point; it may have those of the run, too, which then differ for it alone."""
_LABEL = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,60}")
_OWN = ("first_step", "last_step", "walltime_s", "slowest_step_s")


def label_of(point: dict[str, Any]) -> str:
    """Return what a state point is called in the graph."""
    where = f"{point['structure']}_" if "structure" in point else ""
    return str(point.get("label") or f"{where}{point['temperature_k']:.0f}K_v{round(100 * point.get('volume', 1.0))}")


def run_of(point: dict[str, Any], common: dict[str, Any], seed: int) -> dict[str, Any]:
    """Return the run of a state point: the common one, changed by what the point says; ``picoseconds`` are those that are used.

    Raises ``ValueError`` with one sentence for what cannot be.
    """
    changes = {name: value for name, value in point.items() if name not in POINT}
    if hidden := sorted(set(changes) & set(_OWN)):
        raise ValueError(f"{hidden[0]} is said by the work chain; leave it out")
    run = {**common, "seed": seed, **changes, "temperature_k": point["temperature_k"]}
    if "picoseconds" in point:
        if "steps" in point:
            raise ValueError("steps and picoseconds both say how long it is; give one of them")
        used = round(point["picoseconds"] / (run.get("timestep_fs", AimdRun.timestep_fs) * FS_IN_PS))
        run["steps"] = used + run.get("equilibration_steps", 0)
    AimdRun.from_dict(run)
    return run


def validate_inputs(inputs: Any, _: Any) -> str | None:
    """Say in one sentence which state point cannot be."""
    points, common = inputs["state_points"].get_list(), inputs["run"].get_dict()
    known = inputs.get("structures") or {}
    if not points:
        return "there are no state points; give a list of mappings with temperature_k"
    if "temperature_k" in common:
        return f"run has a temperature_k, {common['temperature_k']}, but each state point has its own; leave it out"
    labels = []
    for number, point in enumerate(points, 1):
        if not isinstance(point, dict) or "temperature_k" not in point:
            return f"state point {number} is {point!r}, but must be a mapping with temperature_k, and may have {', '.join(POINT[1:])}"
        try:
            labels.append(label_of(point))
            run_of(point, common, number)
            volume = float(point.get("volume", 1.0))
        except (ValueError, TypeError) as problem:
            return f"state point {number}: {problem}"
        if not 0.5 <= volume <= 2.0:
            return f"state point {number}: volume is {volume}, but must lie between 0.5 and 2 times that of the structure"
        if "structure" in point and point["structure"] not in known:
            there = ", ".join(known) or "none"
            return f"state point {number}: there is no structure {point['structure']!r} in `structures`, which has {there}"
        if not _LABEL.fullmatch(labels[-1]) and "label" in point:
            return f"state point {number}: the label {labels[-1]!r} must be a letter, then up to 60 letters, digits and _"
    if twice := sorted({label for label in labels if labels.count(label) > 1}):
        return f"the state points {', '.join(twice)} come twice: each needs its own temperature (1 K apart), volume (1 % apart) or label"
    if not 1 <= inputs["min_success"].value <= len(points):
        return f"min_success is {inputs['min_success'].value}, but there are {len(points)} state points: give 1 to {len(points)}"
    return validate_data(inputs)


class AimdCampaignWorkChain(ZifWorkChain):
    """Scale the cell with rigid linkers, heat, equilibrate and produce, for each state point; one that fails leaves the others alone."""

    CODES = ("cp2k",)

    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.input("structure", valid_type=StructureData, validator=validate_structure, help="The crystal, at volume 1.")
        spec.input_namespace("structures", dynamic=True, required=False, valid_type=StructureData, help="Others, which points may name.")
        spec.input("state_points", valid_type=List, serializer=to_aiida_type, help="temperature_k, volume, picoseconds …")
        spec.input("run", valid_type=Dict, serializer=to_aiida_type, help="What the state points have in common.")
        spec.input("seed", valid_type=Int, serializer=to_aiida_type, default=lambda: Int(1), help="The seeds count from 100 times it.")
        spec.input("min_success", valid_type=Int, serializer=to_aiida_type, default=lambda: Int(1), help="State points, at least.")
        spec.input("temperature_tolerance", valid_type=Float, serializer=to_aiida_type, default=lambda: Float(0.15), help="Relative.")
        spec.input("stalled_minutes", valid_type=Float, serializer=to_aiida_type, default=lambda: Float(60.0), help="Then a job hangs.")
        declare_data(spec)
        spec.inputs.validator = validate_inputs
        spec.outline(cls.run_state_points, cls.inspect_state_points, cls.results)
        spec.output_namespace("trajectories", dynamic=True, valid_type=ZifTrajectoryData)
        spec.output_namespace("audits", dynamic=True, valid_type=Dict)
        spec.output("verdicts", valid_type=Dict, required=False, help="By state point: exit status and words.")
        declare(spec, "ERROR_TOO_FEW_STATE_POINTS", "WARNING_STATE_POINTS_FAILED")

    @classmethod
    def protocol_inputs(cls, plan: dict[str, Any], **inputs: Any) -> dict[str, Any]:
        """The table of the protocol."""
        stage = plan["aimd"]
        values = {
            "state_points": List(stage["state_points"]), "run": Dict(stage["run"]), "min_success": Int(stage["min_state_points"]),
            "temperature_tolerance": Float(stage["temperature_tolerance"]), "stalled_minutes": Float(stage["stalled_minutes"]),
        }  # fmt: skip
        return {**values, **data_nodes(stage["run"]["method"], **inputs)}

    def run_state_points(self) -> Any:
        """One chain per state point, side by side."""
        nodes, self.ctx.labels = {}, []
        names = ("temperature_tolerance", "stalled_minutes", "basis_sets", "pseudopotentials")
        shared = {name: self.inputs[name] for name in names if name in self.inputs}
        for number, point in enumerate(self.inputs.state_points.get_list(), 1):
            label = label_of(point)
            structure = self.inputs.structures[point["structure"]] if "structure" in point else self.inputs.structure
            if point.get("volume", 1.0) != 1:
                structure = scale_volume(structure, Float(point["volume"]))
            run = run_of(point, self.inputs.run.get_dict(), self.inputs.seed.value * 100 + number)
            key = f"aimd_{label}"
            nodes[key] = self.submit(
                AimdWorkChain, codes=self.codes_for(AimdWorkChain), structure=structure, run=Dict(run), **shared,
                **self.stage_options("aimd"), metadata={"call_link_label": key},
            )  # fmt: skip
            self.report(f"{label}: AimdWorkChain<{nodes[key].pk}>, {run['steps']} steps")
            self.ctx.labels.append(label)
        return nodes

    def inspect_state_points(self) -> None:
        """Keep each verdict in words; what a failed state point made stays with it."""
        self.ctx.verdicts, self.ctx.good = {}, []
        for label in self.ctx.labels:
            node = self.ctx[f"aimd_{label}"]
            text = words_of(node)
            self.ctx.verdicts[label] = {"exit_status": node.exit_status, "message": text, "uuid": str(node.uuid)}
            if node.is_finished_ok:
                self.ctx.good.append(label)
            else:
                self.report(f"{label}: AimdWorkChain<{node.pk}> ended with [{node.exit_status}] {text}")

    def results(self) -> ExitCode | None:
        """Put out what succeeded, and put what belongs together into one group."""
        group, _ = Group.collection.get_or_create(f"{GROUP}/{self.uuid}")
        group.description = f"{GROUP} of {self.inputs.structure.get_formula()}"
        group.add_nodes([self.node])
        for label in self.ctx.good:
            outputs = self.ctx[f"aimd_{label}"].outputs
            name = f"aimd_{label}"
            self.out(f"trajectories.{name}", outputs.trajectory)
            self.out(f"audits.{name}", outputs.audit)
            group.add_nodes([outputs.trajectory, outputs.audit])
        self.out("verdicts", record_verdicts(Dict(self.ctx.verdicts)))
        asked, failed = len(self.ctx.labels), [label for label in self.ctx.labels if label not in self.ctx.good]
        if len(self.ctx.good) < self.inputs.min_success.value:
            return self.exit_codes.ERROR_TOO_FEW_STATE_POINTS.format(done=len(self.ctx.good), asked=asked)
        if failed:
            return self.exit_codes.WARNING_STATE_POINTS_FAILED.format(failed=len(failed), asked=asked, which=", ".join(failed))
        return None
