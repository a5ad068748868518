# SPDX-License-Identifier: MIT
"""What the package imports is what it asks pip for: no package that happens to be there, none that is not needed."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
BROUGHT_ALONG = {"plumpy": "aiida-core"}
"""Packages of which another's interface consists."""
NOT_IMPORTED = {"aiida-zif", "mpich"}
"""A library that is linked, not imported."""


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def asked(lines: list[str]) -> set[str]:
    return {canonical(re.split(r"[<>=\[ ]", line)[0]) for line in lines}


def imported(*rooms: Path) -> set[str]:
    """Return the distributions, other than ours, that the files of ``rooms`` import anywhere."""
    tops: set[str] = set()
    for path in (path for room in rooms for path in room.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                tops |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                tops.add(str(node.module).split(".")[0])
    owners = packages_distributions()
    foreign = tops - set(sys.stdlib_module_names) - {"aiida_zif"}
    return {canonical(BROUGHT_ALONG.get(top) or owners.get(top, [top])[0]) for top in foreign}


def test_everything_imported_is_asked_for() -> None:
    """Outside ``programs`` only the dependencies are imported and the extra ``pores``, there also the extra ``programs``."""
    always = asked(PROJECT["dependencies"]) | asked(PROJECT["optional-dependencies"]["pores"])
    rooms = [path for path in (ROOT / "aiida_zif").iterdir() if path.is_dir() and path.name not in ("programs", "__pycache__")]
    assert not imported(*rooms) - always
    assert not imported(ROOT / "aiida_zif" / "programs") - always - asked(PROJECT["optional-dependencies"]["programs"])


def test_everything_asked_for_is_used() -> None:
    """Each dependency is imported, or is a program that a job starts."""
    started = {"nequip", "nequip-allegro"}  # nequip-train loads Allegro by the name in its configuration
    wanted = asked(PROJECT["dependencies"]) | asked(PROJECT["optional-dependencies"]["programs"])
    assert not wanted - imported(ROOT / "aiida_zif") - started - NOT_IMPORTED
