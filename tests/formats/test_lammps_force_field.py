# SPDX-License-Identifier: MIT
"""Classical force fields as typed commands, read from inputs of others, with their topology."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aiida_zif.formats import lammps_strange_input
from aiida_zif.formats.lammps_force_field import ForceField, without_unused
from aiida_zif.formats.lammps_topology import parse

SW = (("pair_style", "sw"), ("pair_coeff", "*", "*", "Si.sw", "Si"))
SYNTAX = set(" \t\n\r$&\"'#;`\\(){}<>|!%")
MOFF = "moff/ZIF-4_supercell111.in"
WATER = """two waters, one across the boundary

6 atoms
4 bonds
2 angles
2 atom types
1 bond types
1 angle types
0 10 xlo xhi
0 10 ylo yhi
0 10 zlo zhi

Masses

1 15.9994
2 1.008

Atoms  # full

1 1 1 -0.8 5 5 5
2 1 2 0.4 5.9 5 5
3 1 2 0.4 5 5.9 5
4 2 1 -0.8 9.8 1 1
5 2 2 0.4 0.7 1 1
6 2 2 0.4 9.8 1.9 1

Velocities

1 0 0 1
2 0 0 0
3 0 0 0
4 0 0 0
5 0 0 0
6 0 0 0

Bonds

1 1 1 2
2 1 1 3
3 1 4 5
4 1 4 6

Angles

