# SPDX-License-Identifier: MIT
"""What a training or an evaluation left, found in the graph by links: learning curve, errors, predictions. Any of them may be missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from aiida.orm import Data, Node, ProcessNode
from numpy.typing import NDArray

from aiida_zif.report import graph

Array = dict[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Trained:
    """One model."""

    name: str
    learning: Array = field(default_factory=dict)
    """``step`` (the epoch) and columns by nequip's own names, over all segments."""
    accuracy: dict[str, Any] = field(default_factory=dict)
    """The errors on held-out frames."""
    predictions: Array = field(default_factory=dict)
    """The same frame by frame."""


def collect(node: Node, name: str | None = None) -> Trained:
    """Return what ``node`` left: a training chain, a training or an evaluation job, or what one of them put out.

    Raises ``ValueError`` with one sentence where it is anything else, or left nothing.
    """
    process: Any = node.creator if isinstance(node, Data) else node
    if not isinstance(process, ProcessNode):
        raise ValueError(f"node {node.pk} was made by no process; give a zif.train chain, a zif.train or a zif.evaluate job")
    steps = [step.node for step in graph.walk(process)]
    made = [graph.outputs(step) for step in steps]
    curve = next((found["learning_curve"] for found in made if "learning_curve" in found), None)
    judged = [found for step, found in zip(steps, made, strict=True) if step.process_label == "NequipEvaluateCalculation"]
    last = judged[-1] if judged else {}
    if curve is None and not last:
        raise ValueError(
            f"{process.process_label}<{process.pk}> left neither a learning curve nor an accuracy; it is not there yet, or no training"
        )
    return Trained(
        name or node.label or process.label or f"{_architecture(steps)} <{process.pk}>",
        arrays_of(curve), graph.content(last.get("accuracy")), arrays_of(last.get("predictions")),
    )  # fmt: skip


def _architecture(steps: Sequence[ProcessNode]) -> str:
    """Return what the model is called by its run or by itself."""
    for step in steps:
        given = graph.inputs(step)
        if "run" in given and (found := graph.content(given["run"]).get("architecture")):
            return str(found)
        if "model" in given:
            return str(given["model"].base.attributes.get("architecture", "model"))
    return "model"


def arrays_of(node: Any) -> Array:
    """Return the arrays of an ArrayData node by name; none of no node."""
    return {} if node is None else {name: np.asarray(node.get_array(name)) for name in node.get_arraynames()}


def rows_of(columns: Mapping[str, NDArray[Any]]) -> tuple[list[str], list[list[Any]]]:
    """Return head and rows of a table of equally long columns; one of vectors becomes a column per component."""
    head, flat = [], []
    for name, values in columns.items():
        parts = [values] if values.ndim == 1 else [values[:, k] for k in range(values.shape[1])]
        head += [name] if values.ndim == 1 else [f"{name}_{k}" for k in ("xx", "yy", "zz", "yz", "xz", "xy")]
        flat += [part.tolist() for part in parts]
    return head, [list(row) for row in zip(*flat, strict=True)]
