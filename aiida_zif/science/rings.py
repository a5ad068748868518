# SPDX-License-Identifier: MIT
"""Primitive rings of the net of zinc and linkers: those without a shortcut, as D. S. Franzblau counts them.

Phys. Rev. B 44, 4925 (1991), doi:10.1103/PhysRevB.44.4925. A ring is primitive where the way along it between any two of its nodes is a
shortest one in the net. That is so where it is so for the opposite nodes, which is what is looked at. Distances are those in the infinite
net, never those in one cell with its faces glued together: no supercell is needed, small cells are exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_zif.science import neighbours
from aiida_zif.science.coordination import CUTOFF
from aiida_zif.science.linkers import Topology, unwrap

_SPAN = 256
"""Cells along each axis that a code can tell apart: −128 … 127, far beyond any ring."""


@dataclass(frozen=True)
class Rings:
    """Number of primitive rings by size. Nodes are Zn and linkers alike: a ring of 12 has 6 Zn and 6 linkers."""

    per_cell: dict[int, float]
    """Size to number of rings in the cell; sizes that do not occur are left out."""
    per_node: dict[int, float]
    """The same, divided by the number of Zn in the cell."""
    depth: int
    """Size up to which rings were looked for."""


@dataclass(frozen=True)
class _Net:
    """An infinite periodic net. A node is one integer, cell code · n + number in the cell; codes of cells add like the cells themselves."""

    n: int
    edges: tuple[tuple[int, ...], ...]
    """For each node of the home cell the nodes beside it."""

    def beside(self, node: int) -> list[int]:
        number = node % self.n
        home = node - number
        return [home + other for other in self.edges[number]]


def primitive_rings(
    topology: Topology, positions: NDArray[np.float64], cell: NDArray[np.float64], cutoff: float = CUTOFF, depth: int = 32
) -> Rings:
    """Return the primitive rings of up to ``depth`` nodes; Zn and linker are joined where an N of it is nearer than ``cutoff`` Å.

    ``positions`` ``(n_atoms, 3)`` in the order of the topology, ``cell`` ``(3, 3)`` rows, Å. Exact in any periodic cell. Takes about
    10 ms per Zn in an ordered net, single thread.

    Raises ``ValueError`` for a depth below 4 or beyond 120, or positions of another number of atoms.
    """
    if not 4 <= depth <= 120:
        raise ValueError(f"rings of up to {depth} nodes were asked for; give a number from 4 to 120")
    if np.shape(positions) != (len(topology.species), 3):
        raise ValueError(f"positions have shape {np.shape(positions)}; the topology is one of {len(topology.species)} atoms")
    net, n_zinc = _net(topology, np.asarray(positions, dtype=float), np.asarray(cell, dtype=float), cutoff)
    reach = depth // 2
    maps = [_distances(net, number, reach) for number in range(net.n)]
    tours: dict[int, int] = {}
    for root in range(n_zinc):
        for opposite, distance in maps[root].items():
            if distance >= 2 and (found := _tours(net, maps, root, opposite, distance)):
                tours[2 * distance] = tours.get(2 * distance, 0) + found
    # Every ring of 2 d nodes is met from each of its d zincs, in both directions.
    per_cell = {size: count / size for size, count in sorted(tours.items())}
    return Rings(per_cell, {size: count / n_zinc for size, count in per_cell.items()}, depth)


def _net(topology: Topology, positions: NDArray[np.float64], cell: NDArray[np.float64], cutoff: float) -> tuple[_Net, int]:
    symbols = np.array(topology.species)
    zinc = np.flatnonzero(topology.linker_of < 0)
    inverse = np.linalg.inv(cell)
    # A linker lies in the cell of its first atom; ``offset`` is the cell in which each of its atoms then stands.
    offset = np.round((unwrap(topology, positions, cell) - positions) @ inverse).astype(np.int64)
    chosen = np.flatnonzero((symbols == "N") | (topology.linker_of < 0))
    i, j, _, vector = neighbours.pairs(positions[chosen], cell, cutoff)
    i, j = chosen[i], chosen[j]
    wanted = (topology.linker_of[i] < 0) & (topology.linker_of[j] >= 0)
    i, j, vector = i[wanted], j[wanted], vector[wanted]
    shift = np.round((vector - positions[j] + positions[i]) @ inverse).astype(np.int64) - offset[j]
    n = len(zinc) + topology.n_linkers
    a, b = np.searchsorted(zinc, i), len(zinc) + topology.linker_of[j]
    code = ((shift[:, 0] * _SPAN + shift[:, 1]) * _SPAN + shift[:, 2]) * n
    beside: list[set[int]] = [set() for _ in range(n)]
    for one, two, step in zip(a.tolist(), b.tolist(), code.tolist(), strict=True):
        beside[one].add(step + two)
        beside[two].add(one - step)
    return _Net(n, tuple(tuple(sorted(nodes)) for nodes in beside)), len(zinc)


def _distances(net: _Net, root: int, reach: int) -> dict[int, int]:
    """Return the distance in the infinite net of every node within ``reach`` steps of a node of the home cell."""
    found, level = {root: 0}, [root]
    for distance in range(1, reach + 1):
        nodes = []
        for node in level:
            for other in net.beside(node):
                if other not in found:
                    found[other] = distance
                    nodes.append(other)
        level = nodes
    return found


def _tours(net: _Net, maps: list[dict[int, int]], root: int, opposite: int, distance: int) -> int:
    """Return in how many ways two travellers can go, at the same pace, one from ``root`` to ``opposite``, the other back to ``root``.

    Each goes by a shortest path and they are ``distance`` apart all the time: together they tour a primitive ring in one direction.
    """
    n = net.n
    far = opposite % n
    home = opposite - far
    from_root, from_far = maps[root], maps[far]
    tours = [(root, opposite)]
    for gone in range(1, distance + 1):
        left = distance - gone
        following = []
        for one, two in tours:
            ahead = [node for node in net.beside(one) if from_far.get(node - home, -1) == left]
            back = [node for node in net.beside(two) if from_root.get(node, -1) == left]
            for first in ahead:
                number = first % n
                cell = first - number
                following += [(first, second) for second in back if maps[number].get(second - cell, -1) == distance]
        if not following:
            return 0
        tours = following
    return len(tours)
