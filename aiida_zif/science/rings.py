# SPDX-License-Identifier: MIT
"""Primitive rings of the net of nodes (zinc) and linkers: those without a shortcut, as D. S. Franzblau counts them.

Phys. Rev. B 44, 4925 (1991), doi:10.1103/PhysRevB.44.4925. A ring is primitive where the way along it between any two of its nodes is a
shortest one in the net. That is so where it is so for the opposite nodes, which is what is looked at. Distances are those in the infinite
net, never those in one cell with its faces glued together: no supercell is needed, small cells are exact.

How: the faces are glued together only beyond so many cells that no walk as long as a ring can come around (:func:`_glued`). In that finite
net the distances from each zinc of one cell, found for all of them at once by sparse products, are a table of bytes; two travellers then
tour each ring (:func:`_tours`), all of them at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from aiida_zif.science import neighbours
from aiida_zif.science.coordination import CUTOFF
from aiida_zif.science.linkers import Topology, unwrap

Ints = NDArray[np.int64]

_ROOTS = 128
"""Zincs from which distances are found at once."""
_STARTS = 100_000
"""Pairs of opposite nodes between which is toured at once."""


@dataclass(frozen=True)
class Rings:
    """Number of primitive rings by size. Nodes are Zn and linkers alike: a ring of 12 has 6 Zn and 6 linkers."""

    per_cell: dict[int, float]
    """Size to number of rings in the cell; sizes that do not occur are left out."""
    per_node: dict[int, float]
    """The same, divided by the number of Zn in the cell."""
    depth: int
    """Size up to which rings were looked for."""


@dataclass(frozen=True, eq=False)
class Net:
    """A periodic net: zincs are numbered first, then linkers."""

    n_zinc: int
    n: int
    """Zincs and linkers of a cell."""
    edges: Ints
    """``(n_edges, 5)``, zinc, linker (from ``n_zinc`` on), and the three cells by which the linker stands away from the zinc's."""
    longest: float
    """Of the distances between two zincs of one linker, Å."""


