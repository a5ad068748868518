# SPDX-License-Identifier: MIT
"""The order of the house: size and names of files, licence line, nothing in ``__init__.py``."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = sorted(path for folder in ("aiida_zif", "tests", "benchmarks", "examples") for path in (ROOT / folder).rglob("*.py"))
SHELL = [ROOT / "scripts" / "demo", ROOT / "scripts" / "test", ROOT / "scripts" / "environment.bash", ROOT / ".ci" / "run"]
MOST_LINES = 300


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", [*PYTHON, *SHELL], ids=named)
def test_file_fits_on_a_few_pages(path: Path) -> None:
    """A file of more than 300 lines has become two things."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


@pytest.mark.parametrize("path", [*PYTHON, *SHELL, ROOT / "hatch_build.py"], ids=named)
def test_file_names_its_licence(path: Path) -> None:
    """The first line, or the second under ``#!``, is the SPDX line."""
    first, second, *_ = [*path.read_text(encoding="utf-8").splitlines(), "", ""]
    assert "# SPDX-License-Identifier: MIT" in (first, second if first.startswith("#!") else "")


def test_no_room_for_odds_and_ends() -> None:
    """No file or folder is called utils, helpers, common or misc: such a name says nothing of what is inside."""
    vague = {"utils", "util", "helpers", "helper", "common", "misc"}
    found = [named(path) for path in PYTHON for part in path.relative_to(ROOT).with_suffix("").parts if part.strip("_") in vague]
    assert not found


@pytest.mark.parametrize("path", sorted((ROOT / "aiida_zif").rglob("__init__.py")), ids=named)
def test_init_holds_no_code(path: Path) -> None:
    """An ``__init__.py`` holds a docstring, and the top one the version: importing a package does nothing."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    code = [node for node in body if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))]
    if path.parent.name == "aiida_zif":
        assert [ast.unparse(node).split(" = ")[0] for node in code] == ["__version__"]
    else:
        assert not code


def test_nothing_is_loaded_at_import() -> None:
    """No module loads a profile at import."""
    guilty = []
    for path in sorted((ROOT / "aiida_zif").rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
                guilty += [f"{named(path)}:{call.lineno}" for call in ast.walk(node) if _is_call_of(call, "load_profile")]
    assert not guilty


def _is_call_of(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and name in (getattr(node.func, "id", ""), getattr(node.func, "attr", ""))
