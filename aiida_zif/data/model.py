# SPDX-License-Identifier: MIT
"""A model: the portable package, its compiled child for one machine, or a legacy one; and facts read without opening it as a program."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from aiida.orm import SinglefileData

from aiida_zif.formats import nequip_model

SUFFIXES: tuple[str, ...] = tuple(nequip_model.SUFFIXES)

MLIAP_SUFFIX = ".nequip.lmp.pt"


class ZifModelData(SinglefileData):
    """An interatomic potential of the NequIP family.

    Attributes: ``form`` ("package", "compiled", "mliap", "torchscript"), ``architecture`` (the LAMMPS pair style: "nequip" or "allegro"),
    ``type_names`` in the model's own order, ``cutoff_angstrom``, ``precision``, and whatever else the file's metadata or its maker tell.
    """

    @classmethod
    def from_file(cls, file: Any, filename: str, **facts: Any) -> ZifModelData:
        """Return an unstored node of the model in ``file`` (path or binary handle); of one for LAMMPS ML-IAP all facts must be given.

        Raises ``ValueError`` if the file is not such a model, is cut, or names no elements.
        """
        if not filename.endswith(SUFFIXES):
            raise ValueError(f"{filename!r} is no model: its name should end in {', '.join(SUFFIXES)}")
        if Path(filename).name != filename:
            raise ValueError(f"{filename!r} is no plain file name: give the name without a folder")
        node = cls(file=file, filename=filename)
        attributes: dict[str, Any] = {"form": "mliap"}
        with node.open(mode="rb") as handle:
            if filename.endswith(MLIAP_SUFFIX):
                nequip_model.check_mliap(handle)
            else:
                found = dataclasses.asdict(nequip_model.read_facts(handle))
                attributes = {name: _plain(value) for name, value in found.items() if value is not None}
        said = next(form for suffix, form in nequip_model.SUFFIXES.items() if filename.endswith(suffix))
        if (form := attributes["form"]) != said:
            raise ValueError(f"{filename!r} is in the form {form}, but its suffix says {said}: give it the name it was made with")
        cutoff = attributes.pop("cutoff", None)
        if cutoff is not None:
            attributes["cutoff_angstrom"] = cutoff
        node.base.attributes.set_many({**attributes, **{key: value for key, value in facts.items() if value is not None}})
        if not node.type_names:
            raise ValueError(f"{filename!r} does not say for which elements it was made")
        return node

    @property
    def job_filename(self) -> str:
        """The name of the file in a job: fixed, since an imported node may carry any name, with folders and all."""
        return f"model{next((suffix for suffix in SUFFIXES if self.filename.endswith(suffix)), SUFFIXES[0])}"

    @property
    def form(self) -> str:
        """``package``, ``compiled``, ``mliap`` or ``torchscript``."""
        return str(self.base.attributes.get("form"))

    @property
    def architecture(self) -> str:
        """The name of the LAMMPS pair style: ``nequip`` or ``allegro``."""
        return str(self.base.attributes.get("architecture"))

    @property
    def type_names(self) -> list[str]:
        """Elements in the order of the model."""
        return list(self.base.attributes.get("type_names", []))


def _plain(value: Any) -> Any:
    """Return ``value`` with tuples as lists, as a node stores it."""
    return list(value) if isinstance(value, tuple) else value