@dataclass(frozen=True, eq=False)
class _Glued:
    """The net with faces glued together after ``cells`` cells; a place is cell number · n + number of the node."""

    net: Net
    cells: Ints
    """``(3,)``."""
    beside: NDArray[np.int32]
    """``(n_places, most)``, places next to each, −1 where there are fewer."""
    row: Ints
    """``(n,)``, row of the table that holds the distances from a node, −1 for a linker of one or two zincs."""

    def between(self, table: NDArray[np.int8], one: Ints, two: Ints) -> NDArray[np.int8]:
        """Return distance + 1 between two places, the first of a node that has a row; 0 where they are farther apart than was looked."""
        n, (_, ny, nz) = self.net.n, self.cells
        first, a = np.divmod(one, n)
        second, b = np.divmod(two, n)
        apart = np.zeros(len(one), dtype=np.int64)
        for stride, size in ((ny * nz, self.cells[0]), (nz, ny), (1, nz)):
            if size > 1:
                apart = apart * size + (second // stride - first // stride) % size
        found: NDArray[np.int8] = table[self.row[a], apart * n + b]
        return found


def primitive_rings(
    topology: Topology, positions: NDArray[np.float64], cell: NDArray[np.float64], cutoff: float = CUTOFF, depth: int = 32
) -> Rings:
    """Return the primitive rings of up to ``depth`` nodes; Zn and linker are joined where an N of it is nearer than ``cutoff`` Å.

    ``positions`` ``(n_atoms, 3)`` in the order of the topology, ``cell`` ``(3, 3)`` rows, Å. Exact in any periodic cell.

    Raises ``ValueError`` for a depth below 4 or beyond 120, or positions of another number of atoms.
    """
    if not 4 <= depth <= 120:
        raise ValueError(f"rings of up to {depth} nodes were asked for; give a number from 4 to 120")
    if np.shape(positions) != (len(topology.species), 3):
        raise ValueError(f"positions have shape {np.shape(positions)}; the topology is one of {len(topology.species)} atoms")
    cell = np.asarray(cell, dtype=float)
    net = join(topology, np.asarray(positions, dtype=float), cell, cutoff)
    per_cell = {size: tours / size for size, tours in sorted(_all_tours(net, cell, depth).items())}
    return Rings(per_cell, {size: count / net.n_zinc for size, count in per_cell.items()}, depth)


def join(topology: Topology, positions: NDArray[np.float64], cell: NDArray[np.float64], cutoff: float) -> Net:
    """Return the net of zincs and linkers; a linker with both N at one zinc is joined to it once."""
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
    number, linker = np.searchsorted(zinc, i), len(zinc) + topology.linker_of[j]
    edges = np.unique(np.column_stack([number, linker, shift]), axis=0)
    # Seen from a linker, its zincs stand at these places.
    order = np.argsort(edges[:, 1], kind="stable")
    owner, places = edges[order, 1], positions[zinc[edges[order, 0]]] - edges[order, 2:] @ cell
    longest = 0.0
    for apart in range(1, len(owner)):
        same = owner[:-apart] == owner[apart:]
        if not same.any():
            break
        longest = max(longest, float(np.linalg.norm(places[:-apart][same] - places[apart:][same], axis=1).max()))
    return Net(len(zinc), len(zinc) + topology.n_linkers, edges, longest)


def _glued(net: Net, cell: NDArray[np.float64], depth: int) -> _Glued:
    """Return the net glued together beyond the reach of any walk of ``depth`` steps, every two of which go ``net.longest`` Å at most."""
    heights = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    cells = (depth / 2 * net.longest / heights).astype(np.int64) + 1
    grid = np.stack(np.unravel_index(np.arange(cells.prod()), tuple(cells)), axis=1)
    there = (grid[None] + net.edges[:, None, 2:]) % cells
    strides = np.array([cells[1] * cells[2], cells[2], 1])
    home, away = (grid @ strides)[None] * net.n + net.edges[:, :1], (there @ strides) * net.n + net.edges[:, 1:2]
    ends = np.concatenate([np.column_stack([home.ravel(), away.ravel()]), np.column_stack([away.ravel(), home.ravel()])])
    ends = ends[np.lexsort((ends[:, 1], ends[:, 0]))]
    n_places = int(cells.prod()) * net.n
    degree = np.bincount(ends[:, 0], minlength=n_places)
    beside = np.full((n_places, max(1, int(degree.max(initial=0)))), -1, dtype=np.int32)
    starts = np.cumsum(degree) - degree
    beside[ends[:, 0], np.arange(len(ends)) - starts[ends[:, 0]]] = ends[:, 1]
    with_row = (np.arange(net.n) < net.n_zinc) | (degree[: net.n] > 2)
    return _Glued(net, cells, beside, np.where(with_row, np.cumsum(with_row) - 1, -1))


def _all_tours(net: Net, cell: NDArray[np.float64], depth: int) -> dict[int, int]:
    """Return how often a ring of each size is toured, every ring of 2 d nodes being met from each of its d zincs, in both directions."""
    if not len(net.edges):
        return {}
    glued = _glued(net, cell, depth)
    table, starts = _distances(glued, depth // 2)
    tours: dict[int, int] = {}
    for distance, (root, opposite) in starts.items():
        for begin in range(0, len(root), _STARTS):
            part = slice(begin, begin + _STARTS)
            if found := _tours(glued, table, root[part], opposite[part], distance):
                tours[2 * distance] = tours.get(2 * distance, 0) + found
    return tours


def _distances(glued: _Glued, reach: int) -> tuple[NDArray[np.int8], dict[int, tuple[Ints, Ints]]]:
    """Return the table of distances + 1, 0 for none, and by distance the zincs and places that could be opposite nodes of a ring.

    Such a place is reached from the zinc by two nodes at least.
    """
    beside, n_places = glued.beside, len(glued.beside)
    known = beside >= 0
    ends = np.concatenate([[0], np.cumsum(known.sum(axis=1))])
    steps = csr_matrix((np.ones(int(ends[-1]), dtype=np.int32), beside[known], ends), shape=(n_places, n_places))
    nodes = np.flatnonzero(glued.row >= 0)
    table = np.zeros((len(nodes), n_places), dtype=np.int8)
    starts: dict[int, list[tuple[Ints, Ints]]] = {}
    for begin in range(0, len(nodes), _ROOTS):
        roots = nodes[begin : begin + _ROOTS]
        part = table[begin : begin + len(roots)]
        rows, places = np.arange(len(roots)), roots
        part[rows, places] = 1
        for distance in range(1, reach + 1):
            sizes = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(roots)))])
            front = csr_matrix((np.ones(len(places), dtype=np.int32), places, sizes), shape=(len(roots), n_places)) @ steps
            rows, places = np.repeat(np.arange(len(roots)), np.diff(front.indptr)), front.indices.astype(np.int64)
            new = part[rows, places] == 0
            rows, places, ways = rows[new], places[new], front.data[new]
            part[rows, places] = distance + 1
            meant = (ways > 1) & (roots[rows] < glued.net.n_zinc)
            if distance > 1 and meant.any():
                starts.setdefault(distance, []).append((roots[rows[meant]], places[meant]))
    joined = {distance: tuple(map(np.concatenate, zip(*found, strict=True))) for distance, found in starts.items()}
    return table, joined  # type: ignore[return-value]


