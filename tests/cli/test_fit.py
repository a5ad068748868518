# SPDX-License-Identifier: MIT
"""`aiida-zif fit-eos` and `fit-elastic` on plain files, without a profile."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from aiida_zif.science.eos import birch_murnaghan
from aiida_zif.science.frames import from_voigt
from aiida_zif.science.units import BOLTZMANN, EV_PER_CUBIC_ANGSTROM_IN_GPA

STIFFNESS = np.diag([4.0, 5, 3, 1, 1.4, 0.9]) + np.pad(1.4 * (1 - np.eye(3)), (0, 3))


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Return ``call(*arguments)``, in a folder of its own."""
    from aiida_zif.cli.main import cli

    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(cli, [str(argument) for argument in arguments])


def refused(result: Result) -> str:
    """Return the one sentence."""
    assert result.exit_code != 0
    assert isinstance(result.exception, SystemExit), result.exception
    last = result.output.strip().splitlines()[-1]
    assert last.startswith("Error: ")
    return last


def table(name: str, k0: float = 2.5, buckled: int = 0, columns: int = 3) -> None:
    """Write a table of 12 volumes about 4380 Å³."""
    V = 4380 * np.linspace(0.92, 1.05, 12)
    P = birch_murnaghan(V, k0, 4380.0) + 0.005 * np.random.default_rng(0).standard_normal(12)
    P[:buckled] = P[buckled] + (P[:buckled] - P[buckled]) / 4
    np.savetxt(name, np.c_[V, P, np.full(12, 0.005)][:, :columns], delimiter=",", header="volume,pressure,error", comments="")


def cells(n: int) -> np.ndarray:
    """Return cells that fluctuate at 300 K."""
    h0 = np.diag([15.4, 15.4, 18.4])
    scale = BOLTZMANN * 300 / np.linalg.det(h0) * EV_PER_CUBIC_ANGSTROM_IN_GPA
    strains = np.random.default_rng(1).standard_normal((n, 6)) @ np.linalg.cholesky(np.linalg.inv(STIFFNESS) * scale).T
    return h0 @ np.linalg.cholesky(np.eye(3) + 2 * from_voigt(strains * np.array([1, 1, 1, 0.5, 0.5, 0.5])))


def test_fit_eos_gives_modulus_and_density(call: Callable[..., Result]) -> None:
    """K0 within 3 errors of the truth; ρ0 from the mass; JSON has the covariance and its names."""
    table("points.csv")
    found = json.loads(call("fit-eos", "points.csv", "--mass", 3190, "--json").output)["tables"]["points.csv"]
    value, error = found["bulk_modulus_gpa"]
    assert abs(value - 2.5) < 3 * error
    assert found["density_0_g_per_cm3"][0] == pytest.approx(1.2094, abs=0.003)
    assert len(found["parameters"]) == len(found["covariance"]) == 3


def test_fit_eos_without_a_mass_has_no_density(call: Callable[..., Result]) -> None:
    """It says so, and gives the rest."""
    table("points.csv")
    assert "no mass was given" in call("fit-eos", "points.csv").output
    found = json.loads(call("fit-eos", "points.csv", "--json").output)["tables"]["points.csv"]
    assert found["density_0_g_per_cm3"] is None
    assert len(found["parameters"]) == len(found["covariance"]) == 2


def test_fit_eos_names_what_it_left_out(call: Callable[..., Result]) -> None:
    """Buckled points by number, with the rule; the CSV beside the figures marks them."""
    table("points.csv", buckled=3)
    result = call("fit-eos", "points.csv", "--figures", "figures")
    assert "without 1, 2, 3" in result.output
    assert "Rule: " in result.output
    with Path("figures/points.csv").open() as handle:
        assert [row["used"] for row in csv.DictReader(handle)] == ["false"] * 3 + ["true"] * 9
    assert {path.suffix for path in Path("figures").iterdir()} == {".svg", ".pdf", ".png", ".csv"}


def test_fit_eos_tells_the_errors_over_glasses_apart(call: Callable[..., Result]) -> None:
    """Three tables: within a glass and between glasses."""
    for k in (1, 2, 3):
        table(f"{k}.csv", 2 + 0.5 * k)
    found = json.loads(call("fit-eos", "1.csv", "2.csv", "3.csv", "--json").output)["average"]["bulk_modulus_gpa"]
    assert found["mean"] == pytest.approx(3.0, abs=0.1)
    assert found["between"] == pytest.approx(0.5, abs=0.05)
    assert found["within"] < 0.1


