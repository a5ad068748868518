# SPDX-License-Identifier: MIT
"""A published structure, taken up so that it stands where a glass of ours stands: same analysis, a certificate that says *imported*."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from aiida.orm import Dict, Group, StructureData

GROUP = "zif/imported_glasses"
"""All that were imported stand in it."""
SHIPPED_PROTOCOL = "paper"
"""Whose bins and criteria the analysis takes."""


def read(path: Path, source: str) -> tuple[StructureData, dict[str, Any]]:
    """Return an unstored structure and where it is from. Raises ``ValueError`` with one sentence for what is no zinc imidazolate."""
    from aiida_zif.calculations.functions.structure import read_structure
    from aiida_zif.calculations.job import validate_structure

    if not source.strip() or any(ord(sign) < 32 for sign in source):
        raise ValueError(f"the source is {source!r}, but must be a line that says where the structure was published, such as a DOI")
    structure = read_structure(str(path))
    if problem := validate_structure(structure, None):
        raise ValueError(f"{path.name}: {problem}")
    from aiida_zif import __version__

    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return structure, {"source": source.strip(), "file": path.name, "sha256": sha256, "reader_version": __version__}


def certify(structure: StructureData, origin: dict[str, Any]) -> Dict:
    """Store the structure, analyse it, and return its certificate; both stand in the group of what was imported."""
    from aiida_zif.calculations.functions.analysis import analyse_structure
    from aiida_zif.calculations.functions.certificate import certify_imported
    from aiida_zif.calculations.functions.trajectory import still
    from aiida_zif.workchains import protocol

    plan = protocol.load(SHIPPED_PROTOCOL)["analysis"]
    structure.store()
    found = analyse_structure(structure, still(structure), Dict({**plan, "first_step": 0}))
    certificate: Dict = certify_imported(structure, found["summary"], Dict(origin))
    certificate.label = f"certificate of {structure.label}"
    group, _ = Group.collection.get_or_create(GROUP)
    group.description = "structures that were made elsewhere, and their certificates"
    group.add_nodes([structure, certificate])
    return certificate
