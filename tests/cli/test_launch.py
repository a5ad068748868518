# SPDX-License-Identifier: MIT
"""`aiida-zif launch`: a command per chain; what it shows, runs and submits."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from aiida_zif.cli.jobs import JOBS
from aiida_zif.cli.launch import COMMANDS

Call = Callable[..., Result]
CHAINS = [entry.name[4:] for entry in importlib.metadata.entry_points(group="aiida.workflows") if entry.name.startswith("zif.")]
STAGES = sorted(COMMANDS.get(chain, chain) for chain in CHAINS)
MD = ["md", "melt_quench", "ensemble_of_glasses", "eos", "strain_fluctuation"]
CRYSTAL = "dia-zn-im-2"


def test_every_chain_has_a_command() -> None:
    """The help lists the chains that the plugin declares, and the jobs that are launched alone, each with what it is for."""
    from aiida_zif.cli.launch import Stages, launch

    output = CliRunner().invoke(launch, ["--help"]).output
    words = {line.split()[0]: line.split()[1:] for line in output.partition("Stages:")[2].splitlines() if line[:4].strip()}
    assert sorted(words) == sorted([*STAGES, *JOBS])
    assert all(words.values())
    assert isinstance(launch, Stages)


@pytest.mark.parametrize("stage", STAGES)
def test_every_command_says_what_it_needs(stage: str) -> None:
    """The ports are the options."""
    from aiida_zif.cli.launch import launch

    result = CliRunner().invoke(launch, [stage, "--help"])
    assert result.exit_code == 0
    for option in ("--protocol", "--dry-run", "--daemon", "--profile"):
        assert option in result.output
    # a scan learns from datasets or draws them from trajectories
    assert ("[required]" in result.output) == (stage != "scan")
    assert ("--code" in result.output) == ("--options" in result.output) == (stage != "dataset")
    assert ("--model" in result.output) == (stage in [*MD, "active_learning", "validation"])


def test_dry_run_shows_inputs_text_and_forecast_and_stores_nothing(call: Call, codes: Any, stored: Callable[[], int]) -> None:
    """Of AIMD: the tree of inputs, the CP2K input with the seed and the step asked, steps and frames."""
    before = stored()
    result = call("launch", "aimd", "--structure", CRYSTAL, "--seed", 42, "--override", "aimd.run.steps=50", "--dry-run")
    assert result.exit_code == 0
    for words in ("cp2k-psmp@", "C12H12N8Zn2, 34 atoms", "STEPS 50", "SEED 42", "&KIND Zn", "50 steps of 0.5 fs", "Nothing was stored"):
        assert words in result.output
    assert stored() == before


@pytest.mark.parametrize("stage", MD)
def test_dry_run_of_md_shows_the_input_of_its_first_job(stage: str, call: Call, codes: Any, model: Any) -> None:
    """The LAMMPS input names the model's elements in its own order, the wall, and the seed."""
    model.store()
    result = call("launch", stage, "--structure", CRYSTAL, "--model", model.pk, "--seed", 77, "--dry-run")
    assert result.exit_code == 0, result.output
    assert "pair_coeff * * nequip model.nequip.zip C H N Zn" in result.output
    assert "velocity all create 600 77" in result.output
    assert " ps, " in result.output.partition("Forecast")[2]


def test_dry_run_of_active_learning_shows_its_first_test(call: Call, codes: Any, model: Any, dataset: Any) -> None:
    """Each run of the test has a seed of its own; what a round may label, and how it is learned."""
    model.store()
    dataset.store()
    common = ("--structure", CRYSTAL, "--dataset", dataset.pk, "--seed", 77, "--dry-run")
    result = call("launch", "active_learning", *common, "--model", model.pk)
    assert result.exit_code == 0, result.output
    assert "velocity all create 3200 77" in result.output
    forecast = " ".join(result.output.partition("Forecast")[2].split())
    assert "4 × 10000 steps of 1.0 fs = 10 ps" in forecast
    assert "at most 3 rounds of at most 60 labels each, retrained from the weights before" in forecast


def test_dry_run_of_a_validation_names_each_run(call: Call, codes: Any, model: Any, make_trajectory: Any) -> None:
    """Reference, temperature and length; the input of the first."""
    given = ("--structure", CRYSTAL, "--model", model.store().pk, "--trajectory", f"crystal={make_trajectory().store().pk}")
    result = call("launch", "validation", *given, "--seed", 77, "--dry-run")
    assert result.exit_code == 0, result.output
    assert "77" in result.output.partition("velocity all create")[2].splitlines()[0]
    assert "crystal: 6 frames, " in result.output


def test_seed_of_an_ensemble_counts(call: Call, codes: Any, model: Any) -> None:
    """Each glass has its own."""
    model.store()
    result = call("launch", "ensemble_of_glasses", "--structure", CRYSTAL, "--model", model.uuid, "--seed", 5, "--dry-run")
    assert "seeds [5, 6]" in result.output
    assert "272 atoms" in result.output
    assert "does not tell the cost" in result.output


