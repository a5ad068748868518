# SPDX-License-Identifier: MIT
"""`zif.glass_ensemble`: several glasses of one crystal, independent by seed."""

from __future__ import annotations

from typing import Any

from aiida.engine import ExitCode
from aiida.orm import Dict, Int, List, StructureData, to_aiida_type

from aiida_zif.calculations.functions.verdicts import record_verdicts
from aiida_zif.calculations.verdicts import declare
from aiida_zif.workchains.chain import ZifWorkChain
from aiida_zif.workchains.melt_quench import MeltQuenchWorkChain

SHARED = ("structure", "potential", "wall", "run", "melt_criteria")
"""The inputs that all replicas have in common."""


class GlassEnsembleWorkChain(ZifWorkChain):
    """Melt and quench once per seed, side by side; one that fails does not stop the others."""

    CODES = ("lammps",)
    MAY_USE = MeltQuenchWorkChain.MAY_USE

    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.expose_inputs(MeltQuenchWorkChain, include=SHARED)
        spec.input("seeds", valid_type=List, serializer=to_aiida_type, validator=_validate_seeds, help="One glass per seed.")
        spec.input("min_success", valid_type=Int, serializer=to_aiida_type, default=lambda: Int(1), help="Fewer glasses are a failure.")
        spec.outline(cls.run_replicas, cls.results)
        spec.output_namespace("glasses", dynamic=True, valid_type=StructureData, help="By replica; the certificate says which is a glass.")
        spec.output_namespace("melts", dynamic=True, valid_type=Dict, help="The melt verdicts by replica.")
        spec.output("verdicts", valid_type=Dict, help="What became of each replica.")
        declare(spec, "ERROR_TOO_FEW_REPLICAS")

    @classmethod
    def protocol_inputs(cls, plan: dict[str, Any], **inputs: Any) -> dict[str, Any]:
        """As a melt-quench, for as many seeds as the protocol has replicas."""
        found = MeltQuenchWorkChain.protocol_inputs(plan, **inputs)
        found.pop("seed")
        replicas = plan["melt_quench"]["replicas"]
        return {**found, "seeds": List(list(range(1, replicas + 1))), "min_success": Int(plan["melt_quench"]["min_success"])}

    def run_replicas(self) -> Any:
        """Submit all seeds."""
        shared = {name: self.inputs[name] for name in SHARED if name in self.inputs}
        nodes = {}
        for number, seed in enumerate(self.inputs.seeds.get_list(), 1):
            metadata = {"call_link_label": f"replica_{number:02d}"}
            nodes[f"replica_{number:02d}"] = self.submit(
                MeltQuenchWorkChain, codes=self.codes_for(MeltQuenchWorkChain), seed=Int(seed), metadata=metadata,
                **self.stage_options("md"), **shared,
            )  # fmt: skip
        self.ctx.labels = sorted(nodes)
        return nodes

    def results(self) -> ExitCode | None:
        """Put out what became a solid, and a verdict for each."""
        verdicts = {}
        for label in self.ctx.labels:
            node = self.ctx[label]
            verdicts[label] = {"exit_status": node.exit_status, "message": node.exit_message or "", "uuid": node.uuid}
            if "glass" in node.outputs:
                self.out(f"glasses.{label}", node.outputs.glass)
                self.out(f"melts.{label}", node.outputs.melt)
        self.out("verdicts", record_verdicts(Dict(verdicts)))
        done = sum("glass" in self.ctx[label].outputs for label in self.ctx.labels)
        if done < self.inputs.min_success.value:
            return self.exit_codes.ERROR_TOO_FEW_REPLICAS.format(done=done, asked=len(self.ctx.labels))
        return None


def _validate_seeds(node: Any, _: Any) -> str | None:
    seeds = node.get_list()
    if not seeds or len(set(seeds)) != len(seeds):
        return f"the seeds are {seeds}, but each glass needs its own"
    return None
