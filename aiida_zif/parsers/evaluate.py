# SPDX-License-Identifier: MIT
"""Parser of `zif.evaluate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from aiida.engine import ExitCode
from aiida.orm import ArrayData, Dict

from aiida_zif.calculations.evaluate import ACCURACY, PREDICTIONS
from aiida_zif.calculations.frames import GONE
from aiida_zif.calculations.plain import plain
from aiida_zif.parsers.job import ZifParser, last_words

REFUSED = "the frames cannot be used: "
"""How the program's sentence begins where it is about the frames and not about the model."""
UNITS: dict[str, str] = {
    "temperature": "K", "energy_reference": "eV", "energy_predicted": "eV", "forces_mae": "eV/angstrom", "forces_rmse": "eV/angstrom",
    "stress_reference": "eV/angstrom^3", "stress_predicted": "eV/angstrom^3",
}  # fmt: skip


class NequipEvaluateParser(ZifParser):
    """The errors and predictions that zif-evaluate wrote, with the trajectories by uuid and name."""

    program = "zif-evaluate"

    def read(self, folder: Path) -> ExitCode | None:
        """Two files, or the program's own sentence."""
        path = folder / ACCURACY
        if GONE in self.stdout:
            return self.verdict("ERROR_FRAMES_GONE")
        if not path.exists():
            reason = last_words(self.stdout or self.stderr, 1)
            _, about_frames, why = reason.partition(REFUSED)
            return self.verdict("ERROR_INPUT_REFUSED", reason=why) if about_frames else self.verdict("ERROR_MODEL_UNUSABLE", reason=reason)
        attributes = self.node.inputs.dataset.base.attributes
        uuids, names = attributes.get("trajectories"), {one["trajectory"]: one.get("name") for one in attributes.get("audits", [])}
        document = plain({**self.cost, **json.loads(path.read_text())})
        for row in _rows(document):
            row["trajectory"] = uuids[row["trajectory"]]
            row["name"] = names.get(row["trajectory"])
        for row in document.get("per_temperature", []):
            row["trajectories"] = [uuids[number] for number in row["trajectories"]]
        self.out("accuracy", Dict(document))
        self.out("predictions", self._predictions(folder / PREDICTIONS, uuids))
        lost = document.get("not_finite", {"n": 0})
        if lost["n"]:
            first = lost["frames"][0]
            which = f"step {first['step']} of trajectory {first['name'] or first['trajectory']}"
            return self.verdict("ERROR_PREDICTION_NOT_A_NUMBER", n=lost["n"], asked=document["n_frames"] + lost["n"], which=which)
        return None

    @staticmethod
    def _predictions(path: Path, uuids: list[str]) -> ArrayData:
        node = ArrayData()
        with np.load(path, allow_pickle=False) as arrays:
            for name in arrays.files:
                node.set_array(name, arrays[name])
                unit = "eV/angstrom" if name.startswith("parity_edges") else UNITS.get(name, "1")
                node.base.attributes.set(f"units|{name}", unit)
        node.base.attributes.set("trajectories", uuids)
        return node


def _rows(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return every mapping of the document that names one trajectory by its number."""
    worst = document.get("worst", {})
    lost = document.get("not_finite", {}).get("frames", [])
    return [*document.get("per_trajectory", []), *(row for rows in worst.values() for row in rows), *lost]
