# SPDX-License-Identifier: MIT
"""The graph below a pipeline, walked by links and labels: no class of ours is needed to read it, and no pk, which a profile changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from aiida.common.links import LinkType
from aiida.orm import Node, ProcessNode, WorkflowNode

CALLS = (LinkType.CALL_CALC, LinkType.CALL_WORK)
INPUTS = (LinkType.INPUT_CALC, LinkType.INPUT_WORK)
OUTPUTS = (LinkType.CREATE, LinkType.RETURN)

STAGES: dict[str, str] = {
    "AimdCampaignWorkChain": "aimd", "AimdWorkChain": "aimd", "Cp2kAimdCalculation": "aimd", "Cp2kLabelCalculation": "labels",
    "DatasetWorkChain": "dataset", "ActiveLearningWorkChain": "active_learning",
    "TrainWorkChain": "train", "NequipCompileCalculation": "compile", "NequipEvaluateCalculation": "evaluate",
    "GlassEnsembleWorkChain": "melt_quench", "MeltQuenchWorkChain": "melt_quench", "EquationOfStateWorkChain": "eos",
    "StrainFluctuationWorkChain": "strain_fluctuation", "AnalysisWorkChain": "analysis", "ValidationWorkChain": "validation",
}  # fmt: skip
"""What a process belongs to, where its label tells; the others belong to the stage of their caller."""


@dataclass(frozen=True, eq=False)
class Step:
    """A process below the pipeline."""

    node: ProcessNode
    label: str
    """Of the call link; the name of the process where the caller gave none."""
    stage: str
    """One of the words of ``STAGES``, or ``pipeline``."""
    depth: int
    """0 for the pipeline itself."""

    @property
    def verdict(self) -> str:
        """How it ended, in words."""
        return verdict(self.node)


def walk(node: ProcessNode, label: str = "pipeline", stage: str = "pipeline", depth: int = 0) -> Iterator[Step]:
    """Yield ``node`` and every process below it, callers before what they called, in order of creation."""
    stage = STAGES.get(node.process_label or "", stage)
    yield Step(node, label, stage, depth)
    for name, child in children(node):
        yield from walk(child, name, stage, depth + 1)


def children(node: ProcessNode) -> list[tuple[str, ProcessNode]]:
    """Return call label and node of each process that ``node`` called, in order of creation."""
    if not isinstance(node, WorkflowNode):
        return []
    found: list[tuple[str, Any]] = []
    for link in node.base.links.get_outgoing(link_type=CALLS).all():
        called: Any = link.node
        found.append((link.link_label if link.link_label != "CALL" else called.process_label or "process", called))
    return sorted(found, key=lambda pair: (pair[1].ctime, pair[0]))


def child(node: ProcessNode, label: str) -> ProcessNode | None:
    """Return the process that ``node`` called by ``label``, or ``None``."""
    return next((found for name, found in children(node) if name == label), None)


def inputs(node: ProcessNode) -> dict[str, Node]:
    """Return the inputs by link label; a namespace is written ``outer__inner``."""
    return {link.link_label: link.node for link in node.base.links.get_incoming(link_type=INPUTS).all()}


def outputs(node: ProcessNode | None) -> dict[str, Node]:
    """Return the outputs by link label; none of no node."""
    if node is None:
        return {}
    return {link.link_label: link.node for link in node.base.links.get_outgoing(link_type=OUTPUTS).all()}


def put_out_by(node: Node, labels: Sequence[str]) -> ProcessNode | None:
    """Return the process of one of ``labels`` that put out a node, or ``None``."""
    links = node.base.links.get_incoming(link_type=OUTPUTS).all()
    found: list[Any] = [link.node for link in links]
    return next((one for one in found if one.process_label in labels), None)


def content(node: Any) -> dict[str, Any]:
    """Return what a Dict node holds; nothing of no node."""
    return node.get_dict() if node is not None else {}


def verdict(node: ProcessNode) -> str:
    """Return how a process ended, in words."""
    if node.is_finished_ok:
        return "done"
    if node.is_finished:
        return f"[{node.exit_status}] {node.exit_message or 'failed without a word'}"
    state = node.process_state.value if node.process_state else "created"
    return f"{state}: {node.exception.strip().splitlines()[-1]}" if node.exception else str(state)
