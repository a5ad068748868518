# SPDX-License-Identifier: MIT
"""The examples: one per stage, each says how it is run; in an empty profile each ends with one sentence."""

from __future__ import annotations

import ast
import importlib.metadata
import runpy
from pathlib import Path
from typing import Any

import click
import pytest

EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "examples").glob("*.py"))


def test_every_stage_has_an_example() -> None:
    """Numbered in the order of the way of data; an ensemble is several melt-quenches. One more asks a question of several trainings."""
    stages = {entry.name[4:] for entry in importlib.metadata.entry_points(group="aiida.workflows") if entry.name.startswith("zif.")}
    assert {path.stem[3:] for path in EXAMPLES} == stages - {"glass_ensemble"} | {"stress_question"}
    assert [int(path.name[:2]) for path in EXAMPLES] == list(range(1, len(EXAMPLES) + 1))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_says_how_it_is_run(path: Path) -> None:
    """The docstring holds the command, and the file is short."""
    assert f"verdi run examples/{path.name}" in (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "")
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 70


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_without_its_inputs_ends_with_a_sentence(path: Path, aiida_profile_clean: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the example that makes them, or how to make the codes."""
    monkeypatch.setattr("sys.argv", [str(path)])
    with pytest.raises((SystemExit, click.ClickException)) as caught:
        runpy.run_path(str(path), run_name="__main__")
    sentence = caught.value.message if isinstance(caught.value, click.ClickException) else str(caught.value.code)
    assert "run examples/0" in sentence or "`aiida-zif setup`" in sentence
    assert "\n" not in sentence
