# SPDX-License-Identifier: MIT
"""`zif.md`: a list of MD stages, in as many segments as it takes, every linker watched; a model for another machine is compiled again."""

from __future__ import annotations

from typing import Any

from aiida.common.exceptions import NotExistent
from aiida.engine import ExitCode, if_
from aiida.orm import ArrayData, CalcJobNode, Dict, Float, Int, SinglefileData, Str, StructureData, load_node, to_aiida_type

from aiida_zif.calculations import md_place
from aiida_zif.calculations.compile import NequipCompileCalculation
from aiida_zif.calculations.disagree import ZifDisagreeCalculation
from aiida_zif.calculations.functions.ensemble import take_member
from aiida_zif.calculations.job import job_options, structure_arrays, validate_structure
from aiida_zif.calculations.md import POTENTIALS, validate_run
from aiida_zif.calculations.md import validate_inputs as validate_job
from aiida_zif.calculations.verdicts import VERDICTS, declare
from aiida_zif.data.ensemble import ZifEnsembleData
from aiida_zif.data.model import ZifModelData
from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.workchains import stages
from aiida_zif.workchains.chain import part_of, words_of
from aiida_zif.workchains.md_segments import MdSegments

MEAN = "disagreement_mean_ev_per_angstrom"


def validate_inputs(inputs: Any, _: Any) -> str | None:
    """Say in one sentence which model is missing, or which code."""
    if "potential" not in inputs and "ensemble" not in inputs:
        return "there is no model: give `potential`, or an `ensemble`, whose first member runs"
    if "ensemble" in inputs and "disagree" not in inputs["codes"]:
        return "an ensemble is asked along the trajectory by zif-disagree: give its code as `codes.disagree` (`aiida-zif setup` makes it)"
    if structure_arrays(inputs["structure"])[0] != structure_arrays(inputs["reference"])[0]:
        return "structure and reference hold other atoms, or in another order: the linkers could not be followed; take one from the other"
    return job_problem(inputs, inputs["options"].get_dict() if "options" in inputs else {})


def job_problem(inputs: Any, options: dict[str, Any]) -> str | None:
    """Say in one sentence what the first job would refuse, before the chain begins: later it could only fail."""
    names = ("structure", "potential", "wall", "run", "restart")
    asked, code = part_of(options, "md"), inputs["codes"]["lammps"]
    given = {name: inputs[name] for name in names if name in inputs} | {"finished_steps": inputs.get("finished_steps", Int(0))}
    given |= {"code": code, "metadata": {"options": job_options(asked)}}
    if isinstance(inputs.get("potential"), ZifModelData):
        given |= md_place.gpus_of(asked, code)
    return validate_job(given, None)


def validate_potential(inputs: Any, _: Any) -> str | None:
    """The same for a chain that makes the MD run itself, from a plan."""
    given = {name: inputs[name] for name in inputs if name != "run"}
    return job_problem(given, inputs["options"].get_dict() if "options" in inputs else {})


