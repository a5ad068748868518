# SPDX-License-Identifier: MIT
"""`zif.aimd`: one state point of ab initio molecular dynamics, in as many segments as it takes."""

from __future__ import annotations

from typing import Any

from aiida.engine import ExitCode
from aiida.orm import CalcJobNode, Dict, Float, Int, SinglefileData, StructureData, to_aiida_type

from aiida_zif.calculations.aimd import Cp2kAimdCalculation, file_inputs, restart_problem, validate_run
from aiida_zif.calculations.functions.trajectory import audit_trajectory, join_trajectories
from aiida_zif.calculations.job import validate_structure
from aiida_zif.calculations.verdicts import VERDICTS, declare
from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.formats.cp2k_run import AimdRun
from aiida_zif.workchains.level import data_nodes, declare_data, validate_data
from aiida_zif.workchains.resuming import ResumingWorkChain

SCF_LADDER: tuple[dict[str, Any], ...] = (
    {"minimizer": "CG"},
    {"minimizer": "CG", "preconditioner": "FULL_ALL"},
    {"minimizer": "CG", "preconditioner": "FULL_ALL", "outer_scf": 20},
)
"""What is tried one after the other where the SCF does not converge. None of it changes the potential-energy surface."""
SCF_STEPS = 200
"""The fewest steps that an SCF is then given."""
HALVINGS = 2
"""How often the time step is halved for a run that blew up."""


def validate_inputs(inputs: Any, _: Any) -> str | None:
    """Say what is wrong between the inputs: a restart file and the steps said to be done."""
    if problem := validate_data(inputs):
        return problem
    done, steps = inputs["finished_steps"].value, inputs["run"]["steps"]
    if not 0 <= done < steps or (done and "restart" not in inputs):
        return f"{done} of {steps} steps are said to be finished; a restart file of a step before the last one is needed for that"
    return restart_problem(inputs["restart"], done, inputs["structure"]) if "restart" in inputs else None


