# SPDX-License-Identifier: MIT
"""Verdicts of a work chain over its children, as a node of the graph."""

from __future__ import annotations

from aiida.engine import calcfunction
from aiida.orm import Dict


@calcfunction
def record_verdicts(verdicts: Dict) -> Dict:
    """Return the verdicts as data that has a creator, so that they may be put out."""
    return Dict(verdicts.get_dict())
