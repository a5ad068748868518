# SPDX-License-Identifier: MIT
"""`zif.analysis`: structure of a crystal or a glass from its trajectory."""

from __future__ import annotations

from typing import Any

from aiida.orm import ArrayData, Dict, StructureData, to_aiida_type

from aiida_zif.calculations.functions.analysis import analyse_structure
from aiida_zif.calculations.job import validate_structure
from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.workchains.chain import ZifWorkChain


class AnalysisWorkChain(ZifWorkChain):
    """Density, Zn–N RDF and coordination, N–Zn–N angles, linker integrity, rings."""

    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.input("reference", valid_type=StructureData, validator=validate_structure, help="Where the linkers are whole.")
        spec.input("trajectory", valid_type=ZifTrajectoryData, help="The frames to analyse.")
        spec.input("run", valid_type=Dict, serializer=to_aiida_type, help="`first_step`, Zn–N criterion, bins, ring depth.")
        spec.outline(cls.analyse)
        spec.output("summary", valid_type=Dict)
        spec.output("curves", valid_type=ArrayData)

    @classmethod
    def protocol_inputs(cls, plan: dict[str, Any], **inputs: Any) -> dict[str, Any]:
        """Criteria and bins, over all frames."""
        return {"run": Dict({**plan["analysis"], "first_step": 0})}

    def analyse(self) -> None:
        """Analyse, and put out numbers and curves."""
        found = analyse_structure(self.inputs.reference, self.inputs.trajectory, self.inputs.run)
        self.out("summary", found["summary"])
        self.out("curves", found["curves"])
