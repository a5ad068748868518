# SPDX-License-Identifier: MIT
"""`zif.melt_quench`: heat a crystal, hold it until it is molten, and only then quench it to a glass."""

from __future__ import annotations

from typing import Any

from aiida.engine import ExitCode, while_
from aiida.orm import ArrayData, Dict, Int, StructureData, to_aiida_type

from aiida_zif.calculations.functions.linkers import judge_melt
from aiida_zif.calculations.functions.trajectory import join_arrays, join_trajectories
from aiida_zif.calculations.job import validate_structure
from aiida_zif.calculations.verdicts import declare
from aiida_zif.data.model import ZifModelData
from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.workchains import stages
from aiida_zif.workchains.chain import ZifWorkChain
from aiida_zif.workchains.md import MdWorkChain


class MeltQuenchWorkChain(ZifWorkChain):
    """Prepare at 300 K, heat, hold, judge the melt, hold on while it is not molten, quench, equilibrate, produce."""

    CODES = ("lammps",)
    MAY_USE = MdWorkChain.MAY_USE

    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.input("structure", valid_type=StructureData, validator=validate_structure, help="The crystal.")
        spec.input("potential", valid_type=ZifModelData, help="A model, compiled for this machine or packaged.")
        spec.input("wall", valid_type=Dict, required=False, help="Declared pair terms beside the model.")
        spec.input("run", valid_type=Dict, serializer=to_aiida_type, validator=stages.validate_melt_quench, help="Tmax, rate, times.")
        spec.input("seed", valid_type=Int, serializer=to_aiida_type, help="Of the first velocities: another seed, another glass.")
        spec.input(
            "melt_criteria", valid_type=Dict, serializer=to_aiida_type, validator=stages.validate_criteria, default=lambda: Dict({}),
            help="Thresholds of the verdict.",
        )  # fmt: skip
        spec.outline(
            cls.setup, cls.run_melt, cls.inspect_melt, cls.judge,
            while_(cls.should_hold_on)(cls.run_hold, cls.inspect_melt, cls.judge),
            cls.run_quench, cls.inspect_quench, cls.results,
        )  # fmt: skip
        spec.output("glass", valid_type=StructureData, required=False)
        spec.output("melt", valid_type=Dict, required=False, help="The melt verdict and its evidence.")
        spec.output("linkers", valid_type=Dict, required=False, help="The linkers through the quench.")
        spec.output("run", valid_type=Dict, required=False, help="All stages as they were run.")
        for name in ("trajectory_melt", "trajectory_glass"):
            spec.output(name, valid_type=ZifTrajectoryData, required=False)
        for name in ("thermo_melt", "thermo_glass"):
            spec.output(name, valid_type=ArrayData, required=False)
        declare(
            spec, "ERROR_MODEL_UNUSABLE", "ERROR_MODEL_UNFIT", "ERROR_MODEL_UNSTABLE", "ERROR_LINKER_BROKEN", "WARNING_NOT_MOLTEN",
        )  # fmt: skip

    @classmethod
    def protocol_inputs(cls, plan: dict[str, Any], **inputs: Any) -> dict[str, Any]:
        """Tmax, rate, times, criteria and wall."""
        run = {**plan["md"]["run"], **plan["melt_quench"]["run"]}
        return {"run": Dict(run), "seed": Int(1), "melt_criteria": Dict(plan["melt_quench"]["melt_criteria"]), **stages.wall(plan)}

    def setup(self) -> None:
        """The plan up to the end of the plateau."""
        self.ctx.plan = self.inputs.run.get_dict()
        self.ctx.stages = stages.melt(self.ctx.plan)
        self.ctx.holds, self.ctx.previous, self.ctx.melts, self.ctx.potential = 0, None, [], self.inputs.potential

    def submit_md(self, label: str) -> Any:
        """Run the stages planned so far, going on from where the last job stopped."""
        run = stages.md_run(self.ctx.plan, self.ctx.stages, self.inputs.seed.value)
        inputs: dict[str, Any] = {name: self.inputs[name] for name in ("structure", "wall") if name in self.inputs}
        inputs["potential"] = self.ctx.potential
        if self.ctx.previous is not None:
            inputs |= {"restart": self.ctx.previous.outputs.restart, "finished_steps": Int(self.ctx.finished_steps)}
        metadata = {"call_link_label": label}
        node = self.submit(
            MdWorkChain, codes=self.codes_for(MdWorkChain), reference=self.inputs.structure, run=Dict(run), metadata=metadata,
            **self.stage_options("md"), **inputs,
        )  # fmt: skip
        self.report(f"{label}: MdWorkChain<{node.pk}>")
        return node

    def run_melt(self) -> Any:
        """Prepare, heat and hold, in one job."""
        return {"md": self.submit_md("melt")}

    def inspect_melt(self) -> ExitCode | None:
        """A melt whose linkers broke is no melt."""
        if not self.ctx.md.is_finished_ok:
            return self.child_failed("melt", self.ctx.md)
        self.ctx.previous, self.ctx.finished_steps = self.ctx.md, stages.n_steps(self.ctx.stages)
        self.ctx.melts = [*self.ctx.melts, self.ctx.md]
        self.ctx.potential = self.ctx.md.outputs.compiled if "compiled" in self.ctx.md.outputs else self.ctx.potential
        return None

    def judge(self) -> None:
        """Ask for evidence before the quench: bonds exchanged, coordination at Tmax."""
        last = self.ctx.stages[-1]
        first_step = self.ctx.finished_steps - last["steps"]
        criteria = {**self.inputs.melt_criteria.get_dict(), "first_step": first_step, "temperature_k": last["temperature_k"]}
        self.ctx.melt = judge_melt(self.inputs.structure, self.ctx.md.outputs.trajectory, Dict(criteria))
        self.report(self.ctx.melt["sentence"])

    def should_hold_on(self) -> bool:
        """A plateau too short leaves a crystal; it is extended up to the limit of the run."""
        return not self.ctx.melt["molten"] and self.ctx.holds < self.ctx.plan["max_plateau_extensions"]

    def run_hold(self) -> Any:
        """Hold for the length of another plateau."""
        self.ctx.holds += 1
        self.ctx.stages = [*self.ctx.stages, stages.plateau(self.ctx.plan, self.ctx.holds)]
        return {"md": self.submit_md(f"hold_{self.ctx.holds}")}

    def run_quench(self) -> Any:
        """Quench, equilibrate and produce, in one job."""
        self.ctx.stages = [*self.ctx.stages, *stages.quench(self.ctx.plan)]
        return {"md": self.submit_md("quench")}

    def inspect_quench(self) -> ExitCode | None:
        """What broke on the way down is no glass either."""
        return None if self.ctx.md.is_finished_ok else self.child_failed("quench", self.ctx.md)

    def results(self) -> ExitCode | None:
        """Put out the glass with the evidence; what never melted keeps its name."""
        quench = self.ctx.md.outputs
        self.out("glass", quench.structure)
        self.out("melt", self.ctx.melt)
        self.out("linkers", quench.linkers)
        self.out("run", self.ctx.md.inputs.run)
        for name, join in (("trajectory", join_trajectories), ("thermo", join_arrays)):
            parts = {f"part_{k:02d}": node.outputs[name] for k, node in enumerate(self.ctx.melts, 1)}
            self.out(f"{name}_melt", join(**parts) if len(parts) > 1 else parts["part_01"])
            self.out(f"{name}_glass", quench[name])
        if not self.ctx.melt["molten"]:
            return self.exit_codes.WARNING_NOT_MOLTEN.format(reason=self.ctx.melt["sentence"])
        return None
