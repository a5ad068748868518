# SPDX-License-Identifier: MIT
"""The text of a LAMMPS input, by LAMMPS' own rules."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_zif.programs.lammps_script import ScriptError, branches, commands, read_pair_coeff, read_pair_style, strip_comment, words


def test_lines_ending_in_ampersand_are_one_command() -> None:
    """The ampersand goes, white space after it does not matter, a comment continues likewise."""
    assert commands("fix 1 all nvt &  \n temp 1 2 3\nrun 5\n# a &\n b") == ["fix 1 all nvt  temp 1 2 3", "run 5", "# a  b"]


def test_triple_quotes_hold_lines_together() -> None:
    """What stands between triple quotes keeps its line ends."""
    assert commands('print """one\ntwo"""\nrun 1') == ['print """one\ntwo"""', "run 1"]


def test_last_line_needs_no_line_end() -> None:
    """A file may end within a continuation or without a newline."""
    assert commands("run 1\nrun 2 &") == ["run 1", "run 2"]


def test_comment_ends_a_command_outside_quotes_only() -> None:
    """A # in quotes of any kind is text."""
    assert strip_comment("print 'a # b' # c") == "print 'a # b' "
    assert strip_comment('print """a "# b""" # c') == 'print """a "# b""" '


def test_words_keep_quotes_and_formulas_together() -> None:
    """A quoted text and an immediate variable are one word each, whatever spaces they contain."""
    found = words('if $(v_a > 3) then "jump SELF end" \'x y\' """a "b" c""" # no')
    assert [word.text for word in found] == ["if", "$(v_a > 3)", "then", "jump SELF end", "x y", 'a "b" c']
    assert found[3].raw == '"jump SELF end"'


def test_open_quote_is_refused() -> None:
    """A quote that is not closed is an error, as in LAMMPS."""
    with pytest.raises(ScriptError, match="not closed"):
        words('print "hello')


@given(st.text(max_size=60))
def test_any_text_is_split_or_refused(text: str) -> None:
    """No text makes the splitter fail otherwise than by its own sentence."""
    for command in commands(text):
        with contextlib.suppress(ScriptError):
            assert all(word.text in word.raw for word in words(command))


@pytest.mark.parametrize(
    ("line", "replaced"),
    [
        ("pair_style nequip", "pair_style zero 1.0"),
        ("pair_style allegro # model", "pair_style zero 1.0"),
        ("pair_style hybrid/overlay nequip buck 3.0", "pair_style hybrid/overlay zero 1.0 buck 3.0"),
        ("pair_style hybrid/overlay zbl 1.0 2.0 allegro", "pair_style hybrid/overlay zbl 1.0 2.0 zero 1.0"),
    ],
)
def test_pair_style_of_a_model_is_replaced(line: str, replaced: str) -> None:
    """The model's place is taken by a style without forces, classical ones stay."""
    style = read_pair_style(line)
    assert style is not None
    assert style.command == replaced


def test_classical_pair_style_is_left_alone() -> None:
    """No model, no replacement."""
    assert read_pair_style("pair_style lj/cut 3.0") is None


@pytest.mark.parametrize("line", ["nequip 4.0", "hybrid nequip buck 3.0", "hybrid/overlay nequip nequip", "hybrid/overlay nequip zero 5.0"])
def test_impossible_pair_style_is_refused(line: str) -> None:
    """Arguments, partition of pairs, two models, our own placeholder: a sentence each."""
    with pytest.raises(ScriptError):
        read_pair_style(f"pair_style {line}")


def test_pair_coeff_gives_file_and_types() -> None:
    """In hybrid/overlay the model's line is the one that names its style; a file name may be quoted."""
    alone = read_pair_style("pair_style nequip")
    overlaid = read_pair_style("pair_style hybrid/overlay nequip buck 3.0")
    assert alone is not None
    assert overlaid is not None
    assert read_pair_coeff("pair_coeff * * 'my m.nequip.pt2' C H", alone) == ("my m.nequip.pt2", ("C", "H"))
    assert read_pair_coeff("pair_coeff * * nequip m.nequip.pt2 C H", overlaid) == ("m.nequip.pt2", ("C", "H"))
    assert read_pair_coeff("pair_coeff 1 2 buck 1.0 0.1 0.0", overlaid) is None


@pytest.mark.parametrize("line", ["1 2 m.nequip.pt2 C", "* *", "* * m.nequip.pt2"])
def test_incomplete_pair_coeff_is_refused(line: str) -> None:
    """A model is for all pairs, and needs a file and types."""
    style = read_pair_style("pair_style nequip")
    assert style is not None
    with pytest.raises(ScriptError, match="must read"):
        read_pair_coeff(f"pair_coeff {line}", style)


def test_if_is_split_into_branches() -> None:
    """Conditions stay as written, because LAMMPS replaces variables outside quotes only."""
    line = 'if "${a} > 1" then "jump SELF x" "print y" elif ${b}==2 quit else "run 1"'
    assert branches(line) == [('"${a} > 1"', ["jump SELF x", "print y"]), ("${b}==2", ["quit"]), (None, ["run 1"])]


@pytest.mark.parametrize("line", ["if 1==1", "if 1==1 run 5", "if 1==1 then", 'if 1==1 then "a" else'])
def test_broken_if_is_refused(line: str) -> None:
    """A missing then or an empty branch is an error, as in LAMMPS."""
    with pytest.raises(ScriptError):
        branches(line)