class AimdWorkChain(ResumingWorkChain):
    """Run AIMD until the asked number of steps exists, then audit the labels: the temperature measured is what they are called by."""

    CODES = ("cp2k",)
    JOB = Cp2kAimdCalculation
    STAGE = "aimd"
    HANDLERS = ("scf_failed", "blew_up", "restart_refused", *ResumingWorkChain.HANDLERS)

    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.input("structure", valid_type=StructureData, validator=validate_structure, help="Zinc and whole imidazolates.")
        spec.input("run", valid_type=Dict, serializer=to_aiida_type, validator=validate_run, help="Method, temperature, steps, seed.")
        spec.input("temperature_tolerance", valid_type=Float, serializer=to_aiida_type, default=lambda: Float(0.15), help="Relative.")
        spec.input("restart", valid_type=SinglefileData, required=False, help="Go on from here: the first steps are done.")
        spec.input("finished_steps", valid_type=Int, serializer=to_aiida_type, default=lambda: Int(0), help="Steps done before `restart`.")
        spec.input("segment_steps", valid_type=Int, required=False, serializer=to_aiida_type, help="Steps of one job, at most.")
        declare_data(spec)
        spec.inputs.validator = validate_inputs
        spec.output("trajectory", valid_type=ZifTrajectoryData, required=False)
        spec.output("audit", valid_type=Dict, required=False)
        spec.output("restart", valid_type=SinglefileData, required=False, help="From which more steps can be run.")
        declare(
            spec, "ERROR_PROGRAM_ABORTED", "ERROR_LABELS_NOT_CONVERGED", "ERROR_TEMPERATURE_OFF", "ERROR_MODEL_UNSTABLE",
            "ERROR_LABELS_UNFIT",
        )  # fmt: skip

    @classmethod
    def protocol_inputs(cls, plan: dict[str, Any], **inputs: Any) -> dict[str, Any]:
        """The first state point of the protocol, or the temperature that ``run`` is given."""
        stage = plan["aimd"]
        run = {"temperature_k": stage["state_points"][0]["temperature_k"], **stage["run"], "seed": 1}
        tolerance, minutes = Float(stage["temperature_tolerance"]), Float(stage["stalled_minutes"])
        return {
            "run": Dict(run), "temperature_tolerance": tolerance, "stalled_minutes": minutes, **data_nodes(run["method"], **inputs),
        }  # fmt: skip

    def setup(self) -> None:
        """What the restart file given has done counts as done."""
        super().setup()
        self.ctx.done, self.ctx.run = self.inputs.finished_steps.value, self.inputs.run.get_dict()
        self.ctx.rung = self.ctx.halvings = 0

    def asked(self) -> int:
        """Return the last step of the run."""
        return int(self.inputs.run["steps"])

    def segment_inputs(self, previous: CalcJobNode | None) -> dict[str, Any]:
        """The first segment draws velocities from the seed; each later one goes on from a restart file, to the same last step."""
        run = self.inputs.run if self.ctx.run == self.inputs.run.get_dict() else Dict(self.ctx.run)
        inputs = {"code": self.inputs.codes["cp2k"], "structure": self.inputs.structure, "run": run, **file_inputs(self.inputs)}
        restart = previous.outputs.restart if previous is not None else self.inputs.get("restart")
        if restart is not None:
            inputs |= {"restart": restart, "finished_steps": Int(self.ctx.done)}
        if "segment_steps" in self.inputs:
            inputs["last_step"] = Int(min(self.asked(), self.ctx.done + self.inputs.segment_steps.value))
        return inputs

    def progress_of(self, node: CalcJobNode) -> int:
        """The step of the restart file that was kept: the last one printed may be later, and is run again."""
        return int(self.facts(node).get("restart_step", 0))

    def keep(self, node: CalcJobNode, finished: bool = False) -> bool:
        """Remember how long its slowest step took: the next job ends by itself three of them before its limit.

        One that came further, but not to a restart file, would do the same again: CP2K writes none when its time is up, so that the next
        one writes them ten times in as many steps. That changes no step.
        """
        kept = super().keep(node, finished)
        gained = int(self.facts(node).get("last_step", 0)) - self.ctx.done
        if not kept and 0 < gained < AimdRun.from_dict(self.ctx.run).restart_every:
            self.ctx.run = {**self.ctx.run, "restart_every": max(1, gained // 10)}
        limit, slowest = self.options(self.STAGE).get("max_wallclock_seconds"), self.facts(node).get("slowest_step_s")
        if kept and limit and slowest and 3 * slowest > max(0.1 * limit, 60.0):
            self.ctx.run = {**self.ctx.run, "slowest_step_s": slowest}
        return kept

    # ----- causes of AIMD's own

    def scf_failed(self, node: CalcJobNode) -> ExitCode | bool | None:
        """Many SCFs did not converge: another minimiser, preconditioner, outer loop, from the last sound restart file."""
        if node.exit_status != VERDICTS["ERROR_LABELS_NOT_CONVERGED"][0] or self.ctx.rung >= len(SCF_LADDER):
            return None
        self.keep(node)
        changes = {**SCF_LADDER[self.ctx.rung], "max_scf": max(SCF_STEPS, AimdRun.from_dict(self.ctx.run).max_scf)}
        self.ctx.run, self.ctx.rung = {**self.ctx.run, **changes}, self.ctx.rung + 1
        return self.go_on(f"{node.exit_message} Now with {changes}")

    def blew_up(self, node: CalcJobNode) -> bool | None:
        """No number, or far too hot: half the time step, from the last sound restart file."""
        if node.exit_status != VERDICTS["ERROR_MODEL_UNSTABLE"][0] or self.ctx.halvings >= HALVINGS:
            return None
        self.keep(node)
        self.ctx.halvings += 1
        self.ctx.run = {**self.ctx.run, "timestep_fs": AimdRun.from_dict(self.ctx.run).timestep_fs / 2}
        return self.go_on(f"{node.exit_message} Now with a time step of {self.ctx.run['timestep_fs']} fs")

    def restart_refused(self, node: CalcJobNode) -> bool | None:
        """CP2K aborted on the restart file of the segment before: go on from the one before that, or from the beginning."""
        aborted = node.exit_status == VERDICTS["ERROR_PROGRAM_ABORTED"][0] and "trajectory" not in node.outputs
        if not aborted or not self.ctx.segments or self.ctx.stalled + 1 >= self.inputs.max_stalled.value:
            return None
        self.ctx.stalled += 1
        self.ctx.segments.pop()
        first = self.inputs.finished_steps.value
        self.ctx.done = self.progress_of(self.ctx.segments[-1]) if self.ctx.segments else first
        return self.go_on(f"{node.exit_message} The restart file it began with is left aside")

    # ----- what comes out

    def put_out(self) -> None:
        """Join the segments, and what frames there are of a last one that stopped the chain."""
        nodes = list(self.ctx.segments)
        nodes += [node for node in [self.ctx.get("last")] if node is not None and node not in nodes]
        parts = {f"segment_{k:02d}": node.outputs.trajectory for k, node in enumerate(nodes, 1) if "trajectory" in node.outputs}
        if parts:
            self.out("trajectory", join_trajectories(**parts) if len(parts) > 1 else next(iter(parts.values())))
        if self.ctx.segments and "restart" in self.ctx.segments[-1].outputs:
            self.out("restart", self.ctx.segments[-1].outputs.restart)

    def results(self) -> ExitCode | None:
        """Audit what came out, and refuse a trajectory that is not at the temperature it claims."""
        self.put_out()
        audit = audit_trajectory(self.outputs["trajectory"], self.inputs.temperature_tolerance)
        self.out("audit", audit)
        found, asked = audit["mean_temperature_k"], audit["asked_temperature_k"]
        self.report(" ".join(audit["sentences"]))
        if found is None or abs(found - asked) > self.inputs.temperature_tolerance.value * asked:
            return self.exit_codes.ERROR_TEMPERATURE_OFF.format(mean=found or 0.0, asked=asked)
        if audit["passed"]:
            return None
        if audit["unconverged"]:
            return self.exit_codes.ERROR_LABELS_NOT_CONVERGED.format(share=audit["unconverged"] / max(1, audit["frames_used"]))
        return self.exit_codes.ERROR_LABELS_UNFIT.format(reason=" ".join(audit["reasons"]))
