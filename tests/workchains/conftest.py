# SPDX-License-Identifier: MIT
"""Chains run in full, children aside: a child is validated and linked as a real one, then ends as the test says."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest


@dataclass
class Ending:
    """How a child ends: the label of an exit code of its class (``None``: 0), and what it puts out, by port."""

    label: str | None = None
    outputs: dict[str, Any] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    """What the message is filled with."""
    status: int | None = None
    """A status that the class does not declare."""
    calls: dict[str, tuple[Any, Ending]] = field(default_factory=dict)
    """The chains that it called in its turn: class and ending, by label of the call."""


@dataclass
class Child:
    """A child that a chain submitted."""

    process_class: Any
    inputs: dict[str, Any]
    node: Any

    @property
    def label(self) -> str:
        """The label of the call."""
        return str(self.inputs["metadata"]["call_link_label"])

    @property
    def options(self) -> dict[str, Any]:
        """Scheduler options of a job."""
        return dict(self.inputs["metadata"]["options"])


@dataclass
class Ran:
    """A chain that ended."""

    node: Any
    outputs: Any
    children: list[Child]

    @property
    def status(self) -> int:
        """Its exit status."""
        return int(self.node.exit_status)

    @property
    def message(self) -> str:
        """Its exit message."""
        return str(self.node.exit_message or "")

    @property
    def labels(self) -> list[str]:
        """Labels of the children in the order of their submission."""
        return [child.label for child in self.children]

    @property
    def reports(self) -> str:
        """What the chain reported, as one text."""
        from aiida.orm import Log

        return "\n".join(log.message for log in Log.collection.get_logs_for(self.node))


@pytest.fixture
def run_chain(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Return ``run_chain(chain, endings, **inputs)``.

    ``endings`` is called with each child (class, inputs, number) and returns its ``Ending``. The child's inputs pass its own
    validators, and its links stand in the graph; nothing is run.
    """
    from aiida.common.links import LinkType
    from aiida.engine import CalcJob, WorkChain
    from aiida.engine.utils import instantiate_process
    from aiida.manage import get_manager
    from aiida.orm import WorkChainNode

    def run(chain: Any, endings: Callable[[Any, Mapping[str, Any], int], Ending], **inputs: Any) -> Ran:
        children: list[Child] = []

        def submit(parent: Any, process_class: Any, given: Any = None, **more: Any) -> Any:
            wanted = {**(given or {}), **more}
            process = instantiate_process(parent.runner, process_class, **wanted)
            node = process.node
            children.append(Child(process_class, wanted, node))
            end(node, process_class, endings(process_class, wanted, len(children)))
            return node

        def end(node: Any, process_class: Any, ending: Ending) -> None:
            for label, (called_class, called) in ending.calls.items():
                below = WorkChainNode(process_type=called_class.build_process_type())
                below.base.links.add_incoming(node, LinkType.CALL_WORK, label)
                below.set_process_label(called_class.__name__)
                end(below.store(), called_class, called)
            link = LinkType.CREATE if issubclass(process_class, CalcJob) else LinkType.RETURN
            for name, value in ending.outputs.items():
                if link is LinkType.RETURN:
                    value.store()
                value.base.links.add_incoming(node, link, name.replace(".", "__"))
                value.store()
            code = process_class.spec().exit_codes.get(ending.label) if ending.label else None
            assert ending.label is None or code is not None, f"{process_class.__name__} has no {ending.label}"
            node.set_process_state("finished")
            node.set_exit_status(ending.status or (code.status if code else 0))
            if code:
                node.set_exit_message(code.format(**ending.values).message if ending.values else code.message)
            node.seal()

        with monkeypatch.context() as patch:
            patch.setattr(WorkChain, "submit", submit)
            outputs, node = get_manager().get_runner().run_get_node(chain, **inputs)
        return Ran(node, outputs, children)

    return run


@pytest.fixture
def refusal() -> Callable[..., str]:
    """Return ``refusal(chain, **inputs)``: the sentence with which the inputs are refused before anything is stored."""

    def refuse(chain: Any, **inputs: Any) -> str:
        from aiida.engine.utils import instantiate_process
        from aiida.manage import get_manager

        with pytest.raises(ValueError, match=r"\S+") as caught:
            instantiate_process(get_manager().get_runner(), chain, **inputs)
        return str(caught.value)

    return refuse


@pytest.fixture
def plan() -> dict[str, Any]:
    """The protocol `smoke`, shortened: what is tested are decisions, not numbers."""
    from aiida_zif.workchains import protocol

    return protocol.load("smoke")


