# SPDX-License-Identifier: MIT
"""What a trajectory node offers to a draw: energies, steps and the verdict of its audit; no positions yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_zif.data.audit import audit_node, facts, mask_of, used
from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.science.drawing import Source


@dataclass(frozen=True, eq=False)
class Offer:
    """One trajectory, as far as a draw looks at it."""

    name: str
    node: ZifTrajectoryData
    audit: dict[str, Any]
    """``data.audit.facts``."""
    source: Source
    """Energies, steps and mask of the used frames."""
    index: NDArray[np.int64]
    """``(n_used,)``, where these lie among all frames of the node."""

    @property
    def is_dynamic(self) -> bool:
        """Whether this is dynamics, and not frames labelled one by one."""
        return bool(self.node.base.attributes.get("kind", "aimd") != "label")

    @property
    def stress_content(self) -> str:
        """What its stresses hold, or ``none``."""
        return str(self.audit["stress"]["content"])


def offer(name: str, node: ZifTrajectoryData, audit: dict[str, Any] | None = None) -> Offer:
    """Return what ``node`` offers; its audit is made if none is given.

    Raises ``ValueError`` with one sentence where labels are wrong as a whole or missing, or the audit is not one of this trajectory.
    """
    found = facts(audit_node(node)) if audit is None else audit
    who = f"trajectory {name} ({node.uuid})"
    if found["labels_wrong"]:
        raise ValueError(f"{who} is not fit to train on: {' '.join(found['reasons'])}")
    energies, steps, index = _read(node, who)
    if found["frames"] != len(index):
        raise ValueError(f"the audit given is one of {found['frames']} frames, but {who} has {len(index)}: audit it anew")
    usable = ~mask_of(found["unusable"], len(index))
    source = Source(energies, steps, usable, found["mean_temperature_k"], found["autocorrelation_frames"])
    return Offer(name, node, found, source, index)


def energies_of(node: ZifTrajectoryData) -> Source:
    """Return what a draw would look at, without an audit: every frame with an energy counts as usable. Raises as ``offer`` does."""
    energies, steps, _ = _read(node, f"trajectory {node.uuid}")
    return Source(energies, steps, np.isfinite(energies))


def _read(node: ZifTrajectoryData, who: str) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Return energies, steps and places in the file of the used frames."""
    with node.h5md() as file:
        if missing := [field for field in ("energies", "forces") if field not in file.fields]:
            raise ValueError(f"a draw needs the {' and the '.join(missing)} of each frame, but {who} has none")
        which = used(node, file)
        index: NDArray[np.int64] = np.arange(file.n_frames)[which]
        steps = file.array("steps", which) if "steps" in file.fields else index
        return file.array("energies", which), steps, index