1 1 2 1 3
2 1 5 4 6
"""


def silicon(**changes: object) -> ForceField:
    return ForceField(**{"units": "metal", "atom_style": "atomic", "elements": ("Si",), "commands": SW, "files": ("Si.sw",), **changes})  # type: ignore[arg-type]


@given(st.text(max_size=30))
@example("1.0\nshell rm -rf /")
@example("$(step)")
@example("${x}")
@example("a&")
@example('"')
@example("/etc/passwd")
@example("../secret")
def test_only_words_reach_the_input(text: str) -> None:
    """A word with a space, a quote, a newline or a metacharacter is refused in every place where a word stands."""
    makers = (
        lambda: silicon(commands=(*SW, ("pair_modify", text))),
        lambda: silicon(commands=(*SW, (text, "1"))),
        lambda: silicon(units=text),
        lambda: silicon(atom_style=text),
        lambda: silicon(elements=(text,)),
        lambda: silicon(files=("Si.sw", text)),
    )
    for make in makers:
        lines, sentence = [], ""
        try:
            lines = make().lines
        except ValueError as refusal:
            sentence = str(refusal)
        assert "\n" not in sentence
        assert not SYNTAX & set("".join(lines).replace(" ", ""))
        assert len(lines) == len("\n".join(lines).splitlines())


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (("shell", "rm", "x"), "no command of a force field"),
        (("include", "more"), "no command of a force field"),
        (("variable", "x", "equal", "1"), "no command of a force field"),
        (("python", "f", "invoke"), "no command of a force field"),
        (("fix", "1", "all", "print", "10"), "fix print is not part of a force field"),
        (("fix", "1", "all", "nve"), "belong to the run"),
        (("pair_style", "python", "9.0"), "runs a program of its own"),
        (("pair_style", "hybrid/overlay", "zero", "mliap/kk", "unified"), "runs a program of its own"),
        (("pair_coeff", "*", "*", "C.tersoff", "C"), "does not carry"),
        (("pair_modify",), "says nothing"),
    ],
)
def test_command_that_is_more_than_a_force_field_is_refused(command: tuple[str, ...], sentence: str) -> None:
    """By keyword, by fix, by the pair styles that run programs, by files that are not there."""
    with pytest.raises(ValueError, match=sentence):
        silicon(commands=(*SW, command))


def test_unused_styles_of_terms_are_dropped_and_said() -> None:
    """LAMMPS refuses a hybrid sub-style without coefficients."""
    kept, notes = without_unused([("bond_style", "hybrid", "class2", "morse"), ("bond_coeff", "1", "class2", "1.0")])
    assert kept[0] == ("bond_style", "hybrid", "class2")
    assert "morse" in notes[0]


def test_bonds_follow_into_a_repeated_cell() -> None:
    """Also across the boundary: every bond of the copies is as long as that of the cell it was made for."""
    topology, _ = parse(WATER, "full")
    big = topology.repeated([2, 1, 3])
    assert len(big) == 36
    assert sorted(set(big.molecules.tolist())) == list(range(1, 13))
    for name, rows in big.terms.items():
        assert len(rows) == 6 * len(topology.terms[name])
        for a, b in rows[:, 1:3] - 1:
            apart = big.positions[b] - big.positions[a]
            apart -= np.rint(apart / np.diag(big.cell)) * np.diag(big.cell)
            np.testing.assert_allclose(np.linalg.norm(apart), 0.9, atol=1e-9)
    again, _ = parse(big.write(big.positions, big.cell, [15.9994, 1.008]), "full")
    np.testing.assert_array_equal(again.terms["Angles"], big.terms["Angles"])


@pytest.mark.parametrize(
    ("species", "move", "sentence"),
    [
        (("O", "H", "H", "O", "H"), None, "5 atoms"),
        (("H", "O", "H", "O", "H", "H"), None, "atom 1 of the structure is H, but O"),
        (("O", "H", "H", "O", "H", "H"), (1, 5), "atoms 1 and 2 are bonded"),
    ],
)
def test_other_atoms_or_another_order_are_refused(species: tuple[str, ...], move: tuple[int, int] | None, sentence: str) -> None:
    """By their number, their elements and, among equals, by the length of the bonds."""
    topology, _ = parse(WATER, "full")
    positions = topology.positions[: len(species)].copy()
    if move:
        positions[list(move)] = positions[list(reversed(move))]
    with pytest.raises(ValueError, match=sentence):
        topology.fitted(species, positions, topology.cell, ("O", "H"))


def test_input_of_others_is_taken_line_by_line(tmp_path: Path) -> None:
    """Force field kept, run passed over, charges and bonds in the topology, elements by the masses, comments and joined lines."""
    (tmp_path / "water.data").write_text(WATER)
    text = "units real\natom_style full\nread_data water.data  # here\npair_style lj/cut/coul/cut &\n 4.0\npair_coeff 1 1 0.1 3.1\n"
    text += "pair_coeff 2 2 0 1\nbond_style harmonic\nbond_coeff 1 450 0.9\n"
    text += "angle_style harmonic\nangle_coeff 1 55 104\nrun 10\nfix 1 all nvt x\n"
    (tmp_path / "in").write_text(text)
    found = lammps_strange_input.read(tmp_path / "in")
    assert found.force_field.elements == ("O", "H")
    assert found.force_field.lines[0] == "pair_style lj/cut/coul/cut 4.0"
    assert len(found.force_field.lines) == 7
    assert found.topology is not None


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("variable x equal 1", "line 1 of in begins with 'variable'"),
        ("boundary f p p", "our runs are with boundary p p p"),
        ("units lj", "units are 'lj'"),
        ("read_data a.data add append", "without options"),
        ("fix 1 all wall/gran x", "not known here whether"),
        ("pair_style lj/cut $x", "words are made of"),
    ],
)
def test_line_that_is_not_known_is_refused(tmp_path: Path, line: str, sentence: str) -> None:
    """In one sentence that names the line."""
    (tmp_path / "water.data").write_text(WATER)
    rest = "atom_style full\nread_data water.data\npair_style zero 5.0\n"
    (tmp_path / "in").write_text(f"{line}\n{'' if line.startswith('units') else 'units real'}\n{rest}")
    with pytest.raises(ValueError, match=sentence):
        lammps_strange_input.read(tmp_path / "in")


def test_published_force_field_is_read(shared_data: Path) -> None:
    """MOF-FF for ZIF-4: 272 atoms of six types, three styles dropped that LAMMPS of today refuses."""
    found = lammps_strange_input.read(shared_data / MOFF)
    assert found.force_field.elements == ("C", "H", "C", "H", "N", "Zn")
    assert found.topology is not None
    assert len(found.topology) == 272
    assert len(found.notes) == 3
