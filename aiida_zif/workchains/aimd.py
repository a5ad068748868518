# SPDX-License-Identifier: MIT
"""`zif.aimd`: one state point of ab initio molecular dynamics, in as many segments as it takes."""

from __future__ import annotations

from typing import Any

from aiida.engine import ExitCode
from aiida.orm import CalcJobNode, Dict, Float, Int, StructureData, to_aiida_type

from aiida_zif.calculations.aimd import Cp2kAimdCalculation, validate_run
from aiida_zif.calculations.functions.trajectory import audit_trajectory, join_trajectories
from aiida_zif.calculations.job import validate_structure
from aiida_zif.calculations.verdicts import declare
from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.workchains.chain import SegmentedWorkChain


class AimdWorkChain(SegmentedWorkChain):
    """Run AIMD until the asked number of steps exists, then audit the labels: the temperature measured is what they are called by."""

    CODES = ("cp2k",)
    JOB = Cp2kAimdCalculation
    STAGE = "aimd"

    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.input("structure", valid_type=StructureData, validator=validate_structure, help="Zinc and whole imidazolates.")
        spec.input("run", valid_type=Dict, serializer=to_aiida_type, validator=validate_run, help="Method, temperature, steps, seed.")
        spec.input("temperature_tolerance", valid_type=Float, serializer=to_aiida_type, default=lambda: Float(0.15), help="Relative.")
        spec.output("trajectory", valid_type=ZifTrajectoryData, required=False)
        spec.output("audit", valid_type=Dict, required=False)
        declare(spec, "ERROR_PROGRAM_ABORTED", "ERROR_LABELS_NOT_CONVERGED", "ERROR_TEMPERATURE_OFF")

    @classmethod
    def protocol_inputs(cls, plan: dict[str, Any], **inputs: Any) -> dict[str, Any]:
        """The first state point of the protocol."""
        return {"run": Dict({**plan["aimd"]["run"], "temperature_k": plan["aimd"]["state_points"][0]["temperature_k"], "seed": 1})}

    def segment_inputs(self, previous: CalcJobNode | None) -> dict[str, Any]:
        """The first segment draws velocities from the seed; each later one goes on from a restart file, to the same last step."""
        inputs = {"code": self.inputs.codes["cp2k"], "structure": self.inputs.structure, "run": self.inputs.run}
        if previous is not None:
            inputs |= {"restart": previous.outputs.restart, "finished_steps": Int(self.ctx.done)}
        return inputs

    def progress_of(self, node: CalcJobNode) -> int:
        """The step of the restart file that was kept: the last one printed may be later, and is run again."""
        return int(node.outputs.output_parameters.get("restart_step", 0)) if "output_parameters" in node.outputs else 0

    def results(self) -> ExitCode | None:
        """Join, audit, and refuse a trajectory that is not at the temperature it claims."""
        parts = {f"segment_{k:02d}": node.outputs.trajectory for k, node in enumerate(self.ctx.segments, 1)}
        trajectory = join_trajectories(**parts) if len(parts) > 1 else next(iter(parts.values()))
        audit = audit_trajectory(trajectory, self.inputs.temperature_tolerance)
        self.out("trajectory", trajectory)
        self.out("audit", audit)
        found, asked = audit["mean_temperature_k"], audit["asked_temperature_k"]
        self.report(" ".join(audit["sentences"]))
        if found is None or abs(found - asked) > self.inputs.temperature_tolerance.value * asked:
            return self.exit_codes.ERROR_TEMPERATURE_OFF.format(mean=found or 0.0, asked=asked)
        if not audit["passed"]:
            return self.exit_codes.ERROR_LABELS_NOT_CONVERGED.format(share=audit["unconverged"] / max(1, audit["frames_used"]))
        return None
