# SPDX-License-Identifier: MIT
"""The figures of structure: of a trajectory beside a single frame, and the numbers beside each."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest

from aiida_zif.formats.analysis_run import finite
from aiida_zif.report import structure, structure_export
from aiida_zif.science import linkers
from aiida_zif.science.analysis import Analysis, Plan
from aiida_zif.science.frames import Frames

PLAN = Plan(scattering_frames=1, scattering_max_angstrom=6.0, scattering_bins=60, ring_depth=12, pore_frames=0, temperature_k=300.0)


def found(n: int) -> Any:
    atoms = ase.io.read(Path(__file__).parents[1] / "science" / "dia34.xyz")
    moved = atoms.positions + np.random.default_rng(0).normal(scale=0.02, size=(n, len(atoms), 3))
    frames = Frames(tuple(atoms.get_chemical_symbols()), moved, np.stack([atoms.cell[:]] * n), times=np.arange(n) * 0.1)
    running = Analysis(linkers.perceive(frames.species, atoms.positions, atoms.cell[:]), atoms.get_masses(), n, PLAN)
    running.add(frames)
    return running.result()


@pytest.fixture(scope="module")
def both() -> dict[str, Any]:
    return {"run": found(6), "crystal": found(1)}


def test_every_figure_is_drawn_and_its_numbers_stand_beside_it(both: dict[str, Any], tmp_path: Path) -> None:
    """Three kinds of image and a table each; what goes in time shows the run only, all else both; a table's numbers are those given."""
    document = finite({"sources": {name: one.summary for name, one in both.items()}})
    structure_export.write({name: one.curves for name, one in both.items()}, document, tmp_path)
    for name in (*structure_export.TABLES, "rings"):
        assert (tmp_path / f"{name}.svg").read_bytes().startswith(b"<?xml")
        assert (tmp_path / f"{name}.pdf").read_bytes().startswith(b"%PDF")
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        with (tmp_path / f"{name}.csv").open(encoding="utf-8") as handle:
            rows = list(csv.reader(handle))
        sources = {row[0] for row in rows[1:]}
        assert sources == ({"run"} if name in ("coordination", "msd", "pores_linkers") else {"run", "crystal"})
    with (tmp_path / "msd.csv").open(encoding="utf-8") as handle:
        table = list(csv.DictReader(handle))
    np.testing.assert_allclose([float(row["msd_zn [angstrom^2]"]) for row in table], both["run"].curves["msd_zn"][0], rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("kind", ["svg", "pdf"])
def test_equal_numbers_give_equal_bytes(both: dict[str, Any], kind: str) -> None:
    """No date, no random identifier."""
    curves = {name: one.curves for name, one in both.items()}
    assert structure.angles(curves, kind) == structure.angles(curves, kind)
