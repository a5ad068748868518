# SPDX-License-Identifier: MIT
"""`zif.scan`: a table of trainings side by side, compared on the same held-out frames."""

from __future__ import annotations

from typing import Any

from aiida.engine import ExitCode, while_
from aiida.orm import Bool, Dict, Float, Group, Int, List, Str, to_aiida_type

from aiida_zif.calculations.functions.scan import DEFAULT_RULE, rule_problem, tabulate_scan
from aiida_zif.calculations.verdicts import declare
from aiida_zif.data.dataset import ZifDatasetData
from aiida_zif.data.model import ZifModelData
from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.formats.nequip_run import TrainRun
from aiida_zif.workchains import scan_rows, scan_table, table_rows
from aiida_zif.workchains.chain import words_of
from aiida_zif.workchains.dataset import DatasetWorkChain
from aiida_zif.workchains.side_by_side import TrainingsWorkChain
from aiida_zif.workchains.train import TrainWorkChain

GROUP = "zif/scan"


def validate_inputs(inputs: Any, _: Any) -> str | None:
    """Say in one sentence which row cannot be."""
    rows, common, seeds = inputs["rows"].get_list(), inputs["run"].get_dict(), inputs["seeds"].get_list()
    sampling = inputs["sampling"].get_dict() if "sampling" in inputs else None
    datasets, trajectories = list(inputs.get("datasets") or {}), len(inputs.get("trajectories") or {})
    if "seed" in common:
        return "the common run has a seed, but the seeds of a scan stand in `seeds`; leave it out"
    if problem := table_rows.seeds_problem(seeds) or scan_rows.problem(rows, common, seeds, datasets, sampling, trajectories):
        return problem
    if not 1 <= inputs["min_success"].value <= len(rows):
        return f"min_success is {inputs['min_success'].value}, but there are {len(rows)} rows: give 1 to {len(rows)}"
    return None


