# SPDX-License-Identifier: MIT
"""The table of a scan as text, CSV, LaTeX and figure, whatever its rows are like."""

from __future__ import annotations

import csv
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest

from aiida_zif.report import scan

PUBLISHED = {"l1_r6": {"energy_mae_mev_per_atom": 0.7, "forces_mae_mev_per_angstrom": 20.5, "stress_mae_mpa": 352, "cost_us_per_atom": 240}}


@pytest.fixture
def make_facts(aiida_profile: Any) -> Callable[..., dict[str, Any]]:
    """Return ``make_facts(rows, rule)``: the table of rows given as label → list of (force MAE, cost) per seed, ``None`` for failed."""
    from aiida.orm import Dict

    from aiida_zif.calculations.functions.scan import tabulate_scan

    def make(rows: dict[str, list[Any]], **rule: Any) -> dict[str, Any]:
        plan: dict[str, Any] = {"table": None, "order": list(rows), "rows": {}}
        measured = {}
        frames = {"name": "random", "uuid": "u", "sampling": "random", "counts": {"train": 40, "held_out": 12}, "held_out_places": "h"}
        for label, numbers in rows.items():
            run = {"architecture": "allegro" if "allegro" in label else "nequip", "l_max": 1, "r_max": 4.0, "parity": False, "irreps": "o3"}
            plan["rows"][label] = {"run": run, "dataset": frames, "trainings": {}}
            for seed, pair in enumerate(numbers, 1):
                end = (0, "done") if pair else (521, "The loss became not a number in epoch 1; lower the learning rate.")
                training = {"seed": seed, "exit_status": end[0], "message": end[1], "uuid": "u"}
                plan["rows"][label]["trainings"][f"{label}_{seed}"] = training
                if pair:
                    accuracy = {"forces_mae_mev_per_angstrom": pair[0], "energy_mae_mev_per_atom": 0.61, "cost_us_per_atom": pair[1]}
                    measured[f"accuracy_{label}_{seed}"] = Dict(accuracy)
        return dict(tabulate_scan(Dict(plan), Dict(rule), **measured).get_dict())

    return make


@pytest.fixture
def facts(make_facts: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    return make_facts({"l1_r6": [(20.0, 240.0), (22.0, 242.0)], "allegro_r4": [(15.0, 452.0)], "diverged": [None]})


def test_text_has_every_row_and_what_was_chosen(facts: dict[str, Any]) -> None:
    """Mean and spread, a dash for one seed and the sentence why, the verdict of what failed in words."""
    lines = scan.text(facts).splitlines()
    assert "21.0 ± 1.4" in lines[1]
    assert "15.0 ± –" in lines[2]
    assert lines[2].endswith("best")
    text = " ".join("\n".join(lines).split())
    told = ("on 12 held-out frames", "Best: allegro_r4 has the lowest error of 2", "No error bar for allegro_r4: one seed")
    for words in (*told, "diverged: seed 1: [521] The loss became not a number"):
        assert words in text


def test_published_numbers_stand_below_ours(facts: dict[str, Any]) -> None:
    """In the row after, with where they were published."""
    lines = scan.text(facts, PUBLISHED, "Table 1 of somebody").splitlines()
    assert lines[2].split() == ["published", "0.70", "20.5", "352", "240.0", "published"]
    assert lines[-1] == "Published: Table 1 of somebody."


def test_csv_can_be_read_back(facts: dict[str, Any]) -> None:
    """Numbers in full, nothing for what is not known."""
    rows = list(csv.DictReader(scan.as_csv(facts, PUBLISHED).splitlines()))
    assert [row["label"] for row in rows] == ["l1_r6", "l1_r6", "allegro_r4", "diverged"]
    assert float(rows[0]["forces_mae_mev_per_angstrom_spread"]) == pytest.approx(2**0.5)
    assert (rows[2]["forces_mae_mev_per_angstrom_spread"], rows[3]["cost_us_per_atom"]) == ("", "")
    assert [row["mark"] for row in rows] == ["front", "published", "best", ""]


def test_latex_is_balanced(facts: dict[str, Any]) -> None:
    """Every row has as many cells as the head, and what LaTeX reads is escaped."""
    text = scan.as_latex(facts, PUBLISHED, "Table 1")
    body = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len({line.count(" & ") for line in body}) == 1
    assert len(body) == 5
    assert r"\textbf{allegro\_r4}" in text
    assert r"21.0 $\pm$ 1.4" in text
    assert r"15.0 $\pm$ --" in text
    assert text.count("{") == text.count("}")
    assert not any("µ" in line or "Å" in line for line in body)


@pytest.mark.parametrize(
    "rows", [{"a": [None]}, {"a": [(1.0, 2.0)]}, {f"a{k}": [(k + 1.0, 9.0 - k), (k + 1.5, 9.1 - k)] for k in range(8)}]
)
def test_figure_is_well_formed(make_facts: Callable[..., dict[str, Any]], rows: dict[str, Any]) -> None:
    """No row with numbers, one, many with error bars; equal bytes for equal numbers."""
    facts = make_facts(rows, max_cost_us_per_atom=5.0)
    svg = scan.figure(facts)
    assert ElementTree.fromstring(svg).tag.endswith("svg")
    assert svg == scan.figure(facts)
