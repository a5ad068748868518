# SPDX-License-Identifier: MIT
"""Pairs of atoms within a cutoff, in any periodic cell, in the two forms that compiled models take."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SKIN = 0.5
"""Å beyond the cutoff that the remembered list holds. At 1500 K and 0.5 fs it lasts some ten steps; a wider one costs more
distances than it saves searches."""


@dataclass(frozen=True)
class Pairs:
    """All ordered pairs within the cutoff: each appears as i→j and as j→i."""

    index: NDArray[np.int64]
    """``(2, n_pairs)``, centre and neighbour."""
    shift: NDArray[np.int32]
    """``(n_pairs, 3)``, cell vectors to add to the neighbour."""


class NeighbourList:
    """Pairs within ``cutoff`` Å, remembered with a skin: searched anew only when an atom moved by more than half of it.

    vesin keeps the list and filters it to the cutoff at every call; it also searches anew when cell or number of atoms ask for it.
    """

    def __init__(self, cutoff: float, skin: float = SKIN) -> None:
        import vesin

        # half a list is found, filtered and copied in half the time, and its mirror is a concatenation
        self._search = vesin.NeighborList(cutoff=cutoff, full_list=False, skin=skin, n_threads=1)

    def pairs(
        self, positions: NDArray[np.float64], cell: NDArray[np.float64], periodic: tuple[bool, bool, bool] = (True, True, True)
    ) -> Pairs:
        """Return the pairs of ``(n_atoms, 3)`` Cartesian positions in Å in the ``(3, 3)`` cell with vectors as rows, Å."""
        i, j, shift = self._search.compute(points=positions, box=cell, periodic=np.array(periodic), quantities="ijS")
        n = len(i)
        index = np.empty((2, 2 * n), dtype=np.int64)
        index[0, :n] = index[1, n:] = i
        index[1, :n] = index[0, n:] = j
        return Pairs(index, np.concatenate((shift, -shift)))


@dataclass(frozen=True)
class Ghosts:
    """The same pairs without a cell: neighbours in other cells are atoms of their own, as in LAMMPS."""

    index: NDArray[np.int64]
    """``(2, n_pairs)``, centre and neighbour, the latter among atoms and ghosts."""
    owner: NDArray[np.int64]
    """``(n_ghosts,)``, the atom that each ghost is an image of."""
    shift: NDArray[np.int32]
    """``(n_ghosts, 3)``, cell vectors from the owner to the ghost."""


def with_ghosts(pairs: Pairs, n_atoms: int) -> Ghosts:
    """Return ``pairs`` with one ghost for each image of an atom that is somebody's neighbour."""
    span = pairs.shift.max(axis=0, initial=0) - (low := pairs.shift.min(axis=0, initial=0)) + 1
    offset = (pairs.shift - low).astype(np.int64)
    image = (offset[:, 0] * span[1] + offset[:, 1]) * span[2] + offset[:, 2]
    home = (-low[0] * span[1] - low[1]) * span[2] - low[2]
    # a table over (image, atom) instead of a sort: np.unique would cost more than the search for neighbours
    code = image * n_atoms + pairs.index[1]
    place = np.zeros(int(span.prod()) * n_atoms, dtype=np.int64)
    place[code] = 1
    place[home * n_atoms : (home + 1) * n_atoms] = 0
    wanted = np.flatnonzero(place)
    place[wanted] = np.arange(n_atoms, n_atoms + len(wanted))
    place[home * n_atoms : (home + 1) * n_atoms] = np.arange(n_atoms)
    images = wanted // n_atoms
    shift = np.column_stack((images // (span[1] * span[2]), images // span[2] % span[1], images % span[2])) + low
    return Ghosts(np.stack((pairs.index[0], place[code])), wanted % n_atoms, shift.astype(np.int32))