class ScanWorkChain(TrainingsWorkChain):
    """Train each row of a table once per seed, side by side; one that fails leaves the others alone."""

    CODES = TrainWorkChain.CODES
    MAY_USE = TrainWorkChain.MAY_USE

    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.input("rows", valid_type=List, serializer=to_aiida_type, help="Label, settings that differ, dataset or sampling, seeds.")
        spec.input("run", valid_type=Dict, serializer=to_aiida_type, help="What the trainings of all rows have in common.")
        spec.input("seeds", valid_type=List, serializer=to_aiida_type, default=lambda: List([1]), help="Of rows that name none.")
        spec.input_namespace("datasets", dynamic=True, required=False, valid_type=ZifDatasetData, help="Those that rows may name.")
        spec.input_namespace("trajectories", dynamic=True, required=False, valid_type=ZifTrajectoryData, help="To draw datasets from.")
        spec.input("sampling", valid_type=Dict, required=False, serializer=to_aiida_type, help="How to draw; rows may change a part.")
        spec.input("temperature_tolerance", valid_type=Float, serializer=to_aiida_type, default=lambda: Float(0.15), help="Relative.")
        spec.input("device", valid_type=Str, serializer=to_aiida_type, default=lambda: Str("cpu"), help="Where MD will run: cpu or cuda.")
        spec.input("max_relative_force_mae", valid_type=Float, serializer=to_aiida_type, default=lambda: Float(0.3), help="Of the spread.")
        spec.input("rule", valid_type=Dict, serializer=to_aiida_type, default=lambda: Dict(DEFAULT_RULE), validator=_validate_rule,
                   help="By which the best row is chosen: `error`, and `max_cost_us_per_atom` or null.")  # fmt: skip
        spec.input("min_success", valid_type=Int, serializer=to_aiida_type, default=lambda: Int(1), help="Rows with numbers, at least.")
        spec.input("table", valid_type=Str, required=False, serializer=to_aiida_type, help="Name of the table, if it has one.")
        spec.inputs.validator = validate_inputs
        spec.outline(
            cls.begin, while_(cls.should_draw)(cls.draw, cls.inspect_draw), cls.run_frames, cls.begin_trainings,
            while_(cls.should_run_children)(cls.run_children), cls.results,
        )  # fmt: skip
        spec.output("table", valid_type=Dict, required=False, help="Rows with errors and cost over seeds, front, pick, verdicts.")
        spec.output_namespace("models", dynamic=True, valid_type=ZifModelData, help="The portable package of each training.")
        spec.output_namespace("datasets", dynamic=True, valid_type=ZifDatasetData, help="Those that were drawn here.")
        spec.output("model", valid_type=ZifModelData, required=False, help="Of the row chosen, that of the seed with the lowest error.")
        spec.output("compiled", valid_type=ZifModelData, required=False, help="Its form for this machine.")
        declare(spec, "ERROR_TOO_FEW_ROWS", "WARNING_ROWS_FAILED", "WARNING_ROWS_NOT_COMPARABLE")

    @classmethod
    def protocol_inputs(cls, plan: dict[str, Any], **inputs: Any) -> dict[str, Any]:
        """The table that the protocol names, on the protocol's trainings and draw; with ``rows`` given by hand, those instead."""
        stage = plan["scan"]
        table = scan_table.Table("", []) if "rows" in inputs else scan_table.load(stage["table"])
        common, rows = scan_table.resolve(table, plan["train"]["runs"], plan["train"]["model"])
        known = [common.pop("seed")] if "seed" in common else stage["seeds"]
        values = {
            "rows": List(rows), "run": Dict(common), "seeds": List(table.seeds or known), "compile": Bool(stage["compile"]),
            "max_relative_force_mae": Float(plan["train"]["max_relative_force_mae"]), "max_concurrent": Int(stage["max_concurrent"]),
            "rule": Dict({**DEFAULT_RULE, **stage["rule"]}), "use_cache": Bool(stage["use_cache"]),
        }  # fmt: skip
        if table.name:
            values["table"] = Str(table.name)
        if inputs.get("trajectories"):
            values["sampling"] = Dict({**plan["dataset"], "seed": 1, **table.sampling})
        return values

    def begin(self) -> None:
        """Say which draws and which trainings there are. Rows of the same sampling share its draw."""
        rows, common = self.inputs.rows.get_list(), self.inputs.run.get_dict()
        self.ctx.labels = [scan_rows.label_of(row, common) for row in rows]
        self.ctx.trainings = scan_rows.trainings(rows, common, self.inputs.seeds.get_list())
        self.ctx.datasets = dict(self.inputs.datasets) if "datasets" in self.inputs else {}
        drawn = [row for row in rows if scan_rows.dataset_of(row, list(self.ctx.datasets)) not in self.ctx.datasets]
        self.ctx.draws = scan_rows.samplings(drawn, self.inputs.sampling.get_dict()) if drawn else {}

    def should_draw(self) -> bool:
        """One draw after the other: the first audits the trajectories for all of them."""
        return bool(self.ctx.draws)

    def draw(self) -> Any:
        """Draw the next sampling; whatever it is, the same frames are held out."""
        self.ctx.drawing = next(iter(self.ctx.draws))
        parameters = Dict(self.ctx.draws.pop(self.ctx.drawing))
        node = self.submit(
            DatasetWorkChain, trajectories=dict(self.inputs.trajectories), parameters=parameters, codes={},
            temperature_tolerance=self.inputs.temperature_tolerance, metadata={"call_link_label": f"dataset_{self.ctx.drawing}"},
        )  # fmt: skip
        return {"drawn": node}

    def inspect_draw(self) -> None:
        """Rows whose frames could not be drawn fail; the others go on."""
        node, name = self.ctx.drawn, self.ctx.drawing
        if node.is_finished_ok:
            self.ctx.datasets[name] = node.outputs.dataset
            self.out(f"datasets.{name}", node.outputs.dataset)
        else:
            self.report(f"{name}: DatasetWorkChain<{node.pk}> ended with [{node.exit_status}] {words_of(node)}")

    def run_frames(self) -> Any:
        """Once per dataset, however many rows learn from it."""
        names = {self.dataset_name(key) for key in self.ctx.trainings}
        return self.write_frames({name: self.ctx.datasets[name] for name in sorted(names) if name in self.ctx.datasets})

    def begin_trainings(self) -> None:
        """All of them but those without frames."""
        self.begin_children([key for key in self.ctx.trainings if self.dataset_name(key) in self.ctx.datasets])

    def row(self, key: str) -> dict[str, Any]:
        """Return the row of a training."""
        row: dict[str, Any] = self.inputs.rows.get_list()[self.ctx.trainings[key][0]]
        return row

    def dataset_name(self, key: str) -> str:
        """Return the name of the dataset that a training learns from."""
        return scan_rows.dataset_of(self.row(key), list(self.inputs.get("datasets", {})))

    def child(self, key: str) -> tuple[type[TrainWorkChain], dict[str, Any]]:
        """The training of one row with one seed."""
        run = scan_rows.run_of(self.row(key), self.inputs.run.get_dict(), self.ctx.trainings[key][1])
        name = self.dataset_name(key)
        return TrainWorkChain, {
            "codes": self.codes_for(TrainWorkChain), "dataset": self.ctx.datasets[name], "run": Dict(run), "device": self.inputs.device,
            "max_relative_force_mae": self.inputs.max_relative_force_mae, **self.links(name), **self.stage_options("train"),
        }  # fmt: skip

    def results(self) -> ExitCode | None:
        """Put out table, models and pick, and put what belongs together into one group."""
        group, _ = Group.collection.get_or_create(f"{GROUP}/{self.uuid}")
        group.description = f"{GROUP}: {len(self.ctx.labels)} rows, {len(self.ctx.trainings)} trainings"
        measured = {}
        for key in self.ctx.trainings:
            outputs: Any = self.ctx[key].outputs if key in self.ctx else {}
            for name in ("accuracy", "model"):
                if name in outputs:
                    measured[f"{name}_{key}"] = outputs[name]
            if "model" in outputs:
                self.out(f"models.{key}", outputs.model)
        table = tabulate_scan(Dict(self.plan()), self.inputs.rule, **measured)
        self.out("table", table)
        self.report(table["reason"])
        if table["best_training"]:
            best = self.ctx[table["best_training"]].outputs
            for name in ("model", "compiled"):
                if name in best:
                    self.out(name, best[name])
        group.add_nodes([self.node, table, *measured.values(), *self.ctx.datasets.values()])
        return self.verdict(table)

    def plan(self) -> dict[str, Any]:
        """Return what the rows are, and how each training ended."""
        rows: dict[str, Any] = {}
        for key, (number, seed) in self.ctx.trainings.items():
            label, name = self.ctx.labels[number], self.dataset_name(key)
            if label not in rows:
                run = TrainRun.from_dict(scan_rows.run_of(self.row(key), self.inputs.run.get_dict(), seed)).to_dict()
                run.pop("seed")
                rows[label] = {"run": run, "dataset": _facts(name, self.ctx.datasets.get(name)), "trainings": {}}
            lost = {"exit_status": None, "message": f"its frames could not be drawn, see dataset_{name}", "uuid": None}
            rows[label]["trainings"][key] = {"seed": seed, **self.ctx.verdicts.get(key, lost)}
        return {"table": self.inputs.table.value if "table" in self.inputs else None, "order": self.ctx.labels, "rows": rows}

    def verdict(self, table: Dict) -> ExitCode | None:
        """Enough rows, none that failed, all on the same frames."""
        rows = table["rows"]
        done, failed = sum(row["seeds_measured"] > 0 for row in rows.values()), [key for key in rows if rows[key]["verdict"] != "done"]
        if done < self.inputs.min_success.value:
            return self.exit_codes.ERROR_TOO_FEW_ROWS.format(done=done, asked=len(rows))
        sets = {row["dataset"]["held_out_places"] for row in rows.values() if row["dataset"]["held_out_places"]}
        if len(sets) > 1:
            return self.exit_codes.WARNING_ROWS_NOT_COMPARABLE.format(sets=len(sets))
        if failed:
            bad = [key for row in rows.values() for key, one in row["trainings"].items() if one["exit_status"] != 0]
            return self.exit_codes.WARNING_ROWS_FAILED.format(failed=len(bad), asked=len(self.ctx.trainings), which=", ".join(bad))
        return None


def _facts(name: str, dataset: ZifDatasetData | None) -> dict[str, Any]:
    """Return what a row says of its frames."""
    if dataset is None:
        return {"name": name, "uuid": None, "sampling": name, "counts": {}, "held_out_places": None}
    method = dataset.base.attributes.get("drawing").get("method", name)
    held_out = dataset.held_out_places if dataset.counts["held_out"] else None
    return {"name": name, "uuid": str(dataset.uuid), "sampling": method, "counts": dataset.counts, "held_out_places": held_out}


def _validate_rule(node: Any, _: Any) -> str | None:
    return rule_problem(node.get_dict())
