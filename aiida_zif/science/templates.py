# SPDX-License-Identifier: MIT
"""Network templates: the element of the nodes and the graphs of the linkers, as ``templates.yaml`` beside this file lists them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

Pairs = Iterable[tuple[int, int]]
Fingerprint = tuple[tuple[str, int], ...]

ROUNDS = 3
"""Bonds by which an atom sees what surrounds it: in a ring of five or six that is the whole ring."""


@dataclass(frozen=True)
class Linker:
    """One molecule that joins nodes."""

    name: str
    """As in ``templates.yaml``: im, mim, bim."""
    atoms: tuple[str, ...]
    """Chemical symbols."""
    bonds: tuple[tuple[int, int], ...]
    """Pairs of places in ``atoms``."""

    @property
    def fingerprint(self) -> Fingerprint:
        """What tells the graph from others, see :func:`fingerprint`."""
        return fingerprint(self.atoms, self.bonds)


@dataclass(frozen=True)
class Template:
    """What a framework may be made of."""

    name: str
    node: str
    """Element of the nodes."""
    linkers: tuple[Linker, ...]

    def kind_of(self, atoms: Sequence[str], bonds: Pairs) -> str | None:
        """Return the name of the linker with this graph, ``None`` where there is none."""
        found = fingerprint(atoms, bonds)
        return next((linker.name for linker in self.linkers if linker.fingerprint == found), None)


def fingerprint(atoms: Sequence[str], bonds: Pairs) -> Fingerprint:
    """Return how often each atom with its surroundings occurs, whatever the order of the atoms.

    The label of an atom is its symbol with the sorted labels of those it is bound to, taken ``ROUNDS`` times (Weisfeiler and Lehman's
    refinement): it tells the linkers apart, and from what is left of them when a bond is missing or moved.
    """
    beside: list[list[int]] = [[] for _ in atoms]
    for i, j in bonds:
        beside[i].append(j)
        beside[j].append(i)
    labels = list(atoms)
    for _ in range(ROUNDS):
        labels = [f"{own}({''.join(sorted(labels[other] for other in others))})" for own, others in zip(labels, beside, strict=True)]
    return tuple(sorted(Counter(labels).items()))


@cache
def template(name: str = "ZIF-4") -> Template:
    """Return the template called ``name``. Raises ``ValueError`` with the names that there are."""
    known = _content()["templates"]
    if name not in known:
        raise ValueError(f"there is no network template {name!r}; choose one of {', '.join(known)}, or add it to templates.yaml")
    wanted = known[name]
    return Template(name, wanted["node"], tuple(_linker(one) for one in wanted["linkers"]))


def names() -> tuple[str, ...]:
    """Return the names of all templates."""
    return tuple(_content()["templates"])


def _linker(name: str) -> Linker:
    found = _content()["linkers"][name]
    return Linker(name, tuple(found["atoms"]), tuple((int(i), int(j)) for i, j in found["bonds"]))


@cache
def _content() -> dict[str, Any]:
    import yaml  # the programs on the compute machine, which are told the linkers, do without

    content: dict[str, Any] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    return content
