# SPDX-License-Identifier: MIT
"""Loops, conditions and includes: as LAMMPS itself reads the same file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aiida_zif.programs.control_flow import ControlFlow, Quit
from aiida_zif.programs.lammps_script import ScriptError

LOOPS = """
variable name index one two &
   three
label outer
  variable k loop 3
  label inner
    print "${name} $k" append said.txt screen no
    if "${name} == two && $k == 2" then "jump SELF leave"
    next k
  jump SELF inner
  label leave
  variable k delete
  if "${name} == one" then "include part.in" elif "${name} == two" "print 'second' append said.txt" &
     else "print 'third' append said.txt screen no" "print last append said.txt"
next name
jump SELF outer
variable cmd string print
${cmd} "done # really" append said.txt # a comment
print \"\"\"two
lines $(1 + 1)\"\"\" append said.txt
jump other.in here
print never append said.txt
"""
PART = 'variable deep loop 2\nlabel again\nprint "deep ${deep}" append said.txt\nnext deep\njump SELF again\ninclude ${leaf}.in\n'


def write_inputs(folder: Path) -> Path:
    (folder / "main.in").write_text("variable leaf string leaf\n" + LOOPS)
    (folder / "part.in").write_text(PART)
    (folder / "leaf.in").write_text("print leaf append said.txt\n")
    (folder / "other.in").write_text("print skipped append said.txt\nlabel here\nprint other append said.txt\n")
    return folder / "main.in"


def test_every_path_is_the_one_that_lammps_takes(lammps: Any, tmp_path: Path) -> None:
    """Nested loops, breaks out of them, includes with loops of their own, jumps to files: the same lines in the same order."""
    path, said = write_inputs(tmp_path), tmp_path / "said.txt"
    lammps.file(str(path))
    by_lammps = said.read_text()
    said.unlink()
    lammps.command("clear")
    for name in ("leaf", "cmd"):
        lammps.command(f"variable {name} delete")
    ControlFlow(lammps).run_file(str(path))
    assert said.read_text() == by_lammps
    assert by_lammps.splitlines()[-4:] == ["done # really", "two", "lines 2", "other"]


def test_missing_label_is_refused(lammps: Any) -> None:
    """A jump to nowhere names label and file."""
    with pytest.raises(ScriptError, match="label nowhere was not found in script"):
        ControlFlow(lammps).run_text("jump SELF nowhere", "script")


def test_missing_include_is_refused(lammps: Any) -> None:
    """An include of a file that is not there names it."""
    with pytest.raises(ScriptError, match=r"the input absent\.in cannot be read"):
        ControlFlow(lammps).run_text("include absent.in", "script")


def test_quit_gives_its_status(lammps: Any) -> None:
    """``quit N``, also in an if, ends the input and not this process."""
    with pytest.raises(Quit) as caught:
        ControlFlow(lammps).run_text('variable n equal 3\nif "$n > 2" then "quit $n"\nnonsense', "script")
    assert caught.value.args == (3,)


def test_error_of_lammps_is_raised(lammps: Any) -> None:
    """What LAMMPS refuses, it refuses in its own words."""
    with pytest.raises(Exception, match="Unknown command: nonsense"):
        ControlFlow(lammps).run_text("nonsense 1 2", "script")


def test_variables_of_lammps_choose_the_command(lammps: Any, tmp_path: Path) -> None:
    """A condition that LAMMPS cannot evaluate is its error, not a silent choice."""
    (tmp_path / "x.in").write_text("")
    with pytest.raises(Exception, match="ERROR"):
        ControlFlow(lammps).run_text('if "1 >" then "include x.in"', "script")
