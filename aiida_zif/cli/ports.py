# SPDX-License-Identifier: MIT
"""The ports of a work chain as options of a command, and what is typed there as nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

FLAGS: dict[str, tuple[str, ...]] = {
    "potential": ("--model", "--potential"), "trajectories": ("--trajectory",), "datasets": ("--dataset",), "starts": ("--start",),
    "glasses": ("--glass",),
}  # fmt: skip
"""Options whose name is not that of the port."""
BY_PROTOCOL = ("codes", "options", "metadata", "seed", "seeds", "structures", "table", "remote_folder", "method")
"""Ports that have an option of their own kind, or none."""


@dataclass(frozen=True)
class Port:
    """A port that is an option."""

    name: str
    kind: type
    """The node's class."""
    many: bool
    """Whether it is a namespace, filled by repeating the option."""
    needed: bool
    """Whether the chain cannot do without it."""
    help: str
    kinds: tuple[type, ...] = ()
    """All classes that it takes, where there are several."""

    @property
    def flags(self) -> tuple[str, ...]:
        """What is typed."""
        return FLAGS.get(self.name, (f"--{self.name.replace('_', '-')}",))

    @property
    def scalar(self) -> click.ParamType | None:
        """The type of a number or a word; ``None`` for what can only be a node."""
        return {"Int": click.INT, "Float": click.FLOAT, "Str": click.STRING}.get(self.kind.__name__)

    def option(self) -> click.Option:
        """Return the option."""
        metavar = {"StructureData": "FILE|PK", "ZifModelData": "PK|UUID"}.get(self.kind.__name__, "PK")
        many = " Repeatable; NAME=PK gives it a name." if self.many else ""
        text = f"{self.help.rstrip('.')}.{many}{' [required]' if self.needed else ''}"
        if self.scalar:
            return click.Option([*self.flags, self.name], type=self.scalar, help=text)
        return click.Option([*self.flags, self.name], multiple=self.many, metavar=metavar, help=text)

    def node(self, text: Any) -> Any:
        """Return the node that ``text`` names; of a structure it may be a file. Raises ``click.BadParameter`` with one sentence."""
        if self.scalar:
            return self.kind(text)
        try:
            return read_or_load(text) if self.kind.__name__ == "StructureData" else load(text, *(self.kinds or (self.kind,)))
        except ValueError as problem:
            raise click.BadParameter(str(problem), param_hint=self.flags[0]) from problem

    def named(self, texts: Sequence[str]) -> dict[str, Any]:
        """Return the nodes of a namespace, by the names given (``NAME=PK``) or by number. Raises ``click.BadParameter`` in a sentence."""
        nodes: dict[str, Any] = {}
        for number, text in enumerate(texts, 1):
            name, sign, rest = text.partition("=")
            known = sign and name.isidentifier()
            name, rest = (name, rest) if known else (f"{self.flags[0].strip('-').replace('-', '_')}_{number:02d}", text)
            if name in nodes:
                raise click.BadParameter(f"the name {name} comes twice", param_hint=self.flags[0])
            nodes[name] = self.node(rest)
        return nodes


def of(chain: Any) -> list[Port]:
    """Return the ports of ``chain`` that are options: structures, our own nodes, files and folders, numbers and words."""
    from aiida.orm import Float, FolderData, Int, RemoteData, SinglefileData, Str, StructureData

    wanted = (StructureData, SinglefileData, FolderData, RemoteData, Int, Float, Str)
    found = []
    inputs = chain.spec().inputs
    for name, port in inputs.items():
        valid = port.valid_type if isinstance(port.valid_type, tuple) else (port.valid_type,)
        kinds = [kind for kind in valid if isinstance(kind, type) and issubclass(kind, wanted)]
        if name in BY_PROTOCOL or not kinds:
            continue
        # the crystal is its own reference; a chain that has a reference only cannot do without
        needed = port.required and not port.has_default() and not (name == "reference" and "structure" in inputs)
        found.append(Port(name, kinds[0], getattr(port, "dynamic", False), needed, port.help or name.replace("_", " "), valid))
    return sorted(found, key=lambda port: (not port.needed, port.scalar is not None))


def load(text: str, *kinds: type) -> Any:
    """Return the node of PK, UUID or label ``text``. Raises ``ValueError`` with one sentence unless there is one, of one of ``kinds``."""
    from aiida.common.exceptions import MultipleObjectsError, NotExistent
    from aiida.orm import load_node

    names = " or ".join(kind.__name__ for kind in kinds)
    try:
        node = load_node(text)
    except NotExistent as problem:
        raise ValueError(f"there is no node {text!r}; give the PK, UUID or label of a {names}") from problem
    except (MultipleObjectsError, ValueError) as problem:
        raise ValueError(f"{text!r} does not name one node: {problem}") from problem
    if not isinstance(node, kinds):
        raise ValueError(f"node {text} is of type {type(node).__name__}, but {names} is needed")
    return node


def read_or_load(text: str) -> Any:
    """Return the StructureData of a PK, UUID or label, of a file, or of a structure that ships (``dia-zn-im-2``)."""
    from importlib import resources

    from aiida.orm import StructureData

    from aiida_zif.calculations.functions.structure import read_structure

    ships = sorted(
        (entry for entry in (resources.files("aiida_zif") / "structures").iterdir() if entry.name.endswith((".xyz", ".cif"))),
        key=lambda entry: entry.name,
    )
    shipped = next((entry for entry in ships if entry.name.rpartition(".")[0] == text), None)
    path = Path(text)
    if not text.isdigit() and (path.exists() or shipped or path.suffix or "/" in text):
        structure = read_structure(str(path if path.exists() or shipped is None else shipped))
        structure.label = path.name
        return structure
    return load(text, StructureData)


def check_atoms(given: Mapping[str, Any]) -> None:
    """Refuse, in one sentence, a structure that is no zinc imidazolate, or holds an element that the model does not know."""
    from aiida_zif.calculations.job import structure_arrays, validate_structure

    structure = given.get("structure", given.get("reference"))
    if structure is None:
        return
    if problem := validate_structure(given.get("reference", structure), None):
        raise click.BadParameter(problem, param_hint="--reference" if "reference" in given else "--structure")
    if model := given.get("potential", given.get("ensemble")):
        known = model.type_names
        if unknown := sorted(set(structure_arrays(structure)[0]) - set(known)):
            raise click.BadParameter(f"it knows {', '.join(known)}, but the structure holds {', '.join(unknown)}", param_hint="--model")
