# SPDX-License-Identifier: MIT
"""The rounds of an active learning as text, CSV and figure."""

from __future__ import annotations

import csv
from typing import Any
from xml.etree import ElementTree

import pytest

from aiida_zif.report import rounds


def run_of(seed: int, survived: float, whole: bool) -> dict[str, Any]:
    return {
        "seed": seed, "whole": whole, "survived_ps": survived, "reason": "" if whole else "linker 1: C–H bond of 2.2 Å", "linker": None,
        "step": 1, "mean_temperature_k": 1590.0 + seed, "transients": 0,
    }  # fmt: skip


@pytest.fixture
def facts() -> dict[str, Any]:
    """Two rounds: the first breaks twice in three runs, the second holds; the errors of the first model are not known."""
    hazard = {"events": 2, "per_linker_ns": 38.5, "low": 4.66, "high": 139.0}
    runs = [run_of(1, 2.0, False), run_of(2, 1.0, False), run_of(3, 10.0, True)]
    first = {
        "round": 0, "model": "u", "runs": runs, "broken": 2, "hazard": hazard,
        "picked": 24, "labelled": 20, "train_frames": 300, "forces_mae_mev_per_angstrom": None, "energy_mae_mev_per_atom": None,
    }  # fmt: skip
    second = {
        **first, "round": 1, "runs": [run_of(seed, 10.0, True) for seed in (1, 2, 3)], "broken": 0, "picked": 0, "labelled": 0,
        "hazard": {"events": 0, "per_linker_ns": 0.0, "low": 0.0, "high": 30.7}, "train_frames": 318, "forces_mae_mev_per_angstrom": 151.4,
    }  # fmt: skip
    run = {"picoseconds": 10.0, "temperature_k": 1600}
    return {"kind": rounds.KIND, "verdict": "linkers stay whole", "run": run, "rounds": [first, second]}


def test_text_tells_each_round(facts: dict[str, Any]) -> None:
    """Breaks with their interval, frames, errors; what is not known is a dash; last, what was tested and how it ended."""
    lines = rounds.text(facts).splitlines()
    assert lines[1].split() == ["0", "2", "of", "3", "1.00", "38.5", "(4.7", "to", "139.0)", "24", "20", "300", "–", "–"]
    assert lines[2].split() == ["1", "0", "of", "3", "–", "0.0", "(0.0", "to", "30.7)", "0", "0", "318", "151", "–"]
    assert lines[-1] == "3 runs of 10 ps at 1600 K each, ⟨T⟩ 1591 to 1593 K in the last round: linkers stay whole."


def test_csv_tells_each_run(facts: dict[str, Any]) -> None:
    """A line per run, with what broke."""
    lines = list(csv.DictReader(rounds.as_csv(facts).splitlines()))
    assert len(lines) == 6
    assert (lines[1]["round"], lines[1]["seed"], lines[1]["survived_ps"], lines[1]["whole"]) == ("0", "2", "1.0", "False")
    assert "C–H" in lines[0]["reason"]


def test_latex_has_a_line_per_round(facts: dict[str, Any]) -> None:
    """What LaTeX would read as a comment is escaped, but for the sentence that is one."""
    lines = rounds.as_latex(facts).splitlines()
    assert [line for line in lines if line.endswith(r"\\")] == [line for line in lines if "&" in line]
    assert sum("&" in line for line in lines) == 3
    assert r"(95 \%)" in lines[3]
    assert lines[0].startswith("% 3 runs of 10 ps")


def test_figure_is_the_same_for_the_same_numbers(facts: dict[str, Any]) -> None:
    """An SVG with both panels."""
    svg = rounds.figure(facts)
    assert svg == rounds.figure(facts)
    assert ElementTree.fromstring(svg).tag.endswith("svg")
