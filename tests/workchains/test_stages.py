# SPDX-License-Identifier: MIT
"""The plans of the MD chains: picoseconds and kelvins become stages whose steps add up."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from aiida.orm import Dict
from hypothesis import given
from hypothesis import strategies as st

from aiida_zif.formats.lammps_run import MdRun
from aiida_zif.workchains import stages

COMMON = {
    "timestep_fs": 0.5, "hydrogen_mass_amu": 2.014101777, "dump_fs": 50, "thermo_fs": 10, "temperature_damping_fs": 50,
    "pressure_damping_fs": 500,
}  # fmt: skip
MELT = {
    **COMMON, "start_k": 300, "tmax_k": 1500, "rate_k_per_ps": 400, "prepare_ps": 0.5, "plateau_ps": 5.0, "equilibrate_ps": 0.5,
    "production_ps": 1.5, "max_plateau_extensions": 1,
}  # fmt: skip
EOS = {
    **COMMON, "temperature_k": 300, "volume_factors": [0.94, 0.97, 1.0, 1.03, 1.06], "deform_ps": 0.2, "equilibrate_ps": 0.2,
    "production_ps": 2.0, "order": 2,
}  # fmt: skip
STRAIN = {
    **COMMON, "temperature_k": 300, "equilibrate_ps": 1.0, "production_ps": 5.0, "max_extensions": 0, "min_n_eff": 30, "cells_fs": 10,
}  # fmt: skip


def test_melt_and_quench_are_one_run_whose_steps_add_up() -> None:
    """Heating 1200 K at 400 K/ps takes 3 ps, 6000 steps of 0.5 fs; the quench as many."""
    melt, quench = stages.melt(MELT), stages.quench(MELT)
    assert [(stage["label"], stage["steps"]) for stage in melt] == [("prepare", 1000), ("heat", 6000), ("plateau", 10000)]
    assert [(stage["label"], stage["steps"]) for stage in quench] == [("quench", 6000), ("equilibrate", 1000), ("production", 3000)]
    assert stages.n_steps([*melt, *quench]) == 27000 == MdRun.from_dict(stages.md_run(MELT, [*melt, *quench], 1)).total_steps


def test_temperature_has_no_jump() -> None:
    """Each stage begins where the one before ended."""
    planned = MdRun.from_dict(stages.md_run(MELT, [*stages.melt(MELT), stages.plateau(MELT, 1), *stages.quench(MELT)], 1)).stages
    for before, after in pairwise(planned):
        assert before.set_point(1) == after.set_point(0)
    assert planned[0].set_point(0) == 300
    assert max(stage.set_point(0) for stage in planned) == 1500


def test_extensions_of_the_plateau_have_labels_of_their_own() -> None:
    """A label stands once in a run."""
    planned = [*stages.melt(MELT), stages.plateau(MELT, 1), stages.plateau(MELT, 2)]
    assert [stage["label"] for stage in planned[2:]] == ["plateau", "plateau_1", "plateau_2"]
    assert stages.md_run(MELT, planned, 1)


@given(st.lists(st.floats(0.8, 1.2), min_size=1, max_size=8, unique=True))
def test_deformations_multiply_to_each_volume(factors: list[float]) -> None:
    """From the smallest to the largest; at each production the cell is at its factor times the first volume."""
    planned, production = stages.volumes({**EOS, "volume_factors": factors})
    volume, reached = 1.0, []
    for stage in planned:
        volume *= stage.get("volume_factor", 1.0)
        if stage["label"] in production:
            reached.append(volume)
    assert reached == pytest.approx(sorted(factors), rel=1e-12)


def test_volume_that_is_there_is_not_deformed() -> None:
    """A list that begins with 1 holds the first volume as it is."""
    planned, production = stages.volumes({**EOS, "volume_factors": [1.0, 1.1]})
    assert [stage["kind"] for stage in planned] == ["hold", "hold", "deform", "hold", "hold"]
    assert production == ["production_0", "production_1"]


def test_flexible_stage_prints_cells_at_its_own_stride() -> None:
    """All six components are free, at zero pressure, cells every 10 fs."""
    stage = stages.flexible(STRAIN, "production_1", 5.0)
    assert (stage["kind"], stage["couple"], stage["pressure_gpa"]) == ("npt", "tri", 0.0)
    assert (stage["steps"], stage["cells_every"]) == (10000, 20)


def test_thermostat_of_a_stiff_cell_reaches_the_run() -> None:
    """Langevin by wish, Nosé–Hoover if nothing is said; another is refused in one sentence."""
    planned = [stages.flexible(STRAIN, "production_1", 5.0)]
    chosen = {**STRAIN, "thermostat": "langevin"}
    assert MdRun.from_dict(stages.md_run(chosen, planned, 1)).thermostat == "langevin"
    assert MdRun.from_dict(stages.md_run(STRAIN, planned, 1)).thermostat == "nose-hoover"
    assert stages.validate_strain_fluctuation(Dict(chosen), None) is None
    assert "thermostat is 'berendsen', but must be one of" in str(
        stages.validate_strain_fluctuation(Dict({**STRAIN, "thermostat": "berendsen"}), None)
    )
    assert "no setting thermostat" in str(stages.validate_eos(Dict({**EOS, "thermostat": "langevin"}), None))


@pytest.mark.parametrize(("plan", "picoseconds", "steps"), [(COMMON, 1.0, 2000), (COMMON, 0.0, 1), ({"timestep_fs": 1.0}, 0.0014, 1)])
def test_steps_are_whole_and_at_least_one(plan: dict[str, Any], picoseconds: float, steps: int) -> None:
    """LAMMPS runs no stage without a step."""
    assert stages.steps(plan, picoseconds) == steps


def test_strides_follow_the_time_step() -> None:
    """Femtoseconds of the plan become steps of the run."""
    run = stages.md_run({**COMMON, "timestep_fs": 0.25}, [stages.hold({"timestep_fs": 0.25}, "hold", 300, 0.1)], 7)
    assert (run["dump_every"], run["thermo_every"], run["seed"]) == (200, 40, 7)
    assert run["stages"][0]["steps"] == 400


@pytest.mark.parametrize(
    ("validate", "plan"),
    [(stages.validate_melt_quench, MELT), (stages.validate_eos, EOS), (stages.validate_strain_fluctuation, STRAIN)],
    ids=["melt_quench", "eos", "strain_fluctuation"],
)
def test_plan_is_checked_by_its_keys(validate: Any, plan: dict[str, Any]) -> None:
    """Whole it passes; a key that is missing, unknown or negative is named."""
    assert validate(Dict(plan), None) is None
    for name in plan:
        rest = {key: value for key, value in plan.items() if key != name}
        assert name in validate(Dict(rest), None)
    assert "no setting tmax;" in validate(Dict({**plan, "tmax": 1}), None)
    assert "dump_fs is -1" in validate(Dict({**plan, "dump_fs": -1}), None)


def test_wall_is_an_input_only_where_one_is_declared(aiida_profile: Any) -> None:
    """A protocol may go without."""
    assert stages.wall({"md": {}}) == {}
    assert stages.wall({"md": {"wall": None}}) == {}
    assert stages.wall({"md": {"wall": {"pair_style": "buck 3.0"}}})["wall"]["pair_style"] == "buck 3.0"
