# SPDX-License-Identifier: MIT
"""`zif.validation`: a model against reference trajectories and structures, at the same temperature and volume, by the same analysis."""

from __future__ import annotations

from typing import Any

from aiida.engine import ExitCode, while_
from aiida.orm import ArrayData, Dict, Group, Int, StructureData, to_aiida_type

from aiida_zif.calculations.functions.trajectory import still
from aiida_zif.calculations.functions.validation import (
    begin_validation,
    compare_with_reference,
    parameters_problem,
    tabulate_validation,
)
from aiida_zif.calculations.job import structure_arrays, validate_structure
from aiida_zif.calculations.verdicts import declare
from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.workchains import stages
from aiida_zif.workchains.md import MdWorkChain
from aiida_zif.workchains.side_by_side import SideBySideWorkChain

GROUP = "zif/validation"
SHARED = ("potential", "wall")


def validate_inputs(inputs: Any, _: Any) -> str | None:
    """Say in one sentence which reference cannot be compared."""
    trajectories, glasses = dict(inputs.get("trajectories") or {}), dict(inputs.get("glasses") or {})
    if not trajectories and not glasses:
        return "there is nothing to compare with: give reference `trajectories`, or `glasses`, structures made elsewhere"
    if twice := sorted(set(trajectories) & set(glasses)):
        return f"{twice[0]} is a trajectory and a structure: give each a name of its own"
    species = structure_arrays(inputs["structure"])[0]
    for name, node in trajectories.items():
        if problem := _problem_of_atoms(name, node, species):
            return problem
    for name, node in glasses.items():
        if structure_arrays(node)[0] != species:
            return f"{name} holds other atoms, or another order of atoms, than the crystal: its linkers could not be followed"
    return None


def _problem_of_atoms(name: str, node: ZifTrajectoryData, species: tuple[str, ...]) -> str | None:
    with node.h5md() as file:
        if tuple(file.species) != species:
            return f"{name} holds other atoms, or another order of atoms, than the crystal: its linkers could not be followed"
        if "temperatures" not in file.fields and node.base.attributes.get("asked_temperature_k", None) is None:
            return f"{name} does not say its temperature: import it with --temperature"
    return None


