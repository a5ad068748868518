# SPDX-License-Identifier: MIT
"""`zif.relax`: a structure at 0 K, in as many jobs as it takes."""

from __future__ import annotations

from typing import Any

from aiida.engine import ExitCode
from aiida.orm import CalcJobNode, Dict, StructureData, to_aiida_type

from aiida_zif.calculations.aimd import file_inputs
from aiida_zif.calculations.job import validate_structure
from aiida_zif.calculations.relax import Cp2kRelaxCalculation, validate_run
from aiida_zif.calculations.verdicts import VERDICTS, declare
from aiida_zif.formats.cp2k_run import RelaxRun
from aiida_zif.workchains.level import data_nodes, declare_data, validate_data
from aiida_zif.workchains.resuming import ResumingWorkChain


class RelaxWorkChain(ResumingWorkChain):
    """Relax the atoms, or atoms and cell, until CP2K says that it converged; a job that was stopped is gone on from its last structure."""

    CODES = ("cp2k",)
    JOB = Cp2kRelaxCalculation
    STAGE = "relax"
    HANDLERS = ("out_of_steps", *ResumingWorkChain.HANDLERS)

    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.input("structure", valid_type=StructureData, validator=validate_structure, help="Zinc and whole imidazolates.")
        spec.input("run", valid_type=Dict, serializer=to_aiida_type, validator=validate_run, help="Method, cell, optimizer, tolerances.")
        declare_data(spec)
        spec.inputs.validator = lambda inputs, _: validate_data(inputs)
        spec.output("structure", valid_type=StructureData, required=False, help="Relaxed, or as far as it came.")
        spec.output("results", valid_type=Dict, required=False, help="Energy, largest force, pressure, steps of the last job.")
        declare(spec, "ERROR_PROGRAM_ABORTED", "ERROR_NOT_RELAXED")

    @classmethod
    def protocol_inputs(cls, plan: dict[str, Any], **inputs: Any) -> dict[str, Any]:
        """The method is that of the AIMD."""
        method = plan["aimd"]["run"]["method"]
        return {"run": Dict({"method": method, **plan["relax"]["run"]}), **data_nodes(method, **inputs)}

    def setup(self) -> None:
        """No step has been done."""
        super().setup()
        self.ctx.run = self.inputs.run.get_dict()

    def asked(self) -> int:
        """Return the most steps of all jobs together."""
        return RelaxRun.from_dict(self.inputs.run.get_dict()).max_steps

    def segment_inputs(self, previous: CalcJobNode | None) -> dict[str, Any]:
        """The steps that are left, from the last structure."""
        structure = previous.outputs.structure if previous is not None else self.inputs.structure
        run = Dict({**self.ctx.run, "max_steps": self.asked() - self.ctx.done}) if self.ctx.done else self.inputs.run
        return {"code": self.inputs.codes["cp2k"], "structure": structure, "run": run, **file_inputs(self.inputs)}

    def is_last(self, node: CalcJobNode) -> bool:
        """A relaxation that ended well converged."""
        return True

    def progress_of(self, node: CalcJobNode) -> int:
        """The steps of all jobs together; the last one that could be asked for is left to do."""
        done = int(self.ctx.done + max(0, self.facts(node).get("last_step", 0)))
        return min(done, self.asked() - 1)

    def keep(self, node: CalcJobNode, finished: bool = False) -> bool:
        """A structure is all that is needed to go on."""
        done = self.progress_of(node)
        if "structure" not in node.outputs or not (finished or done > self.ctx.done):
            return False
        self.ctx.segments.append(node)
        self.ctx.done, self.ctx.stalled, self.ctx.hangs, self.ctx.requeues = done, 0, 0, 0
        return True

    def out_of_steps(self, node: CalcJobNode) -> ExitCode | None:
        """All steps are used up: that more of them would help is for a person to say."""
        if node.exit_status != VERDICTS["ERROR_NOT_RELAXED"][0]:
            return None
        self.keep(node)
        force = self.facts(node).get("max_force_ev_per_angstrom") or float("nan")
        return self.stop("ERROR_NOT_RELAXED", done=self.asked(), force=force)

    def put_out(self) -> None:
        """The last structure and what is known of it."""
        if self.ctx.segments:
            outputs = self.ctx.segments[-1].outputs
            self.out("structure", outputs.structure)
            self.out("results", outputs.output_parameters)

    def results(self) -> None:
        """Put out the relaxed structure."""
        self.put_out()
