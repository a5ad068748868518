# SPDX-License-Identifier: MIT
"""Structures that several tests of the science look at."""

from __future__ import annotations

from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms

from aiida_zif.science import linkers
from aiida_zif.science.frames import Frames


def frames_of(images: list[Atoms]) -> Frames:
    return Frames(
        species=tuple(images[0].get_chemical_symbols()),
        positions=np.stack([image.positions for image in images]),
        cells=np.stack([image.cell[:] for image in images]),
    )


@pytest.fixture(scope="session")
def dia34() -> Atoms:
    """dia-Zn(Im)2, 34 atoms in a strongly skewed cell, relaxed with GFN1-xTB for this project."""
    return ase.io.read(Path(__file__).parent / "dia34.xyz")


@pytest.fixture(scope="session")
def dia272(dia34: Atoms) -> Atoms:
    """The same, 2 × 2 × 2."""
    return dia34 * (2, 2, 2)


@pytest.fixture(scope="session")
def dia34_topology(dia34: Atoms) -> linkers.Topology:
    """Its linkers."""
    return linkers.perceive(dia34.get_chemical_symbols(), dia34.positions, dia34.cell[:])


@pytest.fixture(scope="session")
def zif4(shared_data: Path) -> Frames:
    """53 frames of ZIF-4 at 600 K, 272 atoms."""
    path = shared_data / "zif4_frames" / "zif4_600K_53_frames.xyz"
    if not path.is_file():
        pytest.skip(f"the frames of ZIF-4 are not here: {path.name} does not exist")
    return frames_of(ase.io.read(path, index=":"))
