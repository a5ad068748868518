# SPDX-License-Identifier: MIT
"""`zif.analysis`: structure of a crystal or a glass from its trajectory."""

from __future__ import annotations

from typing import Any

from aiida.engine import ExitCode
from aiida.orm import ArrayData, Dict, Int, StructureData, to_aiida_type

from aiida_zif.calculations.analysis import ZifAnalysisCalculation, validate_atoms, validate_parameters
from aiida_zif.calculations.functions.analysis import analyse_structure
from aiida_zif.calculations.verdicts import declare
from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.workchains.chain import ZifWorkChain

JOB_ABOVE = 200_000
"""Atoms × frames: about half a minute of a process of the daemon."""


class AnalysisWorkChain(ZifWorkChain):
    """Density, g(r) and free energies, coordination, N–Zn–N angles, linkers, rings, pores, displacements, total scattering."""

    MAY_USE = ("analysis",)

    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.input("reference", valid_type=StructureData, help="Where the linkers are whole.")
        spec.input("trajectory", valid_type=ZifTrajectoryData, help="The frames to analyse.")
        spec.input(
            "run", valid_type=Dict, serializer=to_aiida_type, validator=validate_parameters,
            help="`first_step`, Zn–N criterion, bins, ring depth.",
        )  # fmt: skip
        spec.input(
            "job_above", valid_type=Int, serializer=to_aiida_type, default=lambda: Int(JOB_ABOVE),
            help="More atoms × frames than this are analysed by a job, where there is a code for it.",
        )  # fmt: skip
        spec.inputs.validator = validate_atoms
        spec.outline(cls.analyse, cls.results)
        spec.output("summary", valid_type=Dict)
        spec.output("curves", valid_type=ArrayData)
        declare(spec, "ERROR_ANALYSIS_REFUSED")

    @classmethod
    def protocol_inputs(cls, plan: dict[str, Any], **inputs: Any) -> dict[str, Any]:
        """Criteria and bins, over all frames."""
        return {"run": Dict({**plan["analysis"], "first_step": 0})}

    def analyse(self) -> Any:
        """A short trajectory here, a long or large one by a job on the machine of the code."""
        given = self.inputs
        size = given.trajectory.n_frames * len(given.reference.sites)
        if size > given.job_above.value and "analysis" in given.codes:
            inputs = {
                "code": given.codes["analysis"],
                "reference": given.reference,
                "trajectory": given.trajectory,
                "parameters": given.run,
            }
            metadata = {"options": self.options("analysis"), "call_link_label": "analysis"}
            return {"found": self.submit(ZifAnalysisCalculation, **inputs, metadata=metadata)}
        if size > given.job_above.value:
            self.report(f"{size} atoms × frames are many for the daemon: give a code `analysis` (zif-analysis) to have them in a job")
        self.ctx.here = analyse_structure(given.reference, given.trajectory, given.run)
        return None

    def results(self) -> ExitCode | None:
        """Put out numbers and curves."""
        if "found" in self.ctx and not self.ctx.found.is_finished_ok:
            return self.child_failed("analysis", self.ctx.found)
        found = self.ctx.found.outputs if "found" in self.ctx else self.ctx.here
        self.out("summary", found["summary"])
        self.out("curves", found["curves"])
        return None
