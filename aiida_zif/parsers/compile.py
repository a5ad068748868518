# SPDX-License-Identifier: MIT
"""Parser of `zif.compile`: the compiled child of a model."""

from __future__ import annotations

from pathlib import Path

from aiida.engine import ExitCode
from aiida.orm import Dict

from aiida_zif.calculations.compile import COMPILED
from aiida_zif.data.model import ZifModelData
from aiida_zif.parsers.job import ZifParser, last_words


class NequipCompileParser(ZifParser):
    """The file that nequip-compile made, with the facts of its parent."""

    program = "nequip-compile"

    def read(self, folder: Path) -> ExitCode | None:
        """A compiled file, or the sentence why there is none."""
        path = folder / COMPILED
        if not path.exists():
            reason = last_words(self.stdout, 1)
            if "C++ compiler" in self.stdout or "InvalidCxxCompiler" in self.stdout:
                reason = "there is no C++ compiler on that machine; install g++."
            return self.verdict("ERROR_COMPILE_FAILED", reason=reason)
        parent = self.node.inputs.model
        inherited = ("architecture", "type_names", "cutoff_angstrom", "precision", "seed", "epochs", "dataset_hash")
        facts = {name: parent.base.attributes.get(name, None) for name in inherited}
        compiled = ZifModelData.from_file(path, COMPILED, **facts, parent=str(parent.uuid), device=self.node.inputs.device.value)
        self.out("compiled", compiled)
        facts = {name: compiled.base.attributes.get(name, None) for name in ("versions", "device", "isa", "machine", "compute_capability")}
        self.out("results", Dict({"program": self.program, **facts, "bytes": path.stat().st_size, **self.cost}))
        return None