def _tours(glued: _Glued, table: NDArray[np.int8], root: Ints, opposite: Ints, distance: int) -> int:
    """Return in how many ways two travellers can go, at the same pace, one from ``root`` to ``opposite``, the other back to ``root``.

    Each goes by a shortest path and they are ``distance`` apart all the time: together they tour a primitive ring in one direction. A
    linker of two zincs needs no look of its own: it lies on a shortest path where the zincs on both sides of it do.
    """
    row, n = glued.row, glued.net.n
    one, two = root.copy(), opposite.copy()
    for gone in range(1, distance + 1):
        left = distance - gone + 1  # the table holds distance + 1
        at, ahead = _beside(glued, one)
        # From a zinc opposite everything is known; to a linker opposite only from the zincs.
        start, end = (opposite[at], ahead) if distance % 2 == 0 else (ahead, opposite[at])
        good = np.ones(len(at), dtype=bool)
        if distance % 2 == 0 or gone % 2 == 0:
            good = glued.between(table, start, end) == left
        if gone == distance:
            good &= ahead == opposite[at]
        at, ahead = at[good], ahead[good]
        back_at, back = _beside(glued, two)
        good = table[row[root[back_at]], back] == left
        back_at, back = back_at[good], back[good]
        # Every way ahead with every way back of the same tour.
        number = np.bincount(back_at, minlength=len(root))
        begin = np.cumsum(number) - number
        times = number[at]
        within = np.arange(int(times.sum())) - np.repeat(np.cumsum(times) - times, times)
        at, ahead = np.repeat(at, times), np.repeat(ahead, times)
        back = back[begin[at] + within]
        first, second = (ahead, back) if distance % 2 == 0 or gone % 2 == 0 else (back, ahead)
        asked = (row[first % n] >= 0) & ((row[second % n] >= 0) | (distance % 2 == 1))
        good = ~asked & (first != second)
        good[asked] = glued.between(table, first[asked], second[asked]) == distance + 1
        root, opposite, one, two = root[at[good]], opposite[at[good]], ahead[good], back[good]
        if not len(root):
            return 0
    return len(root)


def _beside(glued: _Glued, places: Ints) -> tuple[Ints, Ints]:
    """Return for each place the index in ``places`` and the place beside it, sorted by the first."""
    found = glued.beside[places]
    at, which = np.nonzero(found >= 0)
    return at, found[at, which].astype(np.int64)
