# SPDX-License-Identifier: MIT
"""What all jobs share: options said once, a planned walltime, what the shell records of cost."""

from __future__ import annotations

import os
import subprocess

import pytest
from aiida.common.datastructures import CalcInfo

from aiida_zif.calculations.job import COST_FILE, job_options, planned_walltime, record_cost
from aiida_zif.formats import job_cost


def test_options_are_those_of_aiida_and_gpus() -> None:
    """`gpus` becomes a line for the scheduler beside those given; the rest is passed on."""
    found = job_options({"account": "x", "gpus": 2, "custom_scheduler_commands": "#SBATCH --constraint=a100"})
    assert found["account"] == "x"
    assert found["custom_scheduler_commands"] == "#SBATCH --constraint=a100\n#SBATCH --gres=gpu:2"
    assert found["resources"] == {"num_machines": 1, "num_mpiprocs_per_machine": 2}, "a task for each"
    assert job_options(None)["resources"] == {"num_machines": 1, "num_mpiprocs_per_machine": 1}


def test_unknown_option_is_refused() -> None:
    """A misspelt key would be a job without it."""
    with pytest.raises(ValueError, match=r"unknown options walltime; allowed are gpus"):
        job_options({"walltime": 3600})


@pytest.mark.parametrize(("limit", "planned"), [(None, None), (36000, 32400), (600, 540), (300, 240), (60, 30), (10, 5)])
def test_walltime_is_planned_before_the_limit(limit: int | None, planned: float | None) -> None:
    """A tenth or a minute before, but never before half of it."""
    assert planned_walltime(limit) == planned


def test_slow_steps_need_more_room() -> None:
    """Three of the slowest: with less the scheduler would come first, in the middle of one."""
    assert planned_walltime(36000, slowest_step_s=1500.0) == 31500
    assert planned_walltime(3600, slowest_step_s=3000.0) == 1800


@pytest.mark.parametrize(("limit", "disk"), [("unlimited", None), ("100", "full")])
def test_shell_records_a_full_disk(tmp_path: object, limit: str, disk: str | None) -> None:
    """Where not even a megabyte can be written, the record of cost says so, and nothing of the trial stays."""
    script = f"{record_cost(CalcInfo()).append_text}\n"
    subprocess.run(["bash", "-c", f"trap '' XFSZ; ulimit -f {limit}; {script}"], cwd=str(tmp_path), check=True)
    with open(f"{tmp_path}/{COST_FILE}", encoding="utf-8") as handle:
        assert job_cost.parse(handle.read()).get("disk") == disk
    assert os.listdir(str(tmp_path)) == [COST_FILE]


def test_shell_records_host_and_cost(tmp_path: object) -> None:
    """The lines around the program leave a file that says host, wall time and core seconds, in the order of the job's own lines."""
    calcinfo = record_cost(CalcInfo())
    script = f"{calcinfo.prepend_text}\nsleep 0.1\n{calcinfo.append_text}\n"
    subprocess.run(["bash", "-c", script], cwd=str(tmp_path), check=True)
    with open(f"{tmp_path}/{COST_FILE}", encoding="utf-8") as handle:
        found = job_cost.parse(handle.read())
    assert 0.1 <= float(found["job_wall_s"]) < 30
    assert float(found["core_s"]) >= 0
    assert found["host"]
    assert COST_FILE in calcinfo.retrieve_temporary_list
