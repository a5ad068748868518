# SPDX-License-Identifier: MIT
"""`zif.compile`: one command line, for the pair style of the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aiida.orm import InstalledCode

from aiida_zif.calculations.compile import NequipCompileCalculation


def test_command_names_pair_style_and_device(prepare: Callable[..., Any], codes: dict[str, Any], model: Any) -> None:
    """The target follows from the model's architecture, the device is an input."""
    prepared = prepare(NequipCompileCalculation, code=codes["compile"], model=model, device="cuda")
    assert prepared.calcinfo.codes_info[0].cmdline_params == [
        "model.nequip.zip", "model.nequip.pt2", "--mode", "aotinductor", "--device", "cuda", "--target", "pair_nequip",
    ]  # fmt: skip
    assert prepared.edges == {"code", "model", "device"}
    assert prepared.calcinfo.local_copy_list == [(model.uuid, "model.nequip.zip", "model.nequip.zip")]


def test_only_a_package_is_compiled(refusal: Callable[..., str], codes: dict[str, Any], make_compiled: Callable[..., Any]) -> None:
    """What was compiled for one machine is not compiled again for another."""
    assert "this model is compiled" in refusal(NequipCompileCalculation, code=codes["compile"], model=make_compiled())


def test_mliap_is_made_by_its_own_program(prepare: Callable[..., Any], codes: dict[str, Any], model: Any) -> None:
    """Two file names: what it is compiled for is decided when LAMMPS loads it."""
    prepared = prepare(NequipCompileCalculation, code=codes["mliap"], model=model, target="mliap")
    assert prepared.calcinfo.codes_info[0].cmdline_params == ["model.nequip.zip", "model.nequip.lmp.pt"]
    assert prepared.calcinfo.retrieve_temporary_list[0] == "model.nequip.lmp.pt"


def test_check_follows_in_the_same_job(prepare: Callable[..., Any], codes: dict[str, Any], model: Any, dataset: Any) -> None:
    """Compile, then check the compiled file against the package on the validation frames; the frames are not kept."""
    prepared = prepare(NequipCompileCalculation, code=codes["compile"], model=model, check_code=codes["check"], dataset=dataset)
    compile_, check = prepared.calcinfo.codes_info
    assert compile_.cmdline_params[-1] == "pair_nequip"
    assert check.cmdline_params == ["model.nequip.zip", "model.nequip.pt2", "frames.xyz", "--output", "check.json"]
    assert prepared.calcinfo.codes_run_mode.name == "SERIAL"
    assert len(prepared.files["frames.xyz"].splitlines()) == 36
    assert prepared.calcinfo.provenance_exclude_list == ["frames.xyz"]
    assert {"check_code", "dataset"} <= prepared.edges
    assert "check.json" in prepared.calcinfo.retrieve_temporary_list


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"target": "pair_allegro"}, "of the architecture nequip, which pair_allegro does not run: the target is pair_nequip or mliap"),
        ({"target": "ase"}, "must be one of pair_nequip, pair_allegro, mliap"),
        ({"check_code": "check"}, "give the other, too, or neither"),
        ({"dataset": "dataset"}, "give the other, too, or neither"),
    ],
)
def test_what_does_not_go_together_is_refused(
    refusal: Callable[..., str], codes: dict[str, Any], model: Any, dataset: Any, change: dict[str, str], sentence: str
) -> None:
    """One sentence before anything is stored."""
    nodes = {"check": codes["check"], "dataset": dataset}
    given = {name: nodes.get(value, value) for name, value in change.items()}
    assert sentence in refusal(NequipCompileCalculation, code=codes["compile"], model=model, **given)


def test_program_of_the_other_target_is_refused(refusal: Callable[..., str], aiida_localhost: Any, model: Any) -> None:
    """nequip-compile makes no ML-IAP file."""
    code = InstalledCode(label="c", computer=aiida_localhost, filepath_executable="/usr/bin/nequip-compile").store()
    found = refusal(NequipCompileCalculation, code=code, model=model, target="mliap")
    assert "made by nequip-prepare-lmp-mliap, but the code is nequip-compile" in found


def test_dataset_of_other_elements_is_refused(refusal: Callable[..., str], codes: dict[str, Any], model: Any, dataset: Any) -> None:
    """Frames of what the model does not know cannot check it."""
    dataset.base.attributes.set("elements", ["C", "Cu", "H"])
    found = refusal(NequipCompileCalculation, code=codes["compile"], model=model, check_code=codes["check"], dataset=dataset)
    assert "does not know Cu" in found


def test_unknown_device_is_refused(refusal: Callable[..., str], codes: dict[str, Any], model: Any) -> None:
    """`cpu` or `cuda`."""
    assert "must be cpu or cuda" in refusal(NequipCompileCalculation, code=codes["compile"], model=model, device="gpu")
