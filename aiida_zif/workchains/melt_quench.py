# SPDX-License-Identifier: MIT
"""`zif.melt_quench`: heat a crystal, hold it until it is molten, and only then quench it to a glass."""

from __future__ import annotations

from typing import Any

from aiida.engine import ExitCode, while_
from aiida.orm import ArrayData, Bool, Dict, Int, List, StructureData, to_aiida_type

from aiida_zif.calculations.functions.linkers import judge_melt
from aiida_zif.calculations.functions.structure import make_supercell
from aiida_zif.calculations.functions.trajectory import join_arrays, join_trajectories
from aiida_zif.calculations.job import structure_arrays, validate_structure
from aiida_zif.calculations.md import POTENTIALS
from aiida_zif.calculations.verdicts import declare
from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.workchains import stages
from aiida_zif.workchains.chain import ZifWorkChain
from aiida_zif.workchains.md import MdWorkChain


def validate_repeats(node: Any, _: Any) -> str | None:
    """Say in one sentence what is wrong with the size of a supercell."""
    given = node.get_list()
    if len(given) != 3 or not all(isinstance(n, int) and not isinstance(n, bool) and n >= 1 for n in given):
        return f"repeats are {given}, but must be three whole numbers of at least 1, copies along the cell vectors"
    return None


def start_problem(crystal: Any, repeats: list[int], start: Any) -> str | None:
    """Return one sentence where ``start`` does not hold the atoms of the supercell, one for one: bonds are followed by their numbers."""
    wanted = structure_arrays(crystal)[0] * (repeats[0] * repeats[1] * repeats[2])
    found = structure_arrays(start)[0]
    if found != wanted:
        same = "the same number of atoms in another order" if sorted(found) == sorted(wanted) else f"{len(found)} atoms"
        return f"the start holds {same}, but must hold the {len(wanted)} of the crystal, repeated {repeats}, in their order"
    return None


def validate_inputs(inputs: Any, _: Any) -> str | None:
    """Say in one sentence why it cannot start where it is to start."""
    if "start" not in inputs:
        return None
    return start_problem(inputs["structure"], inputs["repeats"].get_list(), inputs["start"])


