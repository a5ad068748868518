# SPDX-License-Identifier: MIT
"""An ensemble: models of one run that differ by their seeds, as one node, and how its disagreement goes with real errors."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from aiida.orm import FolderData

from aiida_zif.data.model import ZifModelData

SAME: tuple[str, ...] = ("architecture", "type_names", "cutoff_angstrom", "precision", "dataset_hash")
"""What the members of an ensemble have in common."""


def filename_of(number: int) -> str:
    """Return the name of the file of a member, counted from 1."""
    return f"member_{number:02d}.nequip.zip"


class ZifEnsembleData(FolderData):
    """The portable packages of several models, ``member_01.nequip.zip`` and so on, and facts about them that are read without torch.

    Attributes: ``architecture``, ``type_names`` in the members' own order, ``cutoff_angstrom``, ``precision``, ``dataset_hash``, ``seeds``,
    ``sha256`` of each package, in the order of the members, and ``calibration`` once it is known (``science.calibration``).
    """

    @classmethod
    def from_models(cls, models: Sequence[ZifModelData]) -> ZifEnsembleData:
        """Return an unstored node of ``models``, in the order of their seeds.

        Raises ``ValueError`` for fewer than two, for one that is no package, and for models that are not of one run or not different.
        """
        if len(models) < 2:
            raise ValueError(f"an ensemble needs two models or more, but {len(models)} were given")
        if strange := [model.form for model in models if model.form != "package"]:
            raise ValueError(f"an ensemble holds portable packages (.nequip.zip), but one model is {strange[0]}: give its package")
        for name in SAME:
            found = {str(model.base.attributes.get(name, None)) for model in models}
            if len(found) > 1:
                raise ValueError(
                    f"the models differ in their {name} ({', '.join(sorted(found))}), but an ensemble is one run with several seeds"
                )
        ordered = sorted(models, key=lambda model: (model.base.attributes.get("seed", None) or 0, _sha256(model)))
        hashes = [_sha256(model) for model in ordered]
        if len(set(hashes)) < len(hashes):
            raise ValueError("two of the models are the same file: train each with a seed of its own")
        node = cls()
        for number, model in enumerate(ordered, 1):
            node.base.repository.put_object_from_bytes(_content(model), filename_of(number))
        facts = {name: ordered[0].base.attributes.get(name, None) for name in SAME}
        facts |= {"seeds": [model.base.attributes.get("seed", None) for model in ordered], "sha256": hashes}
        node.base.attributes.set_many({name: value for name, value in facts.items() if value is not None})
        return node

    def calibrated(self, calibration: Mapping[str, Any]) -> ZifEnsembleData:
        """Return an unstored node of the same members that carries ``calibration``."""
        node: ZifEnsembleData = self.clone()
        node.base.attributes.set("calibration", dict(calibration))
        return node

    @property
    def filenames(self) -> list[str]:
        """The files of the members, in order."""
        return [filename_of(number) for number in range(1, len(self.base.attributes.get("sha256")) + 1)]

    @property
    def type_names(self) -> list[str]:
        """Elements in the order of the models."""
        return list(self.base.attributes.get("type_names"))

    @property
    def calibration(self) -> dict[str, Any] | None:
        """How the disagreement goes with real errors; ``None`` where nobody measured it."""
        found: dict[str, Any] | None = self.base.attributes.get("calibration", None)
        return found

    def member(self, number: int) -> ZifModelData:
        """Return one member, counted from 1, as an unstored model. Raises ``ValueError`` where there is none of that number."""
        if not 1 <= number <= len(self.filenames):
            raise ValueError(f"the ensemble has members 1 to {len(self.filenames)}, but no {number}")
        facts = {name: self.base.attributes.get(name, None) for name in SAME}
        facts["seed"] = self.base.attributes.get("seeds")[number - 1]
        with self.base.repository.open(filename_of(number), mode="rb") as handle:
            return ZifModelData.from_file(handle, "model.nequip.zip", **facts)


def _content(model: ZifModelData) -> bytes:
    return bytes(model.get_content(mode="rb"))


def _sha256(model: ZifModelData) -> str:
    return hashlib.sha256(_content(model)).hexdigest()
