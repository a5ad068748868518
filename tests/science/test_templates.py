# SPDX-License-Identifier: MIT
"""Network templates: linkers are told by their graphs."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms

from aiida_zif.science import linkers, templates


def with_methyl(crystal: Atoms, topology: linkers.Topology) -> Atoms:
    """The hydrogen between the two nitrogens of the first linker replaced by a methyl group."""
    beside: dict[int, list[int]] = {}
    for i, j in topology.bonds.tolist():
        beside.setdefault(i, []).append(j)
        beside.setdefault(j, []).append(i)
    carbon = next(k for k in beside if crystal.symbols[k] == "C" and [crystal.symbols[n] for n in beside[k]].count("N") == 2)
    hydrogen = next(k for k in beside[carbon] if crystal.symbols[k] == "H")
    way = crystal.get_distance(carbon, hydrogen, vector=True, mic=True)
    way /= np.linalg.norm(way)
    side = np.cross(way, [0.1, 0.2, 1.0])
    side /= np.linalg.norm(side)
    methyl = crystal.positions[carbon] + 1.5 * way
    around = [np.cos(t) * side + np.sin(t) * np.cross(way, side) for t in np.radians([0, 120, 240])]
    return crystal[[k for k in range(len(crystal)) if k != hydrogen]] + Atoms(
        "CH3", positions=[methyl, *(methyl + 0.36 * way + 1.03 * one for one in around)]
    )


def test_mixed_linkers_are_each_known_by_name(dia34, dia34_topology):
    """One methylimidazolate among imidazolates: the template of both knows four linkers, that of ZIF-4 or ZIF-8 alone refuses."""
    mixed = with_methyl(dia34, dia34_topology)
    arguments = (mixed.get_chemical_symbols(), mixed.positions, mixed.cell[:])
    assert sorted(linkers.perceive(*arguments, framework="any").linker_kinds) == ["im", "im", "im", "mim"]
    with pytest.raises(ValueError, match="3 × C3H3N2 besides Zn and methylimidazolates"):
        linkers.perceive(*arguments, framework="ZIF-8")
    with pytest.raises(ValueError, match="C4H5N2 besides Zn and imidazolates C3H3N2 or benzimidazolates C7H5N2"):
        linkers.perceive(*arguments, framework="ZIF-62")


@pytest.mark.parametrize("name", templates.names())
def test_every_linker_is_told_from_the_others_whatever_the_order_of_its_atoms(name):
    """A shuffled graph is the same linker; one bond less, or moved, is none."""
    wanted = templates.template(name)
    rng = np.random.default_rng(0)
    for linker in templates.template("any").linkers:
        n = len(linker.atoms)
        place = rng.permutation(n)
        atoms = [linker.atoms[k] for k in np.argsort(place)]
        bonds = [(int(place[i]), int(place[j])) for i, j in linker.bonds]
        assert wanted.kind_of(atoms, bonds) == (linker.name if linker in wanted.linkers else None)
        assert wanted.kind_of(atoms, bonds[1:]) is None
        moved = [*bonds[:-1], (bonds[-1][1], bonds[0][0])]
        assert wanted.kind_of(atoms, moved) is None


def test_an_unknown_template_is_refused():
    """The sentence names those that there are."""
    with pytest.raises(ValueError, match="no network template 'ZIF-99'; choose one of ZIF-4, SALEM-2, ZIF-8, ZIF-62"):
        templates.template("ZIF-99")
