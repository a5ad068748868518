# SPDX-License-Identifier: MIT
"""`zif.collect`: a command line and nothing else goes out; by the real program a trajectory and facts come home."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiida.common.links import LinkType
from aiida.engine import run_get_node
from aiida.orm import CalcJobNode, Dict, InstalledCode, Int, RemoteData

from aiida_zif.calculations.collect import Cp2kCollectCalculation, asked_step, inputs_of
from aiida_zif.cli.profile import find_program
from aiida_zif.formats import cp2k_output, h5md

MD = Path(__file__).parents[1] / "formats" / "data" / "cp2k" / "md"
RUN = {"temperature_k": 300.0, "steps": 4, "seed": 1, "equilibration_steps": 2}


@pytest.fixture
def folder(aiida_localhost: Any) -> RemoteData:
    """The folder of a run of four steps."""
    return RemoteData(computer=aiida_localhost, remote_path=str(MD))


@pytest.fixture
def code(aiida_localhost: Any) -> InstalledCode:
    """The real program; the test is skipped where it is missing."""
    path = find_program("collect")
    if path is None:
        pytest.skip("zif-collect is not beside this Python: install the package")
    return InstalledCode(label="collect", computer=aiida_localhost, filepath_executable=path, with_mpi=False).store()


def collected(code: InstalledCode, path: Path, **inputs: Any) -> CalcJobNode:
    """Run the job on the folder at ``path`` and return its node."""
    _, node = run_get_node(Cp2kCollectCalculation, code=code, folder=RemoteData(computer=code.computer, remote_path=str(path)), **inputs)
    assert isinstance(node, CalcJobNode)
    return node


def test_only_a_command_line_goes_out(prepare: Callable[..., Any], codes: dict[str, Any], folder: RemoteData) -> None:
    """The run is read where it lies; of its text nothing is retrieved."""
    prepared = prepare(
        Cp2kCollectCalculation, code=codes["collect"], folder=folder, log="aiida.out", position_stride=5, run=RUN, masses={"H": 2.01}
    )
    assert prepared.calcinfo.codes_info[0].cmdline_params == [
        "--run-folder", str(MD), "--project", "aiida", "--log", "aiida.out", "--mass", "H=2.01", "--out", "trajectory.h5md",
        "--facts", "collect.json", "--position-stride", "5",
    ]  # fmt: skip
    assert prepared.files == {}
    assert prepared.calcinfo.retrieve_list == ["collect.out"]
    assert prepared.calcinfo.retrieve_temporary_list == ["trajectory.h5md", "collect.json", "cost.txt"]
    assert prepared.edges == {"code", "folder", "project", "log", "position_stride", "run", "masses"}


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        ({"run": {"temprature_k": 300.0}}, "'temprature_k' is no setting of AimdRun"),
        ({"run": {"temperature_k": -300.0}}, "temperature_k is -300.0"),
        ({"run": {"steps": 10, "equilibration_steps": 20}}, "equilibration_steps is 20"),
        ({"masses": {"H": -1}}, "the mass of 'H' is -1"),
        ({"position_stride": 0}, "the stride of positions is 0"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(
    refusal: Callable[..., str], codes: dict[str, Any], folder: RemoteData, inputs: dict[str, Any], sentence: str
) -> None:
    """Before anything is stored."""
    assert sentence in refusal(Cp2kCollectCalculation, code=codes["collect"], folder=folder, **inputs)


def test_run_on_another_machine_is_refused(refusal: Callable[..., str], codes: dict[str, Any], aiida_computer: Any) -> None:
    """A program here cannot read a folder there."""
    there = RemoteData(computer=aiida_computer(label="cluster", hostname="cluster.example.org"), remote_path="/scratch/1")
    assert "the run lies on cluster" in refusal(Cp2kCollectCalculation, code=codes["collect"], folder=there)


def test_cleaned_folder_is_refused(refusal: Callable[..., str], codes: dict[str, Any], folder: RemoteData) -> None:
    """What AiiDA itself has emptied holds no run."""
    folder.store().base.extras.set(RemoteData.KEY_EXTRA_CLEANED, True)
    assert "was cleaned" in refusal(Cp2kCollectCalculation, code=codes["collect"], folder=folder)


def test_inputs_are_those_of_the_job_that_left_the_folder(folder: RemoteData, crystal: Any) -> None:
    """Folder, settings and masses; of a segment also its own first and last step. A job that never reached the machine has none."""
    job = CalcJobNode(computer=folder.computer, process_type="aiida.calculations:zif.aimd")
    job.set_option("resources", {"num_machines": 1, "num_mpiprocs_per_machine": 1})
    job.base.links.add_incoming(Dict(RUN).store(), LinkType.INPUT_CALC, "run")
    job.base.links.add_incoming(crystal.store(), LinkType.INPUT_CALC, "structure")
    job.base.links.add_incoming(Int(2).store(), LinkType.INPUT_CALC, "finished_steps")
    job.base.links.add_incoming(Int(3).store(), LinkType.INPUT_CALC, "last_step")
    job.store()
    with pytest.raises(ValueError, match="never reached the machine"):
        inputs_of(job)
    folder.base.links.add_incoming(job, LinkType.CREATE, "remote_folder")
    folder.store()
    found = inputs_of(job)
    assert set(found) == {"folder", "run", "masses"}
    assert found["folder"].uuid == folder.uuid
    assert found["run"].get_dict() == {**RUN, "first_step": 2, "last_step": 3}
    assert asked_step(found["run"].get_dict()) == 3
    assert found["masses"]["H"] == 2.014101777
    assert set(found["masses"].get_dict()) == {"C", "H", "N", "Zn"}


@pytest.mark.parametrize(
    ("name", "run", "status", "n_frames"),
    [
        ("segment_1", {"steps": 6, "temperature_k": 300.0}, 0, 7), ("killed_9", {"steps": 5000}, 410, 10), ("killed_9", None, 0, 10),
        ("scf_not_converged", {"steps": 2}, 511, 3),
    ],
)  # fmt: skip
def test_recorded_run_comes_home(
    shared_data: Path, code: InstalledCode, name: str, run: dict[str, Any] | None, status: int, n_frames: int
) -> None:
    """By the real program: the verdict on the run, every whole frame, the content hash of parsing it here, and no text."""
    path = shared_data / "cp2k_outputs" / name
    node = collected(code, path, **({} if run is None else {"run": run}))
    assert node.exit_status == status, node.exit_message
    trajectory = node.outputs.trajectory
    assert trajectory.n_frames == n_frames == node.outputs.output_parameters["n_frames"]
    assert trajectory.content_hash == h5md.content_hash(cp2k_output.read(path).frames)
    with trajectory.h5md() as file:
        assert file.verify() == trajectory.content_hash
    assert trajectory.base.attributes.get("asked_temperature_k", None) == (run or {}).get("temperature_k")
    assert node.outputs.output_parameters["core_s"] > 0
    assert set(node.outputs.retrieved.list_object_names()) == {"collect.out", "_scheduler-stderr.txt", "_scheduler-stdout.txt"}


def test_folder_that_is_gone_is_a_verdict(code: InstalledCode, tmp_path: Path) -> None:
    """Scratch was purged, or the folder is another's: 221 with the program's sentence."""
    node = collected(code, tmp_path / "purged")
    assert node.exit_status == 221
    assert "there is no folder" in node.exit_message
    (tmp_path / "other").mkdir()
    assert "it is no folder of a CP2K run" in collected(code, tmp_path / "other").exit_message
    assert "trajectory" not in node.outputs


def test_unfinished_run_is_read_again(code: InstalledCode, tmp_path: Path) -> None:
    """From the cache comes only what was collected of a run that had ended by itself."""
    from aiida.manage.caching import enable_caching

    shutil.copytree(MD, tmp_path / "run")
    log = (tmp_path / "run" / "aiida.out").read_bytes()
    (tmp_path / "run" / "aiida.out").write_bytes(log[: len(log) // 2])
    with enable_caching():
        assert not [collected(code, tmp_path / "run").base.caching.is_created_from_cache for _ in range(2)][1]
        (tmp_path / "run" / "aiida.out").write_bytes(log)
        assert [collected(code, tmp_path / "run").base.caching.is_created_from_cache for _ in range(2)] == [False, True]