class MeltQuenchWorkChain(ZifWorkChain):
    """Prepare at 300 K, heat, hold, judge the melt, hold on while it is not molten, quench, equilibrate, produce."""

    CODES = ("lammps",)
    MAY_USE = MdWorkChain.MAY_USE

    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.input("structure", valid_type=StructureData, validator=validate_structure, help="The crystal.")
        spec.input("repeats", valid_type=List, serializer=to_aiida_type, validator=validate_repeats, default=lambda: List([1, 1, 1]),
                   help="Copies of the crystal along its cell vectors.")  # fmt: skip
        spec.input("start", valid_type=StructureData, required=False, help="A liquid to start from at Tmax, with the atoms of the crystal.")
        spec.input("potential", valid_type=POTENTIALS, help="A model, compiled for this machine or packaged, or a force field.")
        spec.input("wall", valid_type=Dict, required=False, help="Declared pair terms beside the model.")
        spec.input("run", valid_type=Dict, serializer=to_aiida_type, validator=stages.validate_melt_quench, help="Tmax, rate, times.")
        spec.input("seed", valid_type=Int, serializer=to_aiida_type, help="Of the first velocities: another seed, another glass.")
        spec.input(
            "melt_criteria", valid_type=Dict, serializer=to_aiida_type, validator=stages.validate_criteria, default=lambda: Dict({}),
            help="Thresholds of the verdict.",
        )  # fmt: skip
        spec.input("quench_solid", valid_type=Bool, serializer=to_aiida_type, default=lambda: Bool(True),
                   help="Quench also what has not melted; else that is an end.")  # fmt: skip
        spec.inputs.validator = validate_inputs
        spec.outline(
            cls.setup, cls.run_melt, cls.inspect_melt, cls.judge,
            while_(cls.should_hold_on)(cls.run_hold, cls.inspect_melt, cls.judge), cls.inspect_judgement,
            cls.run_quench, cls.inspect_quench, cls.results,
        )  # fmt: skip
        spec.output("glass", valid_type=StructureData, required=False)
        spec.output("melt", valid_type=Dict, required=False, help="The melt verdict, by criterion.")
        spec.output("melt_evidence", valid_type=ArrayData, required=False, help="The last plateau in time, which was judged.")
        spec.output("reference", valid_type=StructureData, required=False, help="The crystal, repeated: where bonds and linkers are whole.")
        spec.output("linkers", valid_type=Dict, required=False, help="The linkers through the quench.")
        spec.output("run", valid_type=Dict, required=False, help="All stages as they were run.")
        for name in ("trajectory_melt", "trajectory_glass"):
            spec.output(name, valid_type=ZifTrajectoryData, required=False)
        for name in ("thermo_melt", "thermo_glass"):
            spec.output(name, valid_type=ArrayData, required=False)
        declare(
            spec, "ERROR_MODEL_UNUSABLE", "ERROR_MODEL_UNFIT", "ERROR_MODEL_UNSTABLE", "ERROR_LINKER_BROKEN",
            "ERROR_NOT_MOLTEN", "WARNING_NOT_MOLTEN",
        )  # fmt: skip

    @classmethod
    def protocol_inputs(cls, plan: dict[str, Any], **inputs: Any) -> dict[str, Any]:
        """Tmax, rate, times, supercell, criteria and wall."""
        run = stages.melt_quench_run(plan, inputs.get("potential"))
        criteria, repeats = Dict(plan["melt_quench"]["melt_criteria"]), List(plan["md"]["repeats"])
        return {
            "run": Dict(run),
            "seed": Int(1),
            "melt_criteria": criteria,
            "repeats": repeats,
            **stages.wall(plan, inputs.get("potential")),
        }

    def setup(self) -> None:
        """The supercell, and the plan up to the end of the plateau."""
        one = self.inputs.repeats.get_list() == [1, 1, 1]
        self.ctx.crystal = self.inputs.structure if one else make_supercell(self.inputs.structure, self.inputs.repeats)
        self.ctx.plan = self.inputs.run.get_dict()
        self.ctx.stages = stages.melt(self.ctx.plan, from_crystal="start" not in self.inputs)
        self.ctx.holds, self.ctx.previous, self.ctx.melts, self.ctx.potential = 0, None, [], self.inputs.potential

    def submit_md(self, label: str) -> Any:
        """Run the stages planned so far, going on from where the last job stopped."""
        run = stages.md_run(self.ctx.plan, self.ctx.stages, self.inputs.seed.value)
        inputs: dict[str, Any] = {"structure": self.ctx.crystal, **({"wall": self.inputs.wall} if "wall" in self.inputs else {})}
        if "start" in self.inputs:
            # a liquid is as hot in its springs as it will be: nothing of the velocities goes there
            inputs["structure"], run["velocity_factor"] = self.inputs.start, 1.0
        inputs["potential"] = self.ctx.potential
        if self.ctx.previous is not None:
            inputs |= {"restart": self.ctx.previous.outputs.restart, "finished_steps": Int(self.ctx.finished_steps)}
        metadata = {"call_link_label": label}
        node = self.submit(
            MdWorkChain, codes=self.codes_for(MdWorkChain), reference=self.ctx.crystal, run=Dict(run), metadata=metadata,
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
        found = judge_melt(self.ctx.crystal, self.ctx.md.outputs.trajectory, Dict(criteria))
        self.ctx.melt, self.ctx.evidence = found["verdict"], found["evidence"]
        self.report(self.ctx.melt["sentence"])

    def should_hold_on(self) -> bool:
        """A plateau too short leaves a crystal; it is extended up to the limit of the run."""
        return not self.ctx.melt["molten"] and self.ctx.holds < self.ctx.plan["max_plateau_extensions"]

    def run_hold(self) -> Any:
        """Hold for the length of another plateau."""
        self.ctx.holds += 1
        self.ctx.stages = [*self.ctx.stages, stages.plateau(self.ctx.plan, self.ctx.holds)]
        return {"md": self.submit_md(f"hold_{self.ctx.holds}")}

    def inspect_judgement(self) -> ExitCode | None:
        """Put out verdict and evidence, whatever comes; where only melts are wanted, a solid ends here."""
        self.out("melt", self.ctx.melt)
        self.out("melt_evidence", self.ctx.evidence)
        self.out("reference", self.ctx.crystal)
        if not self.ctx.melt["molten"] and not self.inputs.quench_solid.value:
            return self.exit_codes.ERROR_NOT_MOLTEN.format(times=self.ctx.holds + 1, reason=self.ctx.melt["sentence"])
        return None

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
        self.out("linkers", quench.linkers)
        self.out("run", self.ctx.md.inputs.run)
        for name, join in (("trajectory", join_trajectories), ("thermo", join_arrays)):
            parts = {f"part_{k:02d}": node.outputs[name] for k, node in enumerate(self.ctx.melts, 1)}
            self.out(f"{name}_melt", join(**parts) if len(parts) > 1 else parts["part_01"])
            self.out(f"{name}_glass", quench[name])
        if not self.ctx.melt["molten"]:
            return self.exit_codes.WARNING_NOT_MOLTEN.format(reason=self.ctx.melt["sentence"])
        return None