@pytest.mark.parametrize(
    ("content", "arguments", "said"),
    [
        (None, [], "there is no file"),
        ("", [], "no row of numbers"),
        ("V P\n1 2\nx y\n", [], "line 3: 'x y' is not a row of numbers"),
        ("1 2 3\n1 2\n", [], "line 2: 2 numbers where the rows before have 3"),
        ("1 2 3 4\n", [], "has 4 columns"),
        ("1 2\n3 4\n", [], "give --error GPA"),
        ("1 2 3\n", ["--error", 1], "has errors of its own"),
        ("1 2 3\n", ["--mass", 1, "--structure", "x.cif"], "not both"),
        ("1 2 .1\n3 4 .1\n", [], "order 2 needs at least 3 different volumes, but 2 were given"),
        ("9 3 .1\n10 2 .1\n11 1.5 .1\n12 1.2 .1\n", [], "outside the volumes measured"),
    ],
)
def test_fit_eos_refuses_in_one_sentence(call: Callable[..., Result], content: str | None, arguments: list[object], said: str) -> None:
    """What the table lacks."""
    if content is not None:
        Path("table.txt").write_text(content)
    assert said in refused(call("fit-eos", "table.txt", *arguments))


def test_fit_elastic_gives_constants_extremes_and_figures(call: Callable[..., Result]) -> None:
    """C11 within 4 errors; Young's modulus by direction; every figure with its numbers."""
    np.save("run.npy", cells(600))
    result = call("fit-elastic", "run.npy", "--temperature", 300, "--json", "--figures", "figures")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)["cells"]["run.npy"]
    assert abs(found["stiffness_gpa"][0][0] - 4) < 4 * found["stiffness_error_gpa"][0][0]
    young = found["directional"]["young"]
    assert young["min"]["value"][0] < found["young_modulus_gpa"][0] < young["max"]["value"][0]
    names = {path.name for path in Path("figures").iterdir()}
    assert {f"run_{one}.{kind}" for one in ("running", "stiffness", "directions", "young") for kind in ("svg", "pdf", "png")} < names
    assert {"run.json", "run_running.csv"} < names


def test_cells_in_every_form_are_the_same_cells(call: Callable[..., Result]) -> None:
    """Nine columns, six of LAMMPS, with steps, as .cell of CP2K and as .npy: one and the same K."""
    h, steps = cells(300), np.arange(300) * 20
    lower = h[:, [0, 1, 2, 1, 2, 2], [0, 1, 2, 0, 0, 1]]
    np.save("a.npy", h)
    np.savetxt("b.txt", h.reshape(-1, 9))
    np.savetxt("c.csv", lower, delimiter=",", header="lx,ly,lz,xy,xz,yz", comments="")
    np.savetxt("d.txt", np.c_[steps, lower])
    np.savetxt("e.cell", np.c_[steps, steps * 0.5, h.reshape(-1, 9), np.linalg.det(h)], header="Step Time Ax …")
    found = json.loads(call("fit-elastic", "a.npy", "b.txt", "c.csv", "d.txt", "e.cell", "--temperature", 300, "--json").output)
    moduli = [one["bulk_modulus_gpa"][0] for one in found["cells"].values()]
    np.testing.assert_allclose(moduli, moduli[0], rtol=1e-9)
    assert found["average"]["bulk_modulus_gpa"]["between"] == 0


def test_too_few_cells_are_said_and_end_with_1(call: Callable[..., Result]) -> None:
    """Not yet, with N_eff, and no number."""
    np.save("run.npy", cells(20))
    result = call("fit-elastic", "run.npy", "--temperature", 300)
    assert result.exit_code == 1
    assert "not yet (N_eff" in result.output
    assert "GPa" not in result.output


@pytest.mark.parametrize(
    ("rows", "arguments", "said"),
    [
        (None, [], "there is no file"),
        (np.ones((5, 4)), [], "has 4 columns"),
        (np.c_[[0, 20, 20, 40], np.tile([9, 9, 9, 0, 0, 0], (4, 1))], [], "step 20 follows 20"),
        (np.tile([9.0, 9, 9, 0, 0, 0], (50, 1)), [], "free in 0 of its 6 strains"),
        (np.zeros((50, 6)), [], "no volume"),
        (np.ones((5, 9)), ["--temperature", 0], "--temperature"),
    ],
)
def test_fit_elastic_refuses_in_one_sentence(
    call: Callable[..., Result], rows: np.ndarray | None, arguments: list[object], said: str
) -> None:
    """What the cells lack."""
    if rows is not None:
        np.savetxt("cells.txt", rows)
    assert said in refused(call("fit-elastic", "cells.txt", *(arguments or ["--temperature", 300])))
