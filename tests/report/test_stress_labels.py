# SPDX-License-Identifier: MIT
"""The table of the stress question."""

from aiida_zif.report.stress_labels import render

ROW = {"temperature_k": 300.2, "n_frames": 9}


def model(pressure: float) -> dict[str, object]:
    return {
        "stress_mae_against_virial_mpa": [200.0, 9.0], "stress_mae_against_total_mpa": [400.0, 9.0], "pressure_error_mpa": [pressure, 9.0],
        "pressure_error_by_temperature": [{**ROW, "mean": [pressure, 9.0]}],
    }  # fmt: skip


def test_seeds_of_a_kind_share_a_row() -> None:
    """Means over seeds with half of their range; the kinetic pressure and that of the reference stand below."""
    found = {
        "models": {"total_1": model(500.0), "total_2": model(540.0)},
        "kinetic_pressure_mpa": [520.0, None], "kinetic_pressure_by_temperature": [{**ROW, "mean": [520.0, 4.0]}],
        "reference_pressure_by_temperature": [{**ROW, "mean": [-80.0, 30.0]}],
    }  # fmt: skip
    lines = render(found, {name: {"forces_mae_mev_per_angstrom": 250.0} for name in found["models"]}).splitlines()
    assert "at 300 K" in lines[0]
    assert lines[2] == "| total (kinetic part inside), 2 seeds | 250 | 200 | 400 | 520 ± 20 | 520 ± 20 |"
    assert "520 ± 4" in lines[3]
    assert "-80 ± 30" in lines[4]
