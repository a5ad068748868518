# SPDX-License-Identifier: MIT
"""`zif.eos`: pressure against volume at constant temperature, and the equation of state through it."""

from __future__ import annotations

from typing import Any

from aiida.engine import ExitCode, while_
from aiida.orm import ArrayData, Dict, Int, StructureData, to_aiida_type

from aiida_zif.calculations.functions.mechanics import fit_equation_of_state
from aiida_zif.calculations.functions.trajectory import join_arrays
from aiida_zif.calculations.md import POTENTIALS
from aiida_zif.calculations.verdicts import declare
from aiida_zif.workchains import stages
from aiida_zif.workchains.chain import ZifWorkChain
from aiida_zif.workchains.md import MdWorkChain, validate_potential


class EquationOfStateWorkChain(ZifWorkChain):
    """Deform, equilibrate and produce at each volume, in one run; fit Birch–Murnaghan; sweep again where K is not known well enough.

    The cell keeps its shape: a Voigt modulus.
    """

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
        spec.inputs.validator = validate_potential
        spec.outline(cls.setup, while_(cls.should_sweep)(cls.run_volumes, cls.inspect_volumes), cls.results)
        spec.output("equation_of_state", valid_type=Dict, required=False, help="K, ρ0, V0 with errors, and the points.")
        spec.output("thermo", valid_type=ArrayData, required=False)
        declare(
            spec, "ERROR_MODEL_UNUSABLE", "ERROR_MODEL_UNFIT", "ERROR_MODEL_UNSTABLE", "ERROR_LINKER_BROKEN",
            "ERROR_EQUATION_OF_STATE_UNPHYSICAL", "WARNING_ERROR_ABOVE_TARGET",
        )  # fmt: skip

    @classmethod
    def protocol_inputs(cls, plan: dict[str, Any], **inputs: Any) -> dict[str, Any]:
        """Temperature, volumes and times."""
        return {"run": Dict({**plan["md"]["run"], **plan["eos"]}), "seed": Int(1), **stages.wall(plan, inputs.get("potential"))}

    def setup(self) -> None:
        """Nothing has been run yet."""
        self.ctx.stages, self.ctx.production, self.ctx.thermos = [], [], []
        self.ctx.previous = self.ctx.found = None
        self.ctx.potential = self.inputs.potential

    def should_sweep(self) -> bool:
        """Once; again while the error of K is above the target that the plan may have, and the limit is not reached."""
        if self.ctx.found is None:
            return True
        plan = self.inputs.run.get_dict()
        return bool(stages.above_target(plan, self.ctx.found)) and len(self.ctx.thermos) <= plan.get("max_extensions", 0)

    def run_volumes(self) -> Any:
        """All volumes in one run, since nothing is decided between them; a further sweep starts where the last ended."""
        plan, sweep = self.inputs.run.get_dict(), len(self.ctx.thermos)
        finished = stages.n_steps(self.ctx.stages)
        factors = sorted(plan["volume_factors"])
        planned, production = stages.volumes(plan, sweep, 1.0 if not sweep else factors[-1] if sweep % 2 else factors[0])
        self.ctx.stages, self.ctx.production = [*self.ctx.stages, *planned], [*self.ctx.production, *production]
        inputs = md_inputs(self, plan, self.ctx.stages, f"volumes_{sweep + 1}" if sweep else "volumes") | {"potential": self.ctx.potential}
        if self.ctx.previous is not None:
            inputs |= {"restart": self.ctx.previous.outputs.restart, "finished_steps": Int(finished)}
        return {"md": self.submit(MdWorkChain, **inputs)}

    def inspect_volumes(self) -> ExitCode | None:
        """Fit all sweeps so far; a run that failed has no equation of state."""
        node = self.ctx.md
        if not node.is_finished_ok:
            return self.child_failed("eos", node)
        self.ctx.previous = node
        self.ctx.potential = node.outputs.compiled if "compiled" in node.outputs else self.ctx.potential
        self.ctx.thermos = [*self.ctx.thermos, node.outputs.thermo]
        several = len(self.ctx.thermos) > 1
        self.ctx.thermo = (
            join_arrays(**{f"sweep_{k:02d}": one for k, one in enumerate(self.ctx.thermos)}) if several else node.outputs.thermo
        )
        plan = self.inputs.run.get_dict()
        wanted = {"stages": self.ctx.production, "order": plan["order"], "temperature_k": plan["temperature_k"]}
        self.ctx.found = fit_equation_of_state(self.inputs.structure, self.ctx.thermo, Dict(wanted))
        return None

    def results(self) -> ExitCode | None:
        """Put out what was found, and refuse what physics forbids."""
        plan, found = self.inputs.run.get_dict(), self.ctx.found
        self.out("equation_of_state", found)
        self.out("thermo", self.ctx.thermo)
        if "reason" in found.get_dict():
            return self.exit_codes.ERROR_EQUATION_OF_STATE_UNPHYSICAL.format(reason=found["reason"])
        if share := stages.above_target(plan, found):
            return self.exit_codes.WARNING_ERROR_ABOVE_TARGET.format(share=share, target=plan["target_error"])
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
