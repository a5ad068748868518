# SPDX-License-Identifier: MIT
"""Children side by side, so many at a time; one that fails leaves the others alone."""

from __future__ import annotations

from typing import Any

from aiida.orm import AbstractCode, Bool, Int, to_aiida_type

from aiida_zif.calculations.frames import ZifFramesCalculation
from aiida_zif.data.dataset import ZifDatasetData
from aiida_zif.workchains.chain import ZifWorkChain, words_of


class SideBySideWorkChain(ZifWorkChain):
    """Children that do not depend on each other. ``begin_children`` names them, the loop of the outline runs them."""

    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.input(
            "max_concurrent", valid_type=Int, serializer=to_aiida_type, default=lambda: Int(0), validator=_validate_max_concurrent,
            help="So many children at a time; 0: all, which then queue where they run.",
        )  # fmt: skip

    def begin_children(self, keys: list[str]) -> None:
        """Say which children there are."""
        self.ctx.queue, self.ctx.running, self.ctx.verdicts = list(keys), [], {}

    def child(self, key: str) -> tuple[type[ZifWorkChain], dict[str, Any]]:
        """Return class and inputs of a child."""
        raise NotImplementedError

    def should_run_children(self) -> bool:
        """Go on until the last one has ended."""
        return bool(self.ctx.queue or self.ctx.running)

    def run_children(self) -> Any:
        """Fill up to the limit, then wait for the oldest: AiiDA can wait for all of several, but not for any of them.

        Where a younger one ends first, its place is filled when the oldest ends.
        """
        self.ctx.running = [key for key in self.ctx.running if not self._ended(key)]
        limit = self.inputs.max_concurrent.value
        while self.ctx.queue and (not limit or len(self.ctx.running) < limit):
            key = self.ctx.queue.pop(0)
            process, inputs = self.child(key)
            inputs["metadata"] = {"call_link_label": key}
            self.ctx[key] = self.submit(process, **inputs)
            self.report(f"{key}: {process.__name__}<{self.ctx[key].pk}>")
            self.ctx.running.append(key)
        return {key: self.ctx[key] for key in self.ctx.running[:1]}

    def _ended(self, key: str) -> bool:
        """Return whether a child has ended, and keep its verdict in words if so."""
        node = self.ctx[key]
        if not node.is_terminated:
            return False
        self.ctx.verdicts[key] = {"exit_status": node.exit_status, "message": words_of(node), "uuid": str(node.uuid)}
        if not node.is_finished_ok:
            self.report(f"{key}: {node.process_label}<{node.pk}> ended with [{node.exit_status}] {words_of(node)}")
        return True


class TrainingsWorkChain(SideBySideWorkChain):
    """Trainings side by side, on frames that are written once."""

    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.input("compile", valid_type=Bool, serializer=to_aiida_type, default=lambda: Bool(True),
                   help="Measure the form that MD runs, else the package, which is several times slower.")  # fmt: skip

    def codes_for(self, chain: type[ZifWorkChain]) -> dict[str, AbstractCode]:
        """Return the codes of a child; without one for it, it compiles nothing."""
        codes = super().codes_for(chain)
        return codes if self.inputs.compile.value else {role: code for role, code in codes.items() if role != "compile"}

    def write_frames(self, datasets: dict[str, ZifDatasetData]) -> dict[str, Any]:
        """Write the frames of each dataset once on the machine, for all children to link to, where a code can write them."""
        nodes: dict[str, Any] = {}
        self.ctx.frames = {}
        if "frames" not in self.inputs.codes:
            return nodes
        for name, dataset in datasets.items():
            metadata = {"options": self.options("frames"), "call_link_label": f"frames_{name}"}
            node = self.submit(ZifFramesCalculation, code=self.inputs.codes["frames"], dataset=dataset, metadata=metadata)
            nodes[f"frames_{name}"] = self.ctx.frames[name] = node
        return nodes

    def links(self, name: str) -> dict[str, Any]:
        """Return the ``frames`` input of a training on the dataset ``name``; none where they could not be written: it tries itself."""
        node = self.ctx.frames.get(name)
        return {"frames": node.outputs.remote_folder} if node is not None and node.is_finished_ok else {}


def _validate_max_concurrent(node: Any, _: Any) -> str | None:
    return None if node.value >= 0 else f"max_concurrent is {node.value}, but must be 0 (all at once) or more"
