# SPDX-License-Identifier: MIT
"""Basis sets and pseudopotentials as nodes: what a run read stands in its graph, and travels with an archive."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from aiida.orm import QueryBuilder, SinglefileData

from aiida_zif.calculations.aimd import DATA_FILES, validate_files
from aiida_zif.formats import cp2k_method


def declare_data(spec: Any) -> None:
    """Declare the two inputs on ``spec``. Without them CP2K reads the sets of those names from its own data files."""
    for name, words in (("basis_sets", "Basis sets"), ("pseudopotentials", "Pseudopotentials")):
        spec.input(name, valid_type=SinglefileData, required=False, help=f"{words} in CP2K's format, cut out for the elements of the run.")


def data_nodes(method: str, **inputs: Any) -> dict[str, SinglefileData]:
    """Return ``basis_sets`` and ``pseudopotentials`` of ``method`` for the elements of the structures in ``inputs``, as unstored nodes.

    Their text is cut out of the data files of the CP2K on this machine; a node of equal content that the profile has is taken again.
    Nothing is returned for tight binding, without a structure, or where ``inputs`` have the nodes.
    Raises ``ValueError`` in one sentence where this machine has no CP2K, or the method does not know an element.
    """
    structures = [node for name, node in inputs.items() if name == "structure" and node is not None]
    structures += list((inputs.get("structures") or {}).values())
    if cp2k_method.method_of(method).is_xtb or not structures or set(DATA_FILES) & set(inputs):
        return {}
    elements = sorted({kind.symbol for node in structures for kind in node.kinds})
    texts = cp2k_method.excerpts(method, elements, cp2k_method.data_folder())
    label = f"{method}: {' '.join(elements)}"
    return {name: _node(text, DATA_FILES[name], label) for name, text in zip(DATA_FILES, texts or (), strict=True)}


def validate_data(inputs: Mapping[str, Any]) -> str | None:
    """Say in one sentence what is wrong with the two inputs."""
    return validate_files({name: inputs[name] for name in DATA_FILES if name in inputs}, None)


def _node(text: str, filename: str, label: str) -> SinglefileData:
    """Return the node of this content that the profile has, else a new one."""
    query = QueryBuilder().append(SinglefileData, filters={"attributes.filename": filename}).order_by({SinglefileData: "id"})
    known = (node for node in query.all(flat=True) if node.get_content() == text)
    return next(known, None) or SinglefileData(io.BytesIO(text.encode()), filename=filename, label=label)
