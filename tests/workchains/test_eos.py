# SPDX-License-Identifier: MIT
"""`zif.eos`: all volumes in one run, then the fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aiida.orm import Dict, Int

from aiida_zif.science.units import EV_PER_CUBIC_ANGSTROM_IN_GPA
from aiida_zif.workchains.eos import EquationOfStateWorkChain

from .conftest import Ending

V0, K0 = 620.0, 3.0


@pytest.fixture
def inputs(codes: dict[str, Any], crystal: Any, make_compiled: Callable[..., Any], plan: dict[str, Any]) -> dict[str, Any]:
    given = {"codes": {"lammps": codes["lammps"]}, "structure": crystal, "potential": make_compiled(), "seed": Int(2)}
    return {**given, "run": Dict({**plan["md"]["run"], **plan["eos"]})}


def birch_murnaghan(volume: float) -> float:
    """Return the pressure, eV/Å³, of second order."""
    x = V0 / volume
    return 1.5 * K0 / EV_PER_CUBIC_ANGSTROM_IN_GPA * (x ** (7 / 3) - x ** (5 / 3))


@pytest.fixture
def ending(md_ending: Callable[..., Ending], make_thermo: Callable[..., Any]) -> Callable[..., Ending]:
    """Return ``ending(pressure)``: an MD chain whose stages have the pressure ``pressure(volume)``, with a little noise."""

    def make(pressure: Callable[[float], float]) -> Callable[..., Ending]:
        def end(_: Any, given: Any, __: int) -> Ending:
            labels = [stage["label"] for stage in given["run"]["stages"]]
            factor = {str(k): value for k, value in enumerate((0.94, 0.97, 1.0, 1.03, 1.06))}
            volumes = [630.745 * factor[label.split("_")[1]] for label in labels]
            noise = [1e-5, -1e-5, 2e-5, -2e-5, -1e-5, 1e-5]
            thermo = make_thermo(
                labels, 30, lambda stage, row: pressure(volumes[stage]) + noise[row % 6], lambda stage: volumes[stage]
            )  # fmt: skip
            return md_ending(given, thermo=thermo)

        return end

    return make


def test_known_equation_of_state_comes_back(run_chain: Callable[..., Any], inputs: dict[str, Any], ending: Callable[..., Any]) -> None:
    """K and ρ0 of Birch–Murnaghan pressures, in one MD run over five volumes."""
    found = run_chain(EquationOfStateWorkChain, ending(birch_murnaghan), **inputs)
    assert (found.status, found.labels) == (0, ["volumes"])
    eos = found.outputs["equation_of_state"]
    assert eos["bulk_modulus_gpa"][0] == pytest.approx(K0, rel=0.02)
    assert eos["volume_0_angstrom3"][0] == pytest.approx(V0, rel=0.002)
    assert eos["modulus"] == "Voigt"
    assert len(eos["volumes_angstrom3"]) == 5
    stages = found.children[0].inputs["run"]["stages"]
    assert sum(stage["label"].startswith("production") for stage in stages) == 5


def test_pressure_that_rises_with_volume_is_unphysical(
    run_chain: Callable[..., Any], inputs: dict[str, Any], ending: Callable[..., Any]
) -> None:
    """540 with the reason; the points are put out all the same."""
    found = run_chain(EquationOfStateWorkChain, ending(lambda volume: (volume - V0) * 1e-4), **inputs)
    assert found.status == 540
    assert "no physical equation of state" in found.message
    assert len(found.outputs["equation_of_state"]["pressures_ev_per_angstrom3"]) == 5


@pytest.mark.parametrize("factors", [[0.9, 1.0], [1.0, 1.0, 1.0], [0.9, 1.0, -1.1], 1.0])
def test_too_few_volumes_are_refused(refusal: Callable[..., str], inputs: dict[str, Any], factors: Any) -> None:
    """A fit needs more different volumes than it has parameters."""
    run = Dict({**inputs["run"].get_dict(), "volume_factors": factors})
    assert "volume_factors are" in refusal(EquationOfStateWorkChain, **{**inputs, "run": run})


def test_run_that_failed_has_no_equation(run_chain: Callable[..., Any], inputs: dict[str, Any]) -> None:
    """The MD's own verdict is passed on."""
    values = {"linker": 1, "bond": "C–N", "step": 7, "temperature": 300.0}
    assert run_chain(EquationOfStateWorkChain, lambda *_: Ending("ERROR_LINKER_BROKEN", values=values), **inputs).status == 530
    assert run_chain(EquationOfStateWorkChain, lambda *_: Ending(status=999), **inputs).status == 420


def test_volumes_are_swept_again_until_the_error_is_small(
    run_chain: Callable[..., Any], inputs: dict[str, Any], ending: Callable[..., Any]
) -> None:
    """A target that no run reaches: back from the largest volume by the restart file, as often as allowed; then 725, and the modulus."""
    run = Dict({**inputs["run"].get_dict(), "target_error": 1e-9, "max_extensions": 2})
    found = run_chain(EquationOfStateWorkChain, ending(birch_murnaghan), **{**inputs, "run": run})
    assert (found.status, found.labels) == (725, ["volumes", "volumes_2", "volumes_3"]), found.message
    first, second, third = ([stage["label"] for stage in child.inputs["run"]["stages"]] for child in found.children)
    assert second[: len(first)] == first
    assert second[len(first) : len(first) + 3] == ["equilibrate_4_1", "production_4_1", "deform_3_1"]
    assert third[len(second) : len(second) + 3] == ["equilibrate_0_2", "production_0_2", "deform_1_2"]
    assert found.children[1].inputs["restart"].uuid == found.children[0].node.outputs.restart.uuid
    eos = found.outputs["equation_of_state"]
    assert len(eos["volumes_angstrom3"]) == 5
    assert eos["bulk_modulus_gpa"][0] == pytest.approx(K0, rel=0.02)


def test_a_target_that_is_reached_ends_the_sweeps(
    run_chain: Callable[..., Any], inputs: dict[str, Any], ending: Callable[..., Any]
) -> None:
    """One sweep is enough where the error of K is below half of it."""
    run = Dict({**inputs["run"].get_dict(), "target_error": 0.5, "max_extensions": 2})
    found = run_chain(EquationOfStateWorkChain, ending(birch_murnaghan), **{**inputs, "run": run})
    assert (found.status, found.labels) == (0, ["volumes"])


@pytest.mark.parametrize("change", [{"target_error": 1.5}, {"target_error": 0}, {"max_extensions": -1}, {"max_extensions": 1.5}])
def test_targets_without_meaning_are_refused(refusal: Callable[..., str], inputs: dict[str, Any], change: dict[str, Any]) -> None:
    """One sentence that names the setting."""
    run = Dict({**inputs["run"].get_dict(), **change})
    assert next(iter(change)) in refusal(EquationOfStateWorkChain, **{**inputs, "run": run})