@pytest.fixture
def cp2k_restart(crystal: Any) -> Callable[[int], Any]:
    """Return an unstored restart file of CP2K, whole, of the crystal and of a step."""
    from aiida.orm import SinglefileData

    sites = "\n".join(f"{site.kind_name} {' '.join(map(str, site.position))}" for site in crystal.sites)
    end = f"&FORCE_EVAL\n&COORD\n{sites}\n&END COORD\n&VELOCITY\n&END VELOCITY\n&END FORCE_EVAL\n"
    return lambda step: SinglefileData(
        io.BytesIO(f"&MOTION\nSTEP_START_VAL {step}\n&END MOTION\n{end}".encode()), filename="segment.restart"
    )


@pytest.fixture
def make_thermo() -> Callable[..., Any]:
    """Return ``make_thermo(stages, rows, pressure)``: a thermo node with ``rows`` rows per stage; ``pressure(stage, row)`` in eV/Å³."""
    from aiida.orm import ArrayData

    def make(
        stages: list[str], rows: int = 4, pressure: Callable[[int, int], float] = lambda stage, row: 0.0,
        volume: Callable[[int], float] = lambda stage: 630.0,
    ) -> ArrayData:  # fmt: skip
        node = ArrayData()
        stage = np.repeat(np.arange(len(stages)), rows)
        node.set_array("step", np.arange(len(stage)))
        node.set_array("stage", stage)
        node.set_array("pressure", np.array([pressure(int(s), k % rows) for k, s in enumerate(stage)]))
        node.set_array("volume", np.array([volume(int(s)) for s in stage]))
        node.base.attributes.set("stages", stages)
        return node

    return make


@pytest.fixture
def md_ending(
    make_trajectory: Callable[..., Any], make_thermo: Callable[..., Any], restart_file: Callable[..., Any], crystal: Any
) -> Callable[..., Ending]:
    """Return ``md_ending(inputs, **outputs)``: a zif.md chain or job that ran its stages, two frames at the end of each."""
    from aiida.orm import Dict

    from aiida_zif.calculations.functions.structure import to_structure
    from aiida_zif.calculations.job import structure_arrays

    def end(inputs: Mapping[str, Any], **outputs: Any) -> Ending:
        run = inputs["run"].get_dict()
        done = inputs["finished_steps"].value if "finished_steps" in inputs else 0
        steps, begin = [], 0
        for stage in run["stages"]:
            begin += stage["steps"]
            steps += [step for step in (begin - 1, begin) if step > done]
        labels = [stage["label"] for stage in run["stages"]]
        species, positions, cell = structure_arrays(inputs["structure"])
        rng = np.random.default_rng(begin)
        fields = {"steps": np.array(steps)}
        trajectory = None
        if len(species) == 34:
            trajectory = make_trajectory(len(steps), seed=begin, fields=fields, kind="md", unwrapped=True)
        else:
            from aiida_zif.data.trajectory import ZifTrajectoryData
            from aiida_zif.science.frames import Frames

            trembling = positions + rng.normal(0, 0.01, (len(steps), *positions.shape))
            frames = Frames(species, trembling, np.repeat(cell[None], len(steps), axis=0), **fields)
            trajectory = ZifTrajectoryData.from_frames(frames, unwrapped=True, kind="md")
        ours = {
            "trajectory": trajectory,
            "thermo": make_thermo(labels),
            "restart": restart_file(begin),
            "structure": to_structure(species, positions, cell),
            "results": Dict({"last_step": begin, "restart_step": begin}),
            "linkers": Dict({"whole": True, "n_linkers": 4, "breaks": []}),
        }
        return Ending(outputs={name: node for name, node in {**ours, **outputs}.items() if node is not None})

    return end


MD_STAGES = [
    {"kind": "hold", "label": "warm", "steps": 20, "temperature_k": 300.0},
    {"kind": "hold", "label": "hot", "steps": 20, "temperature_k": 900.0},
]


@pytest.fixture
def md_inputs(codes: dict[str, Any], crystal: Any, make_compiled: Callable[..., Any]) -> dict[str, Any]:
    """Forty steps of the crystal, in two stages."""
    from aiida.orm import Dict

    given = {"codes": {"lammps": codes["lammps"]}, "structure": crystal, "reference": crystal, "potential": make_compiled()}
    return {**given, "run": Dict({"stages": MD_STAGES, "seed": 3})}
