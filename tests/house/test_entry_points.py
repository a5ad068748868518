# SPDX-License-Identifier: MIT
"""``setup.json`` is what AiiDA can call: it equals what is installed, every line loads, and is what its group says."""

from __future__ import annotations

import importlib
import inspect
import json
from importlib.metadata import distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GROUPS: dict[str, list[str]] = json.loads((ROOT / "setup.json").read_text(encoding="utf-8"))["entry_points"]
LINES = [(group, *line.split(" = ")) for group, lines in GROUPS.items() for line in lines]


def load(value: str) -> object:
    module, name = value.split(":")
    return getattr(importlib.import_module(module), name)


def test_setup_json_is_sorted_and_holds_nothing_else() -> None:
    """Groups and names stand in alphabetical order; there is one key."""
    assert list(json.loads((ROOT / "setup.json").read_text(encoding="utf-8"))) == ["entry_points"]
    assert list(GROUPS) == sorted(GROUPS)
    assert all(lines == sorted(lines) for lines in GROUPS.values())


def test_setup_json_equals_what_is_installed() -> None:
    """The build hands over every entry point unchanged; an installation older than ``setup.json`` fails here."""
    installed = {(e.group, e.name, e.value) for e in distribution("aiida-zif").entry_points if e.group.startswith("aiida.")}
    assert installed == set(LINES)


@pytest.mark.parametrize(("group", "name", "value"), LINES, ids=lambda text: text.split(":")[-1])
def test_entry_point_loads_and_is_of_its_kind(group: str, name: str, value: str) -> None:
    """Each entry point names a class of the kind that its group promises."""
    import click
    from aiida.engine import CalcJob, WorkChain
    from aiida.orm import Data
    from aiida.parsers import Parser

    kinds = {"aiida.calculations": CalcJob, "aiida.data": Data, "aiida.parsers": Parser, "aiida.workflows": WorkChain}
    loaded = load(value)
    if group == "aiida.cmdline.data":
        assert isinstance(loaded, click.Group)
    elif group == "aiida.calculations.monitors":
        assert {"node", "transport"} <= set(inspect.signature(loaded).parameters)
    else:
        assert isinstance(loaded, type)
        assert issubclass(loaded, kinds[group])


@pytest.mark.parametrize(("group", "name", "value"), LINES, ids=lambda text: text.split(":")[-1])
def test_stage_is_one_word_in_every_room(group: str, name: str, value: str) -> None:
    """``zif.STAGE`` lives in a file STAGE.py of its room."""
    if group != "aiida.cmdline.data":
        assert value.split(":")[0].rsplit(".", 1)[1] == name.removeprefix("zif.")


def test_every_calculation_has_its_parser() -> None:
    """A calculation and its parser carry the same word."""
    words = [{line.split(" = ")[0] for line in GROUPS[group]} for group in ("aiida.calculations", "aiida.parsers")]
    assert words[0] == words[1]
