# SPDX-License-Identifier: MIT
"""`zif.dataset`: from trajectories to a dataset."""

from __future__ import annotations

from typing import Any

from aiida.engine import ExitCode
from aiida.orm import Dict, to_aiida_type

from aiida_zif.calculations.functions.dataset import draw_dataset
from aiida_zif.data.dataset import ZifDatasetData
from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.workchains.chain import ZifWorkChain


def validate_parameters(node: Any, _: Any) -> str | None:
    """Say in one sentence what is wrong with the parameters of a draw."""
    needed = {"method", "n_train", "n_validation", "held_out_fraction", "gap", "seed"}
    if missing := sorted(needed - set(node.get_dict())):
        return f"the parameters of a draw lack {', '.join(missing)}"
    if node["method"] not in ("flat_histogram", "random"):
        return f"the method of a draw is {node['method']!r}, but must be flat_histogram or random"
    return None


class DatasetWorkChain(ZifWorkChain):
    """Draw frames for training and validation from trajectories; hold out the last block in time of each."""

    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.input_namespace("trajectories", dynamic=True, valid_type=ZifTrajectoryData, help="Made here, or recorded.")
        spec.input("parameters", valid_type=Dict, serializer=to_aiida_type, validator=validate_parameters, help="How to draw.")
        spec.output("dataset", valid_type=ZifDatasetData)
        spec.outline(cls.draw)

    @classmethod
    def protocol_inputs(cls, plan: dict[str, Any], **inputs: Any) -> dict[str, Any]:
        """How to draw."""
        return {"parameters": Dict({**plan["dataset"], "seed": 1})}

    def draw(self) -> ExitCode | None:
        """Draw, and say how many; what cannot be drawn is said in the draw's own sentence."""
        try:
            dataset = draw_dataset(parameters=self.inputs.parameters, **self.inputs.trajectories)
        except ValueError as problem:
            return self.exit_codes.ERROR_CHILD_FAILED.format(stage="dataset", reason=str(problem))
        self.report(f"frames drawn: {dataset.counts}")
        self.out("dataset", dataset)
        return None
