# SPDX-License-Identifier: MIT
"""A classical force field: typed commands, the files that they read, and the topology where there is one."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aiida.common.exceptions import ValidationError
from aiida.orm import Data

from aiida_zif import __version__
from aiida_zif.formats import lammps_strange_input, lammps_topology
from aiida_zif.formats.lammps_force_field import ForceField
from aiida_zif.formats.lammps_topology import Topology

TOPOLOGY = "topology.data"


class ZifForceFieldData(Data):
    """What stands where a model stands, made of LAMMPS commands.

    Attributes: ``form`` ("classical"), ``architecture`` (the pair style, by which it is called), ``units``, ``atom_style``,
    ``type_names`` (the element of each atom type), ``commands`` (lists of words), ``files`` (name → sha256), ``masses_amu`` (by type),
    ``n_atoms`` (of the cell that a topology is for; 0 without one), and where it comes from.
    """

    @classmethod
    def from_force_field(
        cls,
        force_field: ForceField,
        files: Mapping[str, bytes] | None = None,
        topology: str | None = None,
        masses: Sequence[float] | None = None,
        **facts: Any,
    ) -> ZifForceFieldData:
        """Return an unstored node; ``files`` are the contents of the files named, ``topology`` is the text of a data file.

        Raises ``ValueError`` with one sentence where a file is missing or too much, or the topology is of other types.
        """
        contents = dict(files or {})
        if set(contents) != set(force_field.files) or TOPOLOGY in contents:
            read, given = (", ".join(sorted(names)) or "no file" for names in (force_field.files, contents))
            raise ValueError(f"the force field reads {read}, but given: {given}")
        node = cls()
        n_atoms = 0
        if topology is not None:
            found, _ = lammps_topology.parse(topology, force_field.atom_style)
            if found.n_types != len(force_field.elements):
                raise ValueError(f"the topology has {found.n_types} atom types, but the force field {len(force_field.elements)}")
            n_atoms, masses = len(found), [float(mass) for mass in found.masses]
            node.base.repository.put_object_from_filelike(io.BytesIO(topology.encode()), TOPOLOGY)  # type: ignore[arg-type]
        elif len(set(force_field.elements)) < len(force_field.elements):
            raise ValueError("two atom types are of one element, so that a data file must say which atom is of which: give the topology")
        for name, content in sorted(contents.items()):
            node.base.repository.put_object_from_filelike(io.BytesIO(content), name)  # type: ignore[arg-type]
        node.base.attributes.set_many({
            "form": "classical", "architecture": force_field.name, "units": force_field.units, "atom_style": force_field.atom_style,
            "type_names": list(force_field.elements), "commands": [list(command) for command in force_field.commands],
            "files": {name: hashlib.sha256(content).hexdigest() for name, content in sorted(contents.items())},
            "masses_amu": None if masses is None else [float(mass) for mass in masses], "n_atoms": n_atoms, **facts,
        })  # fmt: skip
        return node

    @classmethod
    def from_lammps_input(cls, path: str | Path, elements: Sequence[str] | None = None) -> ZifForceFieldData:
        """Return an unstored node of the force field in a LAMMPS input and the data file that it reads.

        Raises ``ValueError`` with one sentence for what is not known here, as ``formats.lammps_strange_input``.
        """
        path = Path(path)
        found = lammps_strange_input.read(path, elements)
        text = found.data_file.read_text(errors="replace")
        sources = {path.name: path, found.data_file.name: found.data_file}
        return cls.from_force_field(
            found.force_field,
            {name: file.read_bytes() for name, file in found.files.items()},
            _kept(text) if found.topology is not None else None,
            found.masses,
            imported_from=str(path.resolve()), reader_version=__version__, notes=list(found.notes),
            source_sha256={name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in sources.items()},
        )  # fmt: skip

    @property
    def force_field(self) -> ForceField:
        """The commands. Raises ``ValueError`` where a stranger's node holds what is none."""
        known = self.base.attributes
        commands = tuple(tuple(command) for command in known.get("commands"))
        files = tuple(sorted(known.get("files")))
        return ForceField(known.get("units"), known.get("atom_style"), tuple(self.type_names), commands, files)

    @property
    def topology(self) -> Topology | None:
        """The topology; ``None`` where atoms are told by their elements."""
        if not self.base.attributes.get("n_atoms"):
            return None
        return lammps_topology.parse(self.base.repository.get_object_content(TOPOLOGY, "r"), self.base.attributes.get("atom_style"))[0]

    @property
    def type_names(self) -> list[str]:
        """The element of each atom type."""
        return list(self.base.attributes.get("type_names"))

    @property
    def architecture(self) -> str:
        """The pair style."""
        return str(self.base.attributes.get("architecture"))

    @property
    def form(self) -> str:
        """``classical``."""
        return str(self.base.attributes.get("form"))

    def _validate(self) -> bool:
        super()._validate()
        try:
            known = self.force_field
        except (AttributeError, TypeError, ValueError) as problem:
            raise ValidationError(f"the node holds no force field: {problem}") from problem
        held = set(self.base.repository.list_object_names()) - {TOPOLOGY}
        if held != set(known.files):
            raise ValidationError(f"the commands read {sorted(known.files)}, but the node holds {sorted(held)}")
        return True


def _kept(text: str) -> str:
    """Return a data file without velocities, which are of a run, and without comments: equal content gives equal nodes."""
    keeping = True
    lines: list[str] = []
    for line in text.splitlines()[1:]:
        bare = line.split("#", 1)[0].rstrip()
        if bare.strip() and bare.strip()[0].isalpha():
            keeping = bare.strip() in ("Masses", "Atoms", *lammps_topology.TERMS)
        if keeping and (bare or (lines and lines[-1])):
            lines.append(bare)
    return "\n".join(["topology", *lines]) + "\n"