class MdWorkChain(MdSegments):
    """Run the stages to their last step; a linker that breaks is an own verdict, and its frames are kept.

    \b
    Example:
      aiida-zif launch md --structure 123 --model 456 --override md.hold.temperature_k=600 --dry-run
    """

    CODES = ("lammps",)
    MAY_USE = ("compile", "check", "disagree")

    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.input("structure", valid_type=StructureData, help="Where the atoms start.")
        spec.input("reference", valid_type=StructureData, validator=validate_structure, help="Where the linkers are whole: the crystal.")
        spec.input("potential", valid_type=POTENTIALS, required=False, help="A model, compiled or packaged, or a force field.")
        spec.input("ensemble", valid_type=ZifEnsembleData, required=False, help="Runs its first member's package unless a model is given; "
                   "then all members are asked how far they differ along the trajectory.")  # fmt: skip
        spec.input("disagreement_stride", valid_type=Int, serializer=to_aiida_type, default=lambda: Int(1), help="In frames.")
        spec.input("wall", valid_type=Dict, required=False, help="Declared pair terms beside the model.")
        spec.input("run", valid_type=Dict, serializer=to_aiida_type, validator=validate_run, help="Stages, time step, seed, strides.")
        spec.input("restart", valid_type=SinglefileData, required=False, help="Go on from here: the first stages are done.")
        spec.input("finished_steps", valid_type=Int, serializer=to_aiida_type, default=lambda: Int(0), help="Steps done before `restart`.")
        spec.input("watch", valid_type=Dict, serializer=to_aiida_type, default=lambda: Dict({"consecutive": 2}), help="When broken.")
        spec.input("watch_seconds", valid_type=Float, serializer=to_aiida_type, default=lambda: Float(30.0), help="Between looks at a job.")
        spec.input("max_energy_drop", valid_type=Float, serializer=to_aiida_type, default=lambda: Float(0.15), help="In eV/atom below the "
                   "start, thermal part aside: there the model has a minimum that chemistry does not have.")  # fmt: skip
        spec.output("results", valid_type=Dict, required=False, help="Steps, time steps used, speed, cost.")
        spec.output("trajectory", valid_type=ZifTrajectoryData, required=False)
        spec.output("thermo", valid_type=ArrayData, required=False)
        spec.output("cells", valid_type=ArrayData, required=False)
        spec.output("structure", valid_type=StructureData, required=False)
        spec.output("restart", valid_type=SinglefileData, required=False)
        spec.output("linkers", valid_type=Dict, required=False)
        spec.inputs.validator = validate_inputs
        spec.output("disagreement", valid_type=ArrayData, required=False, help="Of the ensemble along the trajectory, eV/Å.")
        spec.output("compiled", valid_type=ZifModelData, required=False, help="Compiled again, where the one given did not fit.")
        declare(
            spec, "ERROR_PROGRAM_ABORTED", "ERROR_MODEL_UNUSABLE", "ERROR_MODEL_UNFIT", "ERROR_MODEL_UNSTABLE", "ERROR_LINKER_BROKEN",
            "ERROR_COMPILE_FAILED", "ERROR_MODEL_UNCHECKED", "ERROR_COMPILED_MODEL_WRONG",
        )  # fmt: skip

    @classmethod
    def protocol_inputs(cls, plan: dict[str, Any], **inputs: Any) -> dict[str, Any]:
        """Constant volume and temperature, for as long as the protocol says."""
        run = stages.md_run(plan["md"]["run"], [stages.hold(plan["md"]["run"], "hold", **plan["md"]["hold"])], seed=1)
        return {"run": Dict(run), "reference": inputs["structure"], **stages.wall(plan, inputs.get("potential"))}

    @classmethod
    def before_segment(cls) -> tuple[Any, ...]:
        """A model that was compiled for another machine is compiled again."""
        return (if_(cls.should_run_compile)(cls.run_compile, cls.inspect_compile),)

    @classmethod
    def after_segments(cls) -> tuple[Any, ...]:
        """What came out is joined, and the members are asked before the verdict."""
        return (cls.put_out, if_(cls.should_run_disagree)(cls.run_disagree, cls.inspect_disagree), cls.results)

    def setup(self) -> None:
        """The model given, or the first member of the ensemble."""
        super().setup()
        self.ctx.given = self.inputs.potential if "potential" in self.inputs else take_member(self.inputs.ensemble, Int(1))
        self.ctx.potential, self.ctx.is_unfit = self.ctx.given, False

    # ----- a model for another machine

    def unfit(self, node: CalcJobNode) -> ExitCode | bool | None:
        """A model that was compiled for another machine is compiled again for this one, once, where that can be done."""
        if node.exit_status != VERDICTS["ERROR_MODEL_UNFIT"][0]:
            return None
        if reason := self.why_not_compile():
            self.report(f"the model is not compiled again: {reason}")
            return self.child_failed(self.STAGE, node)
        self.ctx.is_unfit = True
        return True

    def why_not_compile(self) -> str | None:
        """Return why the model cannot be compiled again for the machine of the jobs, ``None`` where it can."""
        compile_code, lammps = self.inputs.codes.get("compile"), self.inputs.codes["lammps"]
        if self.ctx.potential.uuid != self.ctx.given.uuid:
            return "it has been once, on this computer, and does not fit either; do the jobs run on machines that differ?"
        if compile_code is None:
            return "there is no code for it; give nequip-compile on the computer of the MD as `codes.compile`"
        if compile_code.computer is None or compile_code.computer.uuid != lammps.computer.uuid:
            return f"codes.compile is not on {lammps.computer.label}, where the MD runs; give the nequip-compile that is there"
        return None if self.package() is not None else "the package that it was compiled from is not here; import it, or compile by hand"

    def package(self) -> ZifModelData | None:
        """Return the package that the model was compiled from."""
        try:
            node = load_node(self.ctx.given.base.attributes.get("parent", ""))
        except (NotExistent, ValueError):
            return None
        return node if isinstance(node, ZifModelData) else None

    def should_run_compile(self) -> bool:
        """The instruction set or GPU that the model was compiled for is not there."""
        return bool(self.ctx.is_unfit)

    def run_compile(self) -> Any:
        """Compile the package on the computer of the MD and with its options, and check it on the frames that it was trained with."""
        model, codes = self.package(), self.inputs.codes
        facts = self.ctx.given.base.attributes
        inputs: dict[str, Any] = {"code": codes["compile"], "model": model, "device": Str(facts.get("device", "cpu"))}
        trained = model.creator.inputs if model is not None and model.creator is not None else {}
        if "check" in codes and codes["check"].computer.uuid == codes["lammps"].computer.uuid and "dataset" in trained:
            inputs |= {"check_code": codes["check"], "dataset": trained["dataset"]}
        self.report(f"{self.ctx.segment.exit_message} Compiling the package again, with the options of the MD.")
        metadata = {"options": self.options(self.STAGE), "call_link_label": "compile"}
        return {"compile": self.submit(NequipCompileCalculation, **inputs, metadata=metadata)}

    def inspect_compile(self) -> ExitCode | None:
        """Go on with what was compiled here."""
        node, self.ctx.is_unfit = self.ctx.compile, False
        if not node.is_finished_ok:
            return self.child_failed("compile", node)
        self.ctx.potential = node.outputs.compiled
        self.out("compiled", self.ctx.potential)
        self.report(f"compiled again by {node.process_label}<{node.pk}>; the MD goes on from step {self.ctx.done}")
        return None

    def should_run_disagree(self) -> bool:
        """One model says nothing of how sure it is."""
        return "ensemble" in self.inputs

    def run_disagree(self) -> Any:
        """All members on the frames of the one that ran."""
        metadata = {"options": self.options("disagree"), "call_link_label": "disagree"}
        node = self.submit(
            ZifDisagreeCalculation, code=self.inputs.codes["disagree"], ensemble=self.inputs.ensemble, metadata=metadata,
            trajectory=self.outputs["trajectory"], stride=self.inputs.disagreement_stride,
        )  # fmt: skip
        return {"disagree": node}

    def inspect_disagree(self) -> None:
        """The MD stands also where this failed."""
        node = self.ctx.disagree
        if "disagreement" not in node.outputs:
            self.report(f"disagree: {node.process_label}<{node.pk}> ended with [{node.exit_status}] {words_of(node)}")
            return
        self.out("disagreement", node.outputs.disagreement)
        found = node.outputs.results
        largest, step = found["disagreement_max_ev_per_angstrom"], found["worst_step"]
        self.report(f"the members differ most at step {step}, by {largest:.3g} eV/Å; on average by {found[MEAN]:.3g} eV/Å")
