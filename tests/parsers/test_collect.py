# SPDX-License-Identifier: MIT
"""`zif.collect`: the verdict is that of parsing the run's text here, and so is the trajectory."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiida.orm import Dict, Int, RemoteData, Str

from aiida_zif.formats.lammps_data import standard_masses
from aiida_zif.programs.collect import main


@pytest.fixture
def inputs(aiida_localhost: Any) -> Callable[..., dict[str, Any]]:
    """Return the inputs of a job with the settings of a run."""

    def make(**run: Any) -> dict[str, Any]:
        return {
            "folder": RemoteData(computer=aiida_localhost, remote_path="/scratch/run"), "project": Str("aiida"), "position_stride": Int(1),
            **({"run": Dict(run)} if run else {}),
        }  # fmt: skip

    return make


@pytest.fixture
def collect(tmp_path: Path) -> Callable[..., dict[str, bytes]]:
    """Return what zif-collect makes of the files of a run."""

    def make(files: dict[str, bytes], *words: str) -> dict[str, bytes]:
        run, made = tmp_path / "run", tmp_path / "made"
        for folder in (run, made):
            folder.mkdir(exist_ok=True)
            for path in folder.iterdir():
                path.unlink()
        for name, content in files.items():
            (run / name).write_bytes(content)
        places = ["--run-folder", str(run), "--out", str(made / "trajectory.h5md"), "--facts", str(made / "collect.json")]
        assert main([*places, *words]) == 0
        return {path.name: path.read_bytes() for path in made.iterdir()}

    return make


SETTINGS = {"temperature_k": 300.0, "steps": 4, "seed": 1, "equilibration_steps": 2, "timestep_fs": 0.5, "method": "gfn1-xtb"}


def test_collected_and_parsed_are_the_same(
    parse: Callable[..., Any], inputs: Callable[..., Any], collect: Callable[..., Any], cp2k_files: dict[str, bytes], crystal: Any
) -> None:
    """Trajectory node, facts of the run and verdict are those of `zif.aimd`'s parser on the text."""
    masses = {**standard_masses(("C", "H", "N", "Zn")), "H": 2.014101777}
    words = [word for symbol, mass in masses.items() for word in ("--mass", f"{symbol}={mass!r}")]
    there = parse("zif.collect", inputs(**SETTINGS), collect(cp2k_files, *words), b"zif-collect: done\n")
    here = parse("zif.aimd", {"run": Dict(SETTINGS), "structure": crystal}, cp2k_files, cp2k_files["aiida.out"])
    there.store()
    here.store()
    assert (there.status, here.status) == (0, 0)
    ours, theirs = there.outputs["trajectory"], here.outputs["trajectory"]
    assert ours.content_hash == theirs.content_hash
    same = {name: value for name, value in theirs.base.attributes.all.items() if name in ours.base.attributes.all}
    assert same == {name: value for name, value in ours.base.attributes.all.items() if name in same}
    assert {"asked_temperature_k", "timestep_fs", "first_used_step", "method", "kind", "unconverged_steps"} <= set(same)
    parameters = there.outputs["output_parameters"].get_dict()
    told = {name: value for name, value in here.outputs["output_parameters"].get_dict().items() if name not in ("core_s", "job_wall_s")}
    assert {name: parameters[name] for name in told if name in parameters}.items() <= told.items()
    assert {"last_step", "reason_ended", "unconverged_steps", "duplicates_dropped", "cut_tail", "wall_s", "version"} <= set(parameters)
    assert parameters["core_s"] == 63.0


def test_settings_may_be_unknown(
    parse: Callable[..., Any], inputs: Callable[..., Any], collect: Callable[..., Any], cp2k_files: dict[str, bytes]
) -> None:
    """A run made elsewhere is a trajectory all the same, of which no temperature was asked."""
    found = parse("zif.collect", inputs(), collect(cp2k_files), b"done\n")
    assert found.status == 0
    assert found.outputs["trajectory"].base.attributes.get("kind") == "aimd"
    assert "asked_temperature_k" not in found.outputs["trajectory"].base.attributes.all


@pytest.mark.parametrize(("steps", "status"), [(4, 0), (10, 410)])
def test_too_few_steps_are_an_interruption(
    parse: Callable[..., Any],
    inputs: Callable[..., Any],
    collect: Callable[..., Any],
    cp2k_files: dict[str, bytes],
    steps: int,
    status: int,
) -> None:
    """The last step decides, and what was done is kept."""
    found = parse("zif.collect", inputs(steps=steps), collect(cp2k_files), b"done\n")
    assert (found.status, found.outputs["trajectory"].n_frames) == (status, 5)


def test_run_without_a_frame_is_told(
    parse: Callable[..., Any], inputs: Callable[..., Any], collect: Callable[..., Any], cp2k_files: dict[str, bytes]
) -> None:
    """331, with the facts and without a trajectory."""
    found = parse("zif.collect", inputs(), collect({"aiida.out": cp2k_files["aiida.out"]}), b"done\n")
    assert (found.status, "trajectory" in found.outputs) == (331, False)
    assert found.outputs["output_parameters"]["version"] == "2023.1"


def test_refusal_gives_its_sentence(parse: Callable[..., Any], inputs: Callable[..., Any]) -> None:
    """221 with the program's words; 330 where it never spoke."""
    found = parse("zif.collect", inputs(), {}, b"zif-collect: there is no folder /scratch/run: it was removed.\n")
    assert found.status == 221
    assert "there is no folder" in found.message
    assert parse("zif.collect", inputs(), {}, None).status == 330


def test_damage_on_the_way_is_a_verdict(
    parse: Callable[..., Any],
    inputs: Callable[..., Any],
    collect: Callable[..., Any],
    cp2k_files: dict[str, bytes],
    cuts: Callable[..., Any],
) -> None:
    """A file cut on its way home, none at all, or that of another run: 332, and no trajectory."""
    files = collect(cp2k_files)
    for cut in [*cuts(files["trajectory.h5md"], 6), None]:
        damaged = {"collect.json": files["collect.json"], **({} if cut is None else {"trajectory.h5md": cut})}
        found = parse("zif.collect", inputs(), damaged, b"done\n")
        assert (found.status, "trajectory" in found.outputs) == (332, False)
    other = json.loads(files["collect.json"]) | {"content_hash": "0" * 64}
    assert parse("zif.collect", inputs(), {**files, "collect.json": json.dumps(other).encode()}, b"done\n").status == 332
    for cut in cuts(files["collect.json"], 6):
        assert parse("zif.collect", inputs(), {**files, "collect.json": cut}, b"done\n").status == 332
