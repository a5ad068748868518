# SPDX-License-Identifier: MIT
"""`zif.glass_ensemble`: glasses of one crystal, a row per schedule, cell and start, each with several seeds; a certificate each."""

from __future__ import annotations

from typing import Any

from aiida.engine import ExitCode, while_
from aiida.orm import Dict, Group, Int, List, Str, StructureData, to_aiida_type

from aiida_zif.calculations.functions.certificate import certify_glass
from aiida_zif.calculations.functions.glasses import rule_problem, tabulate_glasses
from aiida_zif.calculations.functions.verdicts import record_verdicts
from aiida_zif.calculations.job import validate_structure
from aiida_zif.calculations.verdicts import declare
from aiida_zif.workchains import glass_facts, glass_rows, scan_table
from aiida_zif.workchains.analysis import AnalysisWorkChain
from aiida_zif.workchains.chain import words_of
from aiida_zif.workchains.melt_quench import MeltQuenchWorkChain
from aiida_zif.workchains.side_by_side import SideBySideWorkChain
from aiida_zif.workchains.stages import steps_of

SHARED = ("structure", "potential", "wall", "melt_criteria", "quench_solid")
"""The inputs that all replicas have in common."""
GROUP = "zif/glass_ensemble"
STAGE = "glass_ensemble"


def validate_inputs(inputs: Any, _: Any) -> str | None:
    """Say in one sentence which row cannot be."""
    starts = dict(inputs.get("starts") or {})
    problem = glass_rows.problem(
        inputs["rows"].get_list(), inputs["run"].get_dict(), inputs["seeds"].get_list(), inputs["repeats"].get_list(),
        inputs["structure"], starts,
    )  # fmt: skip
    if problem:
        return problem
    asked, least = len(glass_rows.replicas(inputs["rows"].get_list(), inputs["seeds"].get_list())), inputs["min_success"].value
    return None if 1 <= least <= asked else f"min_success is {least}, but there are {asked} replicas: give 1 to {asked}"


