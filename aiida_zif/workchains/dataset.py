# SPDX-License-Identifier: MIT
"""`zif.dataset`: from trajectories to a dataset."""

from __future__ import annotations

from typing import Any

from aiida.engine import ExitCode
from aiida.orm import CalcFunctionNode, Dict, Float, to_aiida_type

from aiida_zif.calculations.functions.dataset import draw_dataset
from aiida_zif.calculations.functions.trajectory import audit_trajectory
from aiida_zif.data.dataset import ZifDatasetData
from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.science.drawing import Recipe
from aiida_zif.workchains.chain import ZifWorkChain


def validate_parameters(node: Any, _: Any) -> str | None:
    """Say in one sentence what is wrong with the parameters of a draw."""
    try:
        Recipe.from_dict(node.get_dict())
    except (ValueError, TypeError) as problem:
        return str(problem)
    return None


class DatasetWorkChain(ZifWorkChain):
    """Audit the trajectories that were not audited yet, then draw frames for training, validation and held-out evaluation."""

    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.input_namespace("trajectories", dynamic=True, valid_type=ZifTrajectoryData, help="Made here, imported, or recorded.")
        spec.input("parameters", valid_type=Dict, serializer=to_aiida_type, validator=validate_parameters, help="How to draw.")
        spec.input("temperature_tolerance", valid_type=Float, serializer=to_aiida_type, default=lambda: Float(0.15), help="Relative.")
        spec.output("dataset", valid_type=ZifDatasetData)
        spec.outline(cls.audit, cls.draw)

    @classmethod
    def protocol_inputs(cls, plan: dict[str, Any], **inputs: Any) -> dict[str, Any]:
        """How to draw."""
        return {"parameters": Dict({**plan["dataset"], "seed": 1})}

    def audit(self) -> None:
        """Take the newest audit of each trajectory, or make one: it is what passes over all positions, and need not do so for each draw."""
        self.ctx.audits = {}
        for name, node in self.inputs.trajectories.items():
            found = audit_of(node)
            self.ctx.audits[f"audit_{name}"] = found or audit_trajectory(trajectory=node, tolerance=self.inputs.temperature_tolerance)
            for sentence in self.ctx.audits[f"audit_{name}"]["reasons"]:
                self.report(f"{name}: {sentence}")

    def draw(self) -> ExitCode | None:
        """Draw, and say how many; what cannot be drawn is said in the draw's own sentence."""
        try:
            dataset = draw_dataset(parameters=self.inputs.parameters, **self.inputs.trajectories, **self.ctx.audits)
        except ValueError as problem:
            return self.exit_codes.ERROR_CHILD_FAILED.format(stage="dataset", reason=str(problem))
        drawing = dataset.base.attributes.get("drawing")
        self.report(f"frames drawn: {dataset.counts}. {drawing['leakage']['sentence']} {drawing['stress_note'] or ''}".strip())
        self.out("dataset", dataset)
        return None


def audit_of(trajectory: ZifTrajectoryData) -> Dict | None:
    """Return the newest audit of ``trajectory`` that says which frames are usable, or ``None``."""
    links = trajectory.base.links.get_outgoing(node_class=CalcFunctionNode, link_label_filter="trajectory").all_nodes()
    done = [node for node in links if node.process_label == "audit_trajectory" and node.is_finished_ok]
    found = [node.outputs.result for node in sorted(done, key=lambda node: node.ctime, reverse=True)]
    return next((audit for audit in found if "unusable" in audit.get_dict()), None)