def test_dry_run_of_training_shows_yaml(call: Call, codes: Any, dataset: Any) -> None:
    """The text is what nequip-train reads."""
    dataset.store()
    result = call("launch", "train", "--dataset", dataset.pk, "--seed", 3, "--override", "train.runs.nequip.epochs=7", "--dry-run")
    tree = yaml.safe_load(result.output.partition("nequip-train\n")[2].partition("\nForecast")[0])
    assert tree["trainer"]["max_epochs"] == 7
    assert tree["training_module"]["model"]["seed"] == 3
    assert tree["model_type_names"] == ["C", "H", "N", "Zn"]
    assert "3 frames to learn from, 1 to validate with, 2 held out" in result.output


def test_dry_run_of_the_pipeline_counts_every_stage(call: Call, codes: Any) -> None:
    """The first job is that of the first state point; each stage has its line."""
    result = call("launch", "pipeline", "--structure", CRYSTAL, "--seed", 2, "--dry-run")
    assert "SEED 201" in result.output
    for stage in ("aimd: 4 state points", "dataset:", "train:", "melt_quench: 2 ×", "eos: 2 ×", "strain_fluctuation: 2 ×"):
        assert stage in result.output


@pytest.mark.usefixtures("no_cp2k")
def test_pipeline_takes_trajectories_instead_of_aimd(call: Call, make_trajectory: Any) -> None:
    """Without CP2K it begins with the training, and says that it needs one of both where it has neither."""
    node = make_trajectory().store()
    result = call("launch", "pipeline", "--structure", CRYSTAL, "--trajectory", node.pk, "--dry-run")
    assert "Input of the first job, nequip-train" in result.output
    assert "recorded `trajectories` instead" in call("launch", "pipeline", "--structure", CRYSTAL, "--dry-run").output


def test_stage_without_programs_runs_here(call: Call, make_trajectory: Any) -> None:
    """An analysis is run for real; its outcome and its outputs are printed."""
    node = make_trajectory(4).store()
    result = call("launch", "analysis", "--reference", CRYSTAL, "--trajectory", node.pk, "--override", "analysis.ring_frames=1")
    assert result.exit_code == 0, result.output
    assert "AnalysisWorkChain<" in result.output
    assert "[0] finished" in result.output
    assert "summary" in result.output


def test_dataset_is_drawn_from_all_trajectories_given(call: Call, make_trajectory: Any) -> None:
    """`--trajectory` is repeatable; too few frames are refused before the run."""
    nodes = [make_trajectory(12, seed=seed).store() for seed in (1, 2)]
    given = [word for node in nodes for word in ("--trajectory", node.pk)]
    fewer = ["--override", "dataset.gap=1", "--override", "dataset.n_validation=3", "--override", "dataset.method=random"]
    result = call("launch", "dataset", *given, *fewer, "--override", "dataset.n_train=8", "--seed", 9)
    assert "ZifDatasetData<" in result.output
    refusal = call("launch", "dataset", *given, *fewer, "--override", "dataset.n_train=80").output
    assert "only 20 are on offer" in refusal


def test_daemon_gets_the_work_and_the_user_the_next_command(call: Call, codes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The PK is printed, with what to type next."""
    asked: list[Any] = []
    node = SimpleNamespace(process_label="AimdWorkChain", pk=7)
    monkeypatch.setattr("aiida.engine.submit", lambda builder: asked.append(builder) or node)
    monkeypatch.setattr("aiida.engine.daemon.client.get_daemon_client", lambda: SimpleNamespace(is_daemon_running=True))
    result = call("launch", "aimd", "--structure", CRYSTAL, "--options", "{max_wallclock_seconds: 60}", "--daemon")
    assert "AimdWorkChain<7> submitted" in result.output
    assert "aiida-zif status 7" in result.output
    assert asked[0].options.get_dict() == {"max_wallclock_seconds": 60}


@pytest.mark.parametrize(("status", "ends"), [(0, 0), (710, 0), (530, 1), (420, 1)])
def test_outcome_is_the_exit_code(status: int, ends: int, call: Call, make_chain: Any, codes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """0 and 7xx are results; all else is one sentence with the chain's message."""
    node = make_chain("AimdWorkChain", status, "what happened")
    monkeypatch.setattr("aiida.engine.runners.Runner.run_get_node", lambda _, builder: ({}, node))
    result = call("launch", "aimd", "--structure", CRYSTAL)
    assert result.exit_code == ends
    assert f"AimdWorkChain<{node.pk}> [{status}] what happened" in result.output


def test_code_may_be_named_by_hand(call: Call, codes: Any, aiida_localhost: Any) -> None:
    """Another code than the one found, by its label."""
    from aiida.orm import InstalledCode

    InstalledCode(label="mine", computer=aiida_localhost, filepath_executable="/bin/false").store()
    result = call("launch", "aimd", "--structure", CRYSTAL, "--code", f"cp2k=mine@{aiida_localhost.label}", "--dry-run")
    assert f"mine@{aiida_localhost.label}" in result.output
