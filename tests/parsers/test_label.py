# SPDX-License-Identifier: MIT
"""`zif.label`: frames whose SCF converged, by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiida.orm import Dict

from .conftest import CP2K


@pytest.fixture
def files(contents: Callable[[Path], dict[str, bytes]]) -> dict[str, bytes]:
    """Seven frames labelled by CP2K."""
    return contents(CP2K / "strained")


@pytest.fixture
def inputs(make_trajectory: Callable[..., Any]) -> dict[str, Any]:
    return {"frames": make_trajectory(7), "run": Dict({"method": "gfn1-xtb"})}


def test_labels_are_a_trajectory_of_their_own_kind(parse: Callable[..., Any], files: dict[str, bytes], inputs: dict[str, Any]) -> None:
    """Energies and forces, no stress; the kind says that no time runs through them, the parent where they came from."""
    found = parse("zif.label", inputs, files, files["aiida.out"])
    found.store()
    assert found.status == 0, found.message
    node = found.outputs["trajectory"]
    bad = node.base.attributes.get("unconverged_steps")
    assert node.n_frames == 7 - len(bad)
    assert (node.base.attributes.get("kind"), node.base.attributes.get("stress")) == ("label", "none")
    assert node.base.attributes.get("parent") == inputs["frames"].uuid
    frames = node.frames()
    assert frames.forces is not None
    assert not set(bad) & set(frames.steps.tolist())
    assert frames.stresses is None or np.isnan(frames.stresses).all()
    assert found.outputs["output_parameters"]["frames_asked"] == 7


def test_missing_labels_are_an_interruption(
    parse: Callable[..., Any], files: dict[str, bytes], inputs: dict[str, Any], make_trajectory: Callable[..., Any]
) -> None:
    """Fewer labels than frames: what was labelled is kept."""
    found = parse("zif.label", {**inputs, "frames": make_trajectory(9)}, files, files["aiida.out"])
    assert found.status == 410
    assert "trajectory" in found.outputs


def test_every_cut_is_read(
    parse: Callable[..., Any], files: dict[str, bytes], inputs: dict[str, Any], cuts: Callable[..., list[bytes]]
) -> None:
    """A file cut anywhere is usable up to the cut, or leaves no frame."""
    for name in files:
        for cut in cuts(files[name], 4):
            stdout = cut if name == "aiida.out" else files["aiida.out"]
            found = parse("zif.label", inputs, {**files, name: cut}, stdout)
            assert found.status in (0, 330, 331, 410), (name, found.message)


def test_no_output_is_said(parse: Callable[..., Any], inputs: dict[str, Any]) -> None:
    """Neither log nor frames."""
    assert parse("zif.label", inputs, {}, None).status == 330