class ValidationWorkChain(SideBySideWorkChain):
    """Run MD at the temperature and volume of each reference, analyse both alike, and tell each difference in units of its error."""

    CODES = MdWorkChain.CODES
    MAY_USE = MdWorkChain.MAY_USE

    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.input("structure", valid_type=StructureData, validator=validate_structure, help="The crystal, in which linkers are whole.")
        spec.expose_inputs(MdWorkChain, include=SHARED)
        spec.inputs["potential"].required = True
        spec.input_namespace("trajectories", dynamic=True, required=False, valid_type=ZifTrajectoryData, help="References, such as AIMD.")
        spec.input_namespace("glasses", dynamic=True, required=False, valid_type=StructureData,
                             help="References that are structures, such as glasses made elsewhere.")  # fmt: skip
        spec.input(
            "run", valid_type=Dict, serializer=to_aiida_type, validator=stages.validate_validation, help="Times, time step, strides."
        )
        spec.input("seed", valid_type=Int, serializer=to_aiida_type, default=lambda: Int(1), help="Of the velocities; all count from it.")
        spec.input("comparison", valid_type=Dict, serializer=to_aiida_type, default=lambda: Dict({}), validator=_validate_comparison,
                   help="Bins, blocks, `max_sigmas`, `tolerances`.")  # fmt: skip
        spec.inputs.validator = validate_inputs
        spec.outline(cls.begin, while_(cls.should_run_children)(cls.run_children), cls.results)
        spec.output("table", valid_type=Dict, required=False, help="By reference and observable: both, the difference, sigmas, verdict.")
        spec.output_namespace("curves", dynamic=True, valid_type=ArrayData, help="Of both, by reference.")
        spec.output_namespace("trajectories", dynamic=True, valid_type=ZifTrajectoryData, help="Of the model.")
        declare(spec, "ERROR_NO_COMPARISON", "WARNING_MODEL_DIFFERS")

    @classmethod
    def protocol_inputs(cls, plan: dict[str, Any], **inputs: Any) -> dict[str, Any]:
        """Times, bins and the rule."""
        run = {**plan["md"]["run"], **plan["validation"]["run"]}
        return {
            "run": Dict(run), "comparison": Dict(plan["validation"]["comparison"]), **stages.wall(plan, inputs.get("potential")),
            "max_concurrent": Int(plan["validation"]["max_concurrent"]),
        }  # fmt: skip

    def begin(self) -> None:
        """Where each run starts, and at which temperature: that which the reference really had."""
        self.ctx.starts, self.ctx.references, self.ctx.temperatures, self.ctx.kinds = {}, {}, {}, {}
        for name, node in dict(self.inputs.get("trajectories") or {}).items():
            found = begin_validation(node)
            self.ctx.starts[name], self.ctx.references[name] = found["structure"], node
            self.ctx.temperatures[name], self.ctx.kinds[name] = found["facts"]["temperature_k"], "trajectory"
        for name, node in dict(self.inputs.get("glasses") or {}).items():
            self.ctx.starts[name], self.ctx.references[name] = node, still(node)
            self.ctx.temperatures[name], self.ctx.kinds[name] = self.inputs.run["temperature_k"], "structure"
        self.begin_children(sorted(self.ctx.starts))

    def child(self, key: str) -> tuple[type[MdWorkChain], dict[str, Any]]:
        """The MD that is compared with one reference."""
        seed = self.inputs.seed.value + sorted(self.ctx.starts).index(key)
        run = stages.validation_run(self.inputs.run.get_dict(), self.ctx.temperatures[key], seed)
        given = {name: self.inputs[name] for name in SHARED if name in self.inputs}
        return MdWorkChain, {
            "codes": self.codes_for(MdWorkChain), "structure": self.ctx.starts[key], "reference": self.inputs.structure, "run": Dict(run),
            **given, **self.stage_options("md"),
        }  # fmt: skip

    def results(self) -> ExitCode | None:
        """Compare what came to its end, make the table, and put what belongs together into one group."""
        tables, rows = {}, {}
        for key in sorted(self.ctx.starts):
            node = self.ctx[key]
            rows[key] = {"kind": self.ctx.kinds[key], "temperature_k": self.ctx.temperatures[key], **self.ctx.verdicts[key]}
            if node.is_finished_ok:
                first = stages.steps_of(node.inputs.run.get_dict(), "production")["first_step"]
                parameters = Dict({**self.inputs.comparison.get_dict(), "first_step": first})
                found = compare_with_reference(self.inputs.structure, self.ctx.references[key], node.outputs.trajectory, parameters)
                tables[key] = found["table"]
                self.out(f"curves.{key}", found["curves"])
                self.out(f"trajectories.{key}", node.outputs.trajectory)
        if not tables:
            failed = self.ctx[sorted(self.ctx.starts)[0]]
            return self.exit_codes.ERROR_NO_COMPARISON.format(asked=len(rows), reason=f"[{failed.exit_status}] {failed.exit_message}")
        table = tabulate_validation(Dict({"rows": rows}), self.inputs.comparison, **tables)
        self.out("table", table)
        for name in table["order"]:
            self.report(f"{name}: {table['rows'][name]['verdict']}")
        group, _ = Group.collection.get_or_create(f"{GROUP}/{self.uuid}")
        group.description = f"{GROUP} of {self.inputs.structure.get_formula()}: {len(rows)} references"
        group.add_nodes([self.node, table, self.inputs.potential, *(node for node in self.ctx.references.values() if node.is_stored)])
        if table["differ"] or len(tables) < len(rows):
            judged = table["agree"] + table["differ"]
            lost = len(rows) - len(tables)
            return self.exit_codes.WARNING_MODEL_DIFFERS.format(differ=table["differ"], judged=judged, lost=lost, asked=len(rows))
        return None


def _validate_comparison(node: Any, _: Any) -> str | None:
    return parameters_problem(node.get_dict())
