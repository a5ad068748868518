# SPDX-License-Identifier: MIT
"""`aiida-zif setup` and the codes found by role."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

pytestmark = pytest.mark.usefixtures("aiida_profile_clean")
Call = Callable[..., Result]


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder with two of the programs, which is all that this machine has."""
    for name in ("cp2k.ssmp", "zif-lmp"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_table_says_what_was_found_and_how_to_get_the_rest(call: Call, programs: Path) -> None:
    """A code per program found; what is missing with what brings it."""
    output = call("setup").output
    assert f"cp2k-ssmp@zif-local         {programs / 'cp2k.ssmp'}" in output
    assert "nequip-train: pip install 'aiida-zif[programs]'" in output
    assert "Install what is missing (train, package, compile, mliap, check, evaluate, disagree, frames, collect, analysis)" in output


def test_second_call_reuses_and_a_moved_program_gets_a_new_code(call: Call, programs: Path, tmp_path: Path) -> None:
    """Codes are made once; the old one keeps its history under another label."""
    from aiida.orm import AbstractCode, QueryBuilder, load_code

    call("setup")
    call("setup")
    assert QueryBuilder().append(AbstractCode).count() == 2
    before = load_code("zif-lmp@zif-local")
    (programs / "cp2k.ssmp").rename(programs / "cp2k.psmp")
    output = call("setup").output
    assert "cp2k-psmp@zif-local" in output
    assert load_code("zif-lmp@zif-local").pk == before.pk


def test_computer_may_have_another_name(call: Call, programs: Path) -> None:
    """It is this machine, made if it is not there."""
    assert "zif-lmp@desk" in call("setup", "--computer", "desk").output


def test_computer_that_is_another_machine_is_refused(refused: Callable[..., str], programs: Path, aiida_computer: Any) -> None:
    """Programs found here are not there."""
    aiida_computer(label="cluster", hostname="cluster.example.org", transport_type="core.ssh")
    assert "verdi code create core.code.installed" in refused("setup", "--computer", "cluster")


def test_codes_of_the_default_computer_come_first(call: Call, programs: Path) -> None:
    """Else the newest, and of one computer the program that stands first; a hidden one never."""
    from aiida_zif.cli.codes import find

    call("setup")
    call("setup", "--computer", "desk")
    assert find()["lammps"].full_label == "zif-lmp@zif-local"
    find()["lammps"].is_hidden = True
    assert find()["lammps"].full_label == "zif-lmp@desk"
    assert set(find()) == {"cp2k", "lammps"}
