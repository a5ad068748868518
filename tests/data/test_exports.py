# SPDX-License-Identifier: MIT
"""A dataset leaves as files that others read, and comes back as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest

from aiida_zif.data import exports
from aiida_zif.data.dataset import SPLITS
from aiida_zif.formats import extxyz, h5md, npz
from aiida_zif.science.frames import concatenate


@pytest.mark.parametrize("suffix", [".extxyz", ".npz", ".h5md"])
def test_splits_come_back(dataset: Any, tmp_path: Path, suffix: str) -> None:
    """One split or all three, in the order train, validation, held out."""
    readers = {".extxyz": extxyz.read, ".npz": npz.read, ".h5md": lambda path: h5md.H5md(path).read()}
    for splits, n in ((("held_out",), 2), (SPLITS, 6)):
        path = tmp_path / f"{n}{suffix}"
        assert exports.write(dataset, path, splits) == n
        found, expected = readers[suffix](path), concatenate([dataset.frames(split) for split in splits])
        assert found.species == expected.species
        for name in ("positions", "cells", "energies", "forces", "stresses"):
            np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-11, err_msg=name)


def test_origin_travels_along(dataset: Any, tmp_path: Path) -> None:
    """Split, trajectory and step stand beside each frame, in words that ASE reads and keys that numpy reads."""
    exports.write(dataset, tmp_path / "a.extxyz", SPLITS)
    words = [atoms.info for atoms in ase.io.read(tmp_path / "a.extxyz", ":")]
    assert [info["split"] for info in words] == ["train"] * 3 + ["validation"] + ["held_out"] * 2
    assert [info["step"] for info in words] == list(range(6))
    assert {info["trajectory"] for info in words} == {"a-uuid"}
    exports.write(dataset, tmp_path / "a.npz", SPLITS)
    with np.load(tmp_path / "a.npz") as found:
        assert found["split"].tolist() == [info["split"] for info in words]
        assert found["step"].tolist() == list(range(6))


def test_unknown_format_is_refused(dataset: Any, tmp_path: Path) -> None:
    """The suffix decides."""
    with pytest.raises(ValueError, match=r"does not end in one of \.extxyz"):
        exports.write(dataset, tmp_path / "a.csv", SPLITS)
