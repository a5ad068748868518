# SPDX-License-Identifier: MIT
"""`zif.compile`: one command line, for the pair style of the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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


def test_unknown_device_is_refused(refusal: Callable[..., str], codes: dict[str, Any], model: Any) -> None:
    """`cpu` or `cuda`."""
    assert "must be cpu or cuda" in refusal(NequipCompileCalculation, code=codes["compile"], model=model, device="gpu")
