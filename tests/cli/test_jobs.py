# SPDX-License-Identifier: MIT
"""`aiida-zif launch evaluate` and `compile`: single jobs from the command line."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from aiida_zif.cli.jobs import JOBS

Call = Callable[..., Result]


@pytest.mark.parametrize("stage", JOBS)
def test_every_command_says_what_it_needs(stage: str) -> None:
    """The ports are the options; there is no protocol."""
    from aiida_zif.cli.launch import launch

    output = CliRunner().invoke(launch, [stage, "--help"]).output
    first = "--ensemble" if stage == "disagree" else "--model"
    for option in (first, "--code", "--options", "--dry-run", "--daemon", "--profile", "[required]"):
        assert option in output
    assert "--protocol" not in output
    assert "--seed" not in output
    assert "--remote-folder" not in output


def test_dry_run_shows_command_and_files_and_stores_nothing(
    call: Call, codes: Any, model: Any, dataset: Any, stored: Callable[[], int]
) -> None:
    """The job is made as it would be submitted, and thrown away."""
    model.store(), dataset.store()
    before = stored()
    result = call("launch", "evaluate", "--model", model.pk, "--dataset", dataset.pk, "--cost-calls", 20, "--dry-run")
    assert result.exit_code == 0, result.output
    for words in ("true model.nequip.zip held_out.xyz", "--cost-calls 20 --warm-up 6", "writes labels.txt", "copies model.nequip.zip"):
        assert words in result.output
    assert "3 train, 1 validation, 2 held_out" in result.output
    assert stored() == before


def test_dry_run_of_compile_shows_its_command(call: Call, codes: Any, model: Any) -> None:
    """Without a dataset nothing is checked, and no code for it is asked for."""
    result = call("launch", "compile", "--model", model.store().pk, "--dry-run")
    assert result.exit_code == 0, result.output
    assert "--device cpu --target pair_nequip" in result.output
    assert "check.json" not in result.output


def test_code_that_has_work_to_do_is_used(call: Call, codes: Any, model: Any, dataset: Any) -> None:
    """With a dataset the compiled model is checked on its frames, in the same job."""
    result = call("launch", "compile", "--model", model.store().pk, "--dataset", dataset.store().pk, "--dry-run")
    assert result.exit_code == 0, result.output
    assert "zif-check@" in result.output
    assert "--output check.json" in result.output


def test_what_the_job_refuses_is_refused_in_a_sentence(
    call: Call, refused: Callable[..., str], codes: Any, model: Any, dataset: Any
) -> None:
    """As its validators do, before anything is stored; what is missing is named."""
    model.store(), dataset.store()
    assert "train, validation, held_out" in refused("launch", "evaluate", "--model", model.pk, "--dataset", dataset.pk, "--split", "test")
    assert "needs --dataset" in refused("launch", "evaluate", "--model", model.pk)
    assert "a role of this stage: evaluate" in refused(
        "launch", "evaluate", "--model", model.pk, "--dataset", dataset.pk, "--code", "lammps=x"
    )


def test_missing_code_is_named(refused: Callable[..., str], model: Any, dataset: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what installs it."""
    monkeypatch.setattr("aiida_zif.cli.codes.find", dict)
    found = refused("launch", "evaluate", "--model", model.store().pk, "--dataset", dataset.store().pk)
    assert "there is no code for evaluate" in found
    assert "aiida-zif setup" in found


def test_options_and_daemon(call: Call, codes: Any, model: Any, dataset: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scheduler options go to the job; the user gets the PK and what to type next."""
    asked: list[Any] = []
    node = SimpleNamespace(process_label="NequipEvaluateCalculation", pk=7)
    monkeypatch.setattr("aiida.engine.submit", lambda builder: asked.append(builder) or node)
    monkeypatch.setattr("aiida.engine.daemon.client.get_daemon_client", lambda: SimpleNamespace(is_daemon_running=True))
    model.store(), dataset.store()
    result = call(
        "launch", "evaluate", "--model", model.pk, "--dataset", dataset.pk, "--options", "{max_wallclock_seconds: 60}", "--daemon"
    )
    assert "verdi process report 7" in result.output
    assert asked[0].metadata.options["max_wallclock_seconds"] == 60
    assert asked[0].metadata.options["resources"] == {"num_machines": 1, "num_mpiprocs_per_machine": 1}
