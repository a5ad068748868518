# SPDX-License-Identifier: MIT
"""`zif.eos`: pressure against volume at constant temperature, and the equation of state through it."""

from __future__ import annotations

from typing import Any

from aiida.engine import ExitCode
from aiida.orm import ArrayData, Dict, Int, StructureData, to_aiida_type

from aiida_zif.calculations.functions.mechanics import fit_equation_of_state
from aiida_zif.calculations.md import POTENTIALS
from aiida_zif.calculations.verdicts import declare
from aiida_zif.workchains import stages
from aiida_zif.workchains.chain import ZifWorkChain
from aiida_zif.workchains.md import MdWorkChain


class EquationOfStateWorkChain(ZifWorkChain):
    """Deform, equilibrate and produce at each volume, in one run; fit Birch–Murnaghan. The cell keeps its shape: a Voigt modulus."""

    CODES = ("lammps",)
    MAY_USE = MdWorkChain.MAY_USE

    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.input("structure", valid_type=StructureData, help="Crystal or glass, at its own volume.")
        spec.input("reference", valid_type=StructureData, required=False, help="Where the linkers are whole; else the structure itself.")
        spec.input("potential", valid_type=POTENTIALS, help="A model, compiled for this machine or packaged, or a force field.")
        spec.input("wall", valid_type=Dict, required=False, help="Declared pair terms beside the model.")
        spec.input("run", valid_type=Dict, serializer=to_aiida_type, validator=stages.validate_eos, help="Temperature, volumes, times.")
        spec.input("seed", valid_type=Int, serializer=to_aiida_type, help="Of the first velocities.")
        spec.outline(cls.run_volumes, cls.inspect_volumes, cls.results)
        spec.output("equation_of_state", valid_type=Dict, required=False, help="K, ρ0, V0 with errors, and the points.")
        spec.output("thermo", valid_type=ArrayData, required=False)
        declare(
            spec, "ERROR_MODEL_UNUSABLE", "ERROR_MODEL_UNFIT", "ERROR_MODEL_UNSTABLE", "ERROR_LINKER_BROKEN",
            "ERROR_EQUATION_OF_STATE_UNPHYSICAL",
        )  # fmt: skip

    @classmethod
    def protocol_inputs(cls, plan: dict[str, Any], **inputs: Any) -> dict[str, Any]:
        """Temperature, volumes and times."""
        return {"run": Dict({**plan["md"]["run"], **plan["eos"]}), "seed": Int(1), **stages.wall(plan, inputs.get("potential"))}

    def run_volumes(self) -> Any:
        """All volumes in one run, since nothing is decided between them."""
        plan = self.inputs.run.get_dict()
        planned, self.ctx.production = stages.volumes(plan)
        return {"md": self.submit(MdWorkChain, **md_inputs(self, plan, planned, "volumes"))}

    def inspect_volumes(self) -> ExitCode | None:
        """A run that failed has no equation of state."""
        return None if self.ctx.md.is_finished_ok else self.child_failed("eos", self.ctx.md)

    def results(self) -> ExitCode | None:
        """Fit, and refuse what physics forbids."""
        plan = self.inputs.run.get_dict()
        wanted = {"stages": self.ctx.production, "order": plan["order"], "temperature_k": plan["temperature_k"]}
        found = fit_equation_of_state(self.inputs.structure, self.ctx.md.outputs.thermo, Dict(wanted))
        self.out("equation_of_state", found)
        self.out("thermo", self.ctx.md.outputs.thermo)
        if "reason" in found.get_dict():
            return self.exit_codes.ERROR_EQUATION_OF_STATE_UNPHYSICAL.format(reason=found["reason"])
        return None


def md_inputs(chain: ZifWorkChain, plan: stages.Plan, planned: list[stages.Stage], label: str) -> dict[str, Any]:
    """Return the inputs of the MD child of a chain that has structure, potential, wall and seed."""
    given = chain.inputs
    inputs = {name: given[name] for name in ("structure", "potential", "wall") if name in given}
    return {
        **inputs,
        **chain.stage_options("md"),
        "codes": chain.codes_for(MdWorkChain),
        "reference": given.get("reference", given.structure),
        "run": Dict(stages.md_run(plan, planned, given.seed.value)),
        "metadata": {"call_link_label": label},
    }
