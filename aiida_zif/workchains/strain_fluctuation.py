# SPDX-License-Identifier: MIT
"""`zif.strain_fluctuation`: elastic constants from the thermal fluctuations of a flexible cell."""

from __future__ import annotations

from typing import Any

from aiida.engine import ExitCode, while_
from aiida.orm import ArrayData, Dict, Int, StructureData, to_aiida_type

from aiida_zif.calculations.functions.mechanics import fit_elastic_constants
from aiida_zif.calculations.functions.trajectory import join_arrays
from aiida_zif.calculations.md import POTENTIALS
from aiida_zif.calculations.verdicts import declare
from aiida_zif.workchains import stages
from aiida_zif.workchains.chain import ZifWorkChain
from aiida_zif.workchains.eos import md_inputs
from aiida_zif.workchains.md import MdWorkChain, validate_potential


class StrainFluctuationWorkChain(ZifWorkChain):
    """Run NPT with all six cell components free until the strains are sampled, or the limit is reached."""

    CODES = ("lammps",)
    MAY_USE = MdWorkChain.MAY_USE

    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.input("structure", valid_type=StructureData, help="Crystal or glass.")
        spec.input("reference", valid_type=StructureData, required=False, help="Where the linkers are whole; else the structure itself.")
        spec.input("potential", valid_type=POTENTIALS, help="A model, compiled for this machine or packaged, or a force field.")
        spec.input("wall", valid_type=Dict, required=False, help="Declared pair terms beside the model.")
        spec.input("run", valid_type=Dict, serializer=to_aiida_type, validator=stages.validate_strain_fluctuation, help="Times, N_eff.")
        spec.input("seed", valid_type=Int, serializer=to_aiida_type, help="Of the first velocities.")
        spec.inputs.validator = validate_potential
        spec.outline(cls.setup, while_(cls.should_sample)(cls.run_npt, cls.inspect_npt), cls.results)
        spec.output("elastic_constants", valid_type=Dict, required=False, help="Stiffness, K, E, G, ν with errors; or why not yet.")
        spec.output("cells", valid_type=ArrayData, required=False)
        declare(
            spec, "ERROR_MODEL_UNUSABLE", "ERROR_MODEL_UNFIT", "ERROR_MODEL_UNSTABLE", "ERROR_LINKER_BROKEN",
            "ERROR_CELL_NOT_THERMALISED", "WARNING_ELASTICITY_NOT_CONVERGED", "WARNING_ERROR_ABOVE_TARGET",
        )  # fmt: skip

    @classmethod
    def protocol_inputs(cls, plan: dict[str, Any], **inputs: Any) -> dict[str, Any]:
        """Temperature, times, samples wanted."""
        return {
            "run": Dict({**plan["md"]["run"], **plan["strain_fluctuation"]}),
            "seed": Int(1),
            **stages.wall(plan, inputs.get("potential")),
        }

    def setup(self) -> None:
        """The plan: equilibration, and the first production."""
        plan = self.inputs.run.get_dict()
        equilibrate = stages.flexible(plan, "equilibrate", plan["equilibrate_ps"])
        self.ctx.stages, self.ctx.cells, self.ctx.previous, self.ctx.found = [equilibrate], [], None, None
        self.ctx.potential = self.inputs.potential

    def should_sample(self) -> bool:
        """Strains relax slowly: go on until enough independent samples exist, up to the limit of the run."""
        if self.ctx.found is None:
            return True
        unfinished = self.ctx.found["verdict"] == "not yet" or stages.above_target(self.inputs.run.get_dict(), self.ctx.found)
        return bool(unfinished) and len(self.ctx.cells) <= self.inputs.run["max_extensions"]

    def run_npt(self) -> Any:
        """Another production of the length asked."""
        plan = self.inputs.run.get_dict()
        number = len(self.ctx.cells) + 1
        finished = stages.n_steps(self.ctx.stages) if self.ctx.previous is not None else 0
        self.ctx.stages = [*self.ctx.stages, stages.flexible(plan, f"production_{number}", plan["production_ps"])]
        inputs = md_inputs(self, plan, self.ctx.stages, f"npt_{number:02d}") | {"potential": self.ctx.potential}
        if self.ctx.previous is not None:
            inputs |= {"restart": self.ctx.previous.outputs.restart, "finished_steps": Int(finished)}
        return {"md": self.submit(MdWorkChain, **inputs)}

    def inspect_npt(self) -> ExitCode | None:
        """Fit all production so far."""
        node = self.ctx.md
        if not node.is_finished_ok:
            return self.child_failed("strain_fluctuation", node)
        self.ctx.previous = node
        self.ctx.potential = node.outputs.compiled if "compiled" in node.outputs else self.ctx.potential
        self.ctx.cells = [*self.ctx.cells, node.outputs.cells]
        joined = (
            join_arrays(**{f"npt_{k:02d}": cells for k, cells in enumerate(self.ctx.cells, 1)})
            if len(self.ctx.cells) > 1
            else node.outputs.cells
        )
        run = self.inputs.run
        production = [stage["label"] for stage in self.ctx.stages if stage["label"].startswith("production")]
        wanted = {"stages": production, "temperature_k": run["temperature_k"], "min_n_eff": run["min_n_eff"]}
        self.ctx.found = fit_elastic_constants(joined, Dict(wanted))
        self.ctx.joined = joined
        self.report(self.ctx.found["sentence"])
        return None

    def results(self) -> ExitCode | None:
        """Put out the constants, or say that there are none yet."""
        self.out("elastic_constants", self.ctx.found)
        self.out("cells", self.ctx.joined)
        if self.ctx.found["verdict"] == "not thermalised":
            return self.exit_codes.ERROR_CELL_NOT_THERMALISED.format(reason=self.ctx.found["sentence"])
        if self.ctx.found["verdict"] != "converged":
            return self.exit_codes.WARNING_ELASTICITY_NOT_CONVERGED.format(reason=self.ctx.found["sentence"])
        plan = self.inputs.run.get_dict()
        if share := stages.above_target(plan, self.ctx.found):
            return self.exit_codes.WARNING_ERROR_ABOVE_TARGET.format(share=share, target=plan["target_error"])
        return None