class GlassEnsembleWorkChain(SideBySideWorkChain):
    """Melt and quench each row once per seed, side by side; one that fails does not stop the others. Each solid gets a certificate."""

    CODES = ("lammps",)
    MAY_USE = tuple(dict.fromkeys((*MeltQuenchWorkChain.MAY_USE, *AnalysisWorkChain.CODES, *AnalysisWorkChain.MAY_USE)))

    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.expose_inputs(MeltQuenchWorkChain, include=(*SHARED, "run", "repeats"))
        spec.input("rows", valid_type=List, serializer=to_aiida_type, default=lambda: List([{}]),
                   help="What differs, a mapping each: Tmax, rate, plateau, repeats, start, seeds; none: the run.")  # fmt: skip
        spec.input("seeds", valid_type=List, serializer=to_aiida_type, help="One glass per seed, of rows that name none.")
        spec.input_namespace("starts", dynamic=True, required=False, valid_type=StructureData, validator=_validate_starts,
                             help="Liquids from which rows may start at Tmax.")  # fmt: skip
        spec.input("analysis", valid_type=Dict, serializer=to_aiida_type, help="Bins, criteria and ring depth of the analysis.")
        spec.input("min_success", valid_type=Int, serializer=to_aiida_type, default=lambda: Int(1), help="Fewer solids are a failure.")
        spec.input("rule", valid_type=Dict, serializer=to_aiida_type, default=lambda: Dict({}), validator=_validate_rule,
                   help="When a replica is an outlier: `max_modified_z`, `fewest`.")  # fmt: skip
        spec.input("table", valid_type=Str, required=False, serializer=to_aiida_type, help="Name of the table, if it has one.")
        spec.inputs.validator = validate_inputs
        spec.outline(cls.begin, while_(cls.should_run_children)(cls.run_children), cls.run_analysis, cls.inspect_analysis, cls.results)
        for name, kind, text in (
            ("glasses", StructureData, "By replica; the certificate says which is a glass."), ("melts", Dict, "The melt verdicts."),
            ("certificates", Dict, "What each solid is, and how it was made."),
        ):  # fmt: skip
            spec.output_namespace(name, dynamic=True, valid_type=kind, help=text)
        spec.output("table", valid_type=Dict, help="Verdict, mean and spread by row; linkers broken by temperature.")
        spec.output("verdicts", valid_type=Dict, help="What became of each replica.")
        declare(spec, "ERROR_TOO_FEW_REPLICAS", "WARNING_REPLICAS_FAILED")

    @classmethod
    def protocol_inputs(cls, plan: dict[str, Any], **inputs: Any) -> dict[str, Any]:
        """The table that the protocol names, if any; else its melt-quench for as many seeds as it has replicas."""
        stage, found = plan[STAGE], MeltQuenchWorkChain.protocol_inputs(plan, **inputs)
        found.pop("seed")
        replicas = plan["melt_quench"]["replicas"]
        table = scan_table.load(stage["table"], STAGE) if stage["table"] and "rows" not in inputs else scan_table.Table("", [{}])
        values = {
            **found, "rows": List(table.rows), "seeds": List(table.seeds or list(range(1, replicas + 1))),
            "run": Dict({**found["run"].get_dict(), **table.run}), "analysis": Dict(plan["analysis"]), "rule": Dict(stage["rule"]),
            "min_success": Int(plan["melt_quench"]["min_success"]), "max_concurrent": Int(stage["max_concurrent"]),
        }  # fmt: skip
        return {**values, **({"table": Str(table.name)} if table.name else {})}

    def begin(self) -> None:
        """Say which replicas there are."""
        self.ctx.replicas = glass_rows.replicas(self.inputs.rows.get_list(), self.inputs.seeds.get_list())
        self.begin_children(list(self.ctx.replicas))

    def row(self, key: str) -> dict[str, Any]:
        """Return the row of a replica."""
        row: dict[str, Any] = self.inputs.rows.get_list()[self.ctx.replicas[key][0]]
        return row

    def child(self, key: str) -> tuple[type[MeltQuenchWorkChain], dict[str, Any]]:
        """The melt-quench of a row with a seed."""
        row, seed = self.row(key), self.ctx.replicas[key][1]
        given = {name: self.inputs[name] for name in SHARED if name in self.inputs}
        if row.get("start", glass_rows.CRYSTAL) != glass_rows.CRYSTAL:
            given["start"] = self.inputs.starts[row["start"]]
        run = glass_rows.run_of(row, self.inputs.run.get_dict())
        repeats = List(glass_rows.repeats_of(row, self.inputs.repeats.get_list()))
        return MeltQuenchWorkChain, {
            "codes": self.codes_for(MeltQuenchWorkChain), "run": Dict(run), "repeats": repeats, "seed": Int(seed), **given,
            **self.stage_options("md"),
        }  # fmt: skip

    def run_analysis(self) -> Any:
        """The structure of each solid, over its production."""
        nodes = {}
        for key in self.solids():
            made = self.ctx[key].outputs
            run = Dict({**self.inputs.analysis.get_dict(), **steps_of(made.run.get_dict(), "production")})
            metadata = {"call_link_label": f"analysis_{key}"}
            nodes[f"analysis_{key}"] = self.submit(
                AnalysisWorkChain, codes=self.codes_for(AnalysisWorkChain), reference=made.reference, trajectory=made.trajectory_glass,
                run=run, metadata=metadata, **self.stage_options("analysis"),
            )  # fmt: skip
        return nodes

    def solids(self) -> list[str]:
        """Return the replicas that came to a solid."""
        return [key for key in self.ctx.replicas if "glass" in self.ctx[key].outputs]

    def inspect_analysis(self) -> None:
        """A solid whose structure is not known has no certificate, and the others have theirs."""
        for key in self.solids():
            node = self.ctx[f"analysis_{key}"]
            if "summary" not in node.outputs:
                self.report(f"analysis_{key}: {node.process_label}<{node.pk}> ended with [{node.exit_status}] {words_of(node)}")

    def results(self) -> ExitCode | None:
        """Certify each solid, make the table, and put what belongs together into one group."""
        # a step that a stopped daemon left half done is done again
        group, _ = Group.collection.get_or_create(f"{GROUP}/{self.uuid}")
        group.description = f"{GROUP} of {self.inputs.structure.get_formula()}: {len(self.ctx.replicas)} replicas"
        certificates = {}
        for key in self.ctx.replicas:
            made = self.ctx[key].outputs
            if "melt" in made:
                self.out(f"melts.{key}", made.melt)
            if "glass" in made:
                self.out(f"glasses.{key}", made.glass)
                if "summary" in self.ctx[f"analysis_{key}"].outputs:
                    certificates[key] = self.certify(key)
                    self.out(f"certificates.{key}", certificates[key])
        table = tabulate_glasses(Dict(self.plan()), self.inputs.rule, **certificates)
        self.out("table", table)
        verdicts = record_verdicts(Dict(self.ctx.verdicts))
        self.out("verdicts", verdicts)
        glasses = [self.ctx[key].outputs.glass for key in self.solids()]
        group.add_nodes([self.node, table, verdicts, *glasses, *certificates.values()])
        for row in table["rows"].values():
            self.report(row["verdict"])
        return self.verdict()

    def certify(self, key: str) -> Dict:
        """Return the certificate of a replica."""
        node, made, row = self.ctx[key], self.ctx[key].outputs, self.row(key)
        repeats = glass_rows.repeats_of(row, self.inputs.repeats.get_list())
        known = {
            "ensemble": str(self.uuid), "replica": key, "seed": self.ctx.replicas[key][1], "start": row.get("start", glass_rows.CRYSTAL),
            "repeats": repeats, "model": glass_facts.model(self.inputs.potential), "timesteps_fs": glass_facts.timesteps(node),
            "cost": glass_facts.cost(node),
        }  # fmt: skip
        summary = self.ctx[f"analysis_{key}"].outputs.summary
        certificate: Dict = certify_glass(
            structure=made.glass, potential=self.inputs.potential, run=made.run, melt=made.melt, linkers=made.linkers, analysis=summary,
            thermo_melt=made.thermo_melt, thermo_glass=made.thermo_glass, made=Dict(known),
        )  # fmt: skip
        certificate.label = f"certificate of {key}"
        return certificate

    def plan(self) -> dict[str, Any]:
        """Return what the rows are, and how each replica ended."""
        rows: dict[str, Any] = {}
        given = self.inputs.rows.get_list()
        for key, (number, seed) in self.ctx.replicas.items():
            label, row = glass_rows.label_of(given[number]), given[number]
            run = glass_rows.run_of(row, self.inputs.run.get_dict())
            settings = {name: run[name] for name in ("tmax_k", "rate_k_per_ps", "plateau_ps", "timestep_fs")}
            settings |= {"ensemble": run.get("ensemble", "nvt"), "repeats": glass_rows.repeats_of(row, self.inputs.repeats.get_list())}
            rows.setdefault(label, {"settings": {**settings, "start": row.get("start", glass_rows.CRYSTAL)}, "replicas": {}})
            melt = self.ctx[key].outputs.melt["molten"] if "melt" in self.ctx[key].outputs else None
            rows[label]["replicas"][key] = {"seed": seed, "molten": melt, **self.ctx.verdicts[key]}
        name = self.inputs.table.value if "table" in self.inputs else None
        nodes = {key: self.ctx[key] for key in self.ctx.replicas}
        told = {"hazard": glass_facts.hazard(nodes), "unwatched": glass_facts.unwatched(nodes)}
        return {"table": name, "order": [glass_rows.label_of(row) for row in given], "rows": rows, **told}

    def verdict(self) -> ExitCode | None:
        """Enough solids, and none that failed."""
        done, asked = len(self.solids()), len(self.ctx.replicas)
        if done < self.inputs.min_success.value:
            return self.exit_codes.ERROR_TOO_FEW_REPLICAS.format(done=done, asked=asked)
        if failed := [key for key in self.ctx.replicas if "glass" not in self.ctx[key].outputs]:
            return self.exit_codes.WARNING_REPLICAS_FAILED.format(failed=len(failed), asked=asked, which=", ".join(failed))
        return None


def _validate_starts(starts: Any, _: Any) -> str | None:
    for name, node in (starts or {}).items():
        if problem := validate_structure(node, None):
            return f"{name}: {problem}"
    return None


def _validate_rule(node: Any, _: Any) -> str | None:
    return rule_problem(node.get_dict())
