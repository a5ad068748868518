# SPDX-License-Identifier: MIT
"""`aiida-zif figures`: files of trainings and evaluations, and a sentence for what is neither."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from aiida.common.links import LinkType
from aiida.orm import ArrayData, Int
from click.testing import Result


def trained(make_chain: Callable[..., Any]) -> Any:
    """Return a chain with a learning curve of three epochs."""
    chain = make_chain("TrainWorkChain", name="train")
    arrays = {"step": np.arange(3), "val0_epoch_weighted_sum": np.array([3.0, 1.0, 2.0]), "val0_epoch_forces_mae": np.ones(3)}
    curve = ArrayData(arrays).store()
    curve.base.links.add_incoming(chain, LinkType.RETURN, "learning_curve")
    return chain


def test_files_are_written_and_named(call: Callable[..., Result], make_chain: Callable[..., Any], tmp_path: Path) -> None:
    """Two chains side by side in one figure, and in one table by their names."""
    chains = [trained(make_chain) for _ in range(2)]
    result = call("figures", *(chain.pk for chain in chains), "--output", tmp_path / "figures")
    assert result.exit_code == 0, result.output
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    assert names == {"learning_curves.svg", "learning_curves.png", "learning_curves.csv"}
    assert all(name in result.output for name in names)
    table = (tmp_path / "figures" / "learning_curves.csv").read_text()
    assert all(f"<{chain.pk}>,2," in table for chain in chains)


def test_anything_else_is_refused(refused: Callable[..., str], make_chain: Callable[..., Any], tmp_path: Path) -> None:
    """A chain of another kind, a node that nothing made, a folder in a folder that is not there."""
    assert "neither a learning curve nor an accuracy" in refused("figures", make_chain("MdWorkChain", name="md").pk)
    assert "made by no process" in refused("figures", Int(1).store().pk)
    assert "no folder" in refused("figures", 1, "--output", tmp_path / "absent" / "figures")
