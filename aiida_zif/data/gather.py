# SPDX-License-Identifier: MIT
"""Chosen frames of many trajectories, read where they lie: sorted, in spans, no frame more than those of the chunks they share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.science.frames import Frames

BEST_STRESS: tuple[str, ...] = ("virial", "estimated", "total")
"""What a stress may hold, the best first."""
_FIELDS = ("energies", "forces", "stresses")


def gather(nodes: Sequence[ZifTrajectoryData], owner: NDArray[Any], index: NDArray[Any], keep_stress: str | None = None) -> Frames:
    """Return the frames ``(owner, index)``, in that order, with energies, forces and stresses; ``index`` counts all frames of a node.

    A stress that is not known, or that is not ``keep_stress``, is NaN. What is not a label (velocities, steps) stays behind.
    Raises ``ValueError`` where the nodes are of different atoms or masses, or lack energies or forces.
    """
    joined: Frames | None = None
    for number, part in _parts(nodes, owner, index, keep_stress):
        if joined is None:
            joined = _empty(part, len(owner))
        rows = np.flatnonzero(owner == number)
        for name in ("positions", "cells", *_FIELDS):
            getattr(joined, name)[rows] = getattr(part, name)
        masses, mine = joined.masses, part.masses
        if masses is not None and (mine is None or not np.allclose(masses, mine, rtol=1e-5)):
            joined = replace(joined, masses=None)
    if joined is None:
        raise ValueError("there are no frames to gather")
    return joined


def check_one_system(nodes: Sequence[ZifTrajectoryData]) -> None:
    """Raise ``ValueError`` with one sentence unless all nodes are of the same atoms in the same order."""
    species = []
    for node in nodes:
        with node.h5md() as file:
            species.append(file.species)
    for node, mine in zip(nodes, species, strict=True):
        if mine != species[0]:
            same = (
                "the same atoms in another order"
                if sorted(mine) == sorted(species[0])
                else f"{_formula(mine)} beside {_formula(species[0])}"
            )
            raise ValueError(f"trajectory {node.uuid} holds {same}, but a dataset is of one system: draw one for each")


def _parts(
    nodes: Sequence[ZifTrajectoryData], owner: NDArray[Any], index: NDArray[Any], keep_stress: str | None
) -> Iterator[tuple[int, Frames]]:
    for number, node in enumerate(nodes):
        mine = index[owner == number]
        if not len(mine):
            continue
        with node.h5md() as file:
            if missing := sorted({"energies", "forces"} - set(file.fields)):
                raise ValueError(f"trajectory {node.uuid} has no {' and no '.join(missing)}, which a dataset needs")
            frames = file.read(mine, [name for name in _FIELDS if name in file.fields])
        keep: Any = keep_stress or frames.stress_content
        if frames.stresses is None or (keep_stress is not None and frames.stress_content != keep_stress):
            frames = replace(frames, stresses=np.full((len(frames), 6), np.nan), stress_content=keep)
        yield number, frames


def _empty(like: Frames, n: int) -> Frames:
    arrays: dict[str, Any] = {name: np.full((n, *getattr(like, name).shape[1:]), np.nan) for name in ("positions", "cells", *_FIELDS)}
    return replace(like, steps=None, times=None, temperatures=None, velocities=None, **arrays)


def _formula(species: tuple[str, ...]) -> str:
    return " ".join(f"{symbol}{species.count(symbol)}" for symbol in sorted(set(species)))
