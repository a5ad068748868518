# SPDX-License-Identifier: MIT
"""`zif.analysis`: summary and curves as nodes, or the program's own sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from aiida.orm import Dict

from aiida_zif.formats import analysis_run
from aiida_zif.science.analysis import Result


def test_numbers_curves_and_cost_come_home(parse: Callable[..., Any], crystal: Any, tmp_path: Path) -> None:
    """What the program wrote, units with the arrays, what is no number as none."""
    result = Result({"frames": 2, "density_g_per_cm3": {"mean": 1.2, "error": float("nan")}}, {"r": (np.arange(3.0), "angstrom")})
    analysis_run.write(result, tmp_path, {"version": "1"})
    files = {name: (tmp_path / name).read_bytes() for name in (analysis_run.SUMMARY, analysis_run.CURVES)}
    found = parse("zif.analysis", {"parameters": Dict({})}, files)
    assert found.status == 0, found.message
    found.store()
    assert found.outputs["summary"]["density_g_per_cm3"] == {"mean": 1.2, "error": None}
    assert found.outputs["curves"].base.attributes.get("units|r") == "angstrom"
    assert found.outputs["cost"]["core_s"] == 63.0
    cut = {**files, analysis_run.CURVES: files[analysis_run.CURVES][:40]}
    assert parse("zif.analysis", {"parameters": Dict({})}, cut).status == 332


def test_sentence_of_the_program_is_the_verdict(parse: Callable[..., Any]) -> None:
    """No summary: what the program said, a full disk, or nothing at all."""
    found = parse("zif.analysis", {"parameters": Dict({})}, {}, b"zif-analysis: no frame lies between step 9 and 8\n")
    assert (found.status, found.message) == (230, "The structure cannot be analysed: zif-analysis: no frame lies between step 9 and 8")
    assert parse("zif.analysis", {"parameters": Dict({})}, {}, b"[Errno 28] No space left on device\n").status == 412
    assert parse("zif.analysis", {"parameters": Dict({})}, {}).status == 330
