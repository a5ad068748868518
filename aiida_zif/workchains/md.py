# SPDX-License-Identifier: MIT
"""`zif.md`: a list of MD stages, in as many segments as it takes, with every linker watched."""

from __future__ import annotations

from typing import Any

from aiida.engine import ExitCode
from aiida.orm import ArrayData, CalcJobNode, Dict, Int, SinglefileData, StructureData, to_aiida_type

from aiida_zif.calculations.functions.linkers import watch_linkers
from aiida_zif.calculations.functions.trajectory import join_arrays, join_trajectories
from aiida_zif.calculations.job import validate_structure
from aiida_zif.calculations.md import LammpsMdCalculation, validate_run
from aiida_zif.calculations.verdicts import declare
from aiida_zif.data.model import ZifModelData
from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.workchains import stages
from aiida_zif.workchains.chain import SegmentedWorkChain


class MdWorkChain(SegmentedWorkChain):
    """Run the stages to their last step; a linker that breaks is an own verdict, and its frames are kept."""

    CODES = ("lammps",)
    JOB = LammpsMdCalculation
    STAGE = "md"

    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.input("structure", valid_type=StructureData, help="Where the atoms start.")
        spec.input("reference", valid_type=StructureData, validator=validate_structure, help="Where the linkers are whole: the crystal.")
        spec.input("potential", valid_type=ZifModelData, help="A model, compiled for this machine or packaged.")
        spec.input("wall", valid_type=Dict, required=False, help="Declared pair terms beside the model.")
        spec.input("run", valid_type=Dict, serializer=to_aiida_type, validator=validate_run, help="Stages, time step, seed, strides.")
        spec.input("restart", valid_type=SinglefileData, required=False, help="Go on from here: the first stages are done.")
        spec.input("finished_steps", valid_type=Int, serializer=to_aiida_type, default=lambda: Int(0), help="Steps done before `restart`.")
        spec.input("watch", valid_type=Dict, serializer=to_aiida_type, default=lambda: Dict({"consecutive": 2}), help="When broken.")
        spec.output("results", valid_type=Dict, required=False, help="Steps, speed, cost of the last segment.")
        spec.output("trajectory", valid_type=ZifTrajectoryData, required=False)
        spec.output("thermo", valid_type=ArrayData, required=False)
        spec.output("cells", valid_type=ArrayData, required=False)
        spec.output("structure", valid_type=StructureData, required=False)
        spec.output("restart", valid_type=SinglefileData, required=False)
        spec.output("linkers", valid_type=Dict, required=False)
        declare(spec, "ERROR_PROGRAM_ABORTED", "ERROR_MODEL_UNUSABLE", "ERROR_MODEL_UNSTABLE", "ERROR_LINKER_BROKEN")

    @classmethod
    def protocol_inputs(cls, plan: dict[str, Any], **inputs: Any) -> dict[str, Any]:
        """Constant volume and temperature, for as long as the protocol says."""
        run = stages.md_run(plan["md"]["run"], [stages.hold(plan["md"]["run"], "hold", **plan["md"]["hold"])], seed=1)
        return {"run": Dict(run), "reference": inputs["structure"], **stages.wall(plan)}

    def setup(self) -> None:
        """What the restart file given has done counts as done."""
        super().setup()
        self.ctx.done = self.inputs.finished_steps.value

    def segment_inputs(self, previous: CalcJobNode | None) -> dict[str, Any]:
        """The same run, from the last restart file."""
        names = ("structure", "potential", "wall", "run", "restart", "finished_steps")
        inputs = {"code": self.inputs.codes["lammps"], **{name: self.inputs[name] for name in names if name in self.inputs}}
        if previous is not None:
            inputs |= {"restart": previous.outputs.restart, "finished_steps": Int(self.ctx.done)}
        return inputs

    def progress_of(self, node: CalcJobNode) -> int:
        """The step of the restart file that was kept."""
        return int(node.outputs.results.get("restart_step", 0)) if "results" in node.outputs else 0

    def results(self) -> ExitCode | None:
        """Join the segments, watch the linkers."""
        last = self.ctx.segments[-1].outputs
        for name, join in (("trajectory", join_trajectories), ("thermo", join_arrays), ("cells", join_arrays)):
            parts = {f"segment_{k:02d}": node.outputs[name] for k, node in enumerate(self.ctx.segments, 1) if name in node.outputs}
            if parts:
                self.out(name, join(**parts) if len(parts) > 1 else next(iter(parts.values())))
        for name in ("results", "structure", "restart"):
            if name in last:
                self.out(name, last[name])
        linkers = watch_linkers(self.inputs.reference, self.outputs["trajectory"], self.inputs.watch)
        self.out("linkers", linkers)
        if not linkers["whole"]:
            first = linkers["breaks"][0]
            values = {"linker": first["linker"], "bond": first["reason"], "step": first["step"], "temperature": first["temperature"] or 0.0}
            return self.exit_codes.ERROR_LINKER_BROKEN.format(**values)
        return None
