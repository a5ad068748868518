# SPDX-License-Identifier: MIT
"""Parser of `zif.compile`: the compiled child of a model, if it is the same model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from aiida.engine import ExitCode
from aiida.orm import Dict

from aiida_zif.calculations.compile import CHECK, CHECK_OUTPUT, COMPILED, PROGRAMS, target_of
from aiida_zif.calculations.plain import plain
from aiida_zif.data.model import ZifModelData
from aiida_zif.parsers.job import ZifParser, last_words


class NequipCompileParser(ZifParser):
    """The file that nequip made, with the facts of its parent; one that was not checked, or is wrong, stays behind."""

    program = "nequip-compile"

    def read(self, folder: Path) -> ExitCode | None:
        """A compiled file, or the sentence why there is none."""
        inputs = self.node.inputs
        target = target_of(inputs)
        path = folder / COMPILED[target]
        if not path.exists():
            reason = last_words(self.stdout, 1)
            if "C++ compiler" in self.stdout or "InvalidCxxCompiler" in self.stdout:
                reason = "there is no C++ compiler on that machine; install g++."
            return self.verdict("ERROR_COMPILE_FAILED", reason=reason)
        parent = inputs.model
        inherited = ("architecture", "type_names", "cutoff_angstrom", "precision", "seed", "epochs", "dataset_hash")
        facts = {name: parent.base.attributes.get(name, None) for name in inherited}
        # a pickle tells nothing without being opened, so what made it stands where a compiled file tells what compiled it
        known = {"versions": parent.base.attributes.get("versions", None)} if target == "mliap" else {"device": inputs.device.value}
        compiled = ZifModelData.from_file(path, COMPILED[target], **facts, **known, parent=str(parent.uuid), target=target)
        checked = self._checked(folder)
        told = ("versions", "device", "isa", "machine", "compute_capability")
        results = {"program": PROGRAMS[target], "target": target, **{name: compiled.base.attributes.get(name, None) for name in told}}
        self.out("results", Dict(plain({**results, "bytes": path.stat().st_size, "check": checked, **self.cost})))
        if "check_code" in inputs:
            if checked is None:
                return self.verdict("ERROR_MODEL_UNCHECKED", reason=last_words(self._text(self.retrieved, CHECK_OUTPUT), 1))
            if not checked["passed"]:
                return self.verdict("ERROR_COMPILED_MODEL_WRONG", reason="; ".join(checked["failures"]))
        self.out("compiled", compiled)
        return None

    @staticmethod
    def _checked(folder: Path) -> dict[str, Any] | None:
        """Return what zif-check wrote, ``None`` where it did not come to its end."""
        path = folder / CHECK
        return dict(json.loads(path.read_text())) if path.exists() else None
