# SPDX-License-Identifier: MIT
"""How fast structure is analysed, beside vesin with a histogram, freud, ASE and matscipy, and in how much memory.

The atoms are those of ZIF-4 that ships with the package, shaken, once, 2 × 2 × 2 and 5 × 5 × 5. All times are CPU seconds of one thread.
STRUCTURE_FRAMES in the environment asks for another number of frames of the whole analysis.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import resources
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from aiida_zif.formats import extxyz
from aiida_zif.science import coordination, rdf
from aiida_zif.science.frames import Frames

FRAMES = int(os.environ.get("STRUCTURE_FRAMES", "1000"))
R_MAX, BINS, ROUNDS = 7.6, 400, 5
SIZES = {272: (1, 200), 2176: (2, 20), 34000: (5, 2)}
"""Atoms: copies along each axis, and frames of a round; a peer that is slow gets one frame."""
WHOLE = """
import sys, time
from pathlib import Path
import numpy as np
from benchmarks.structure import crystal, shaken
from aiida_zif.science import linkers
from aiida_zif.science.analysis import Analysis, Plan
n = int(sys.argv[1])
frame = crystal(1)
topology = linkers.perceive(frame.species, frame.positions[0], frame.cells[0])
running = Analysis(topology, np.ones(len(frame.species)), n, Plan(temperature_k=300.0))
began = time.process_time()
for begin in range(0, n, 50):
    running.add(shaken(frame, min(50, n - begin), begin))
result = running.result()
spent = time.process_time() - began
peak = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
print(spent, peak / 1024, int("pore_volume_cm3_per_kg" in result.summary))
"""
RINGS = """
import sys, time
from pathlib import Path
from benchmarks.structure import crystal
from aiida_zif.science import linkers, rings
frame = crystal(int(sys.argv[1]))
topology = linkers.perceive(frame.species, frame.positions[0], frame.cells[0])
began = time.process_time()
found = rings.primitive_rings(topology, frame.positions[0], frame.cells[0])
spent = time.process_time() - began
peak = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
print(spent, peak / 1024, *(f"{size}:{count / int(sys.argv[1]) ** 3:g}" for size, count in found.per_cell.items()))
"""


def crystal(n: int) -> Frames:
    """Return one frame of ZIF-4, n × n × n."""
    frame = extxyz.read(str(resources.files("aiida_zif") / "structures" / "zif-4.xyz"))
    assert isinstance(frame, Frames)
    cell = frame.cells[0]
    shifts = np.array(list(np.ndindex(n, n, n))) @ cell
    positions = (frame.positions[0][None] + shifts[:, None]).reshape(1, -1, 3)
    return Frames(frame.species * n**3, positions, cell[None] * n)


def shaken(frame: Frames, n: int, seed: int = 0) -> Frames:
    """Return ``n`` frames, each atom moved at random by 0.05 Å: no two have the same neighbours."""
    moved = np.random.default_rng(seed).normal(scale=0.05, size=(n, len(frame.species), 3))
    return Frames(frame.species, frame.positions[0] + moved, np.repeat(frame.cells, n, axis=0), times=(seed + np.arange(n)) * 0.01)


def ours(frames: Frames) -> np.ndarray:
    """Zn–N g(r), by this package."""
    return rdf.radial_distribution(frames, "Zn", "N", R_MAX, BINS).g


def normalised(counts: np.ndarray, frames: Frames) -> np.ndarray:
    """Return g of counts summed over frames of one volume."""
    edges = np.linspace(0, R_MAX, BINS + 1)
    pairs = len(frames) * frames.species.count("Zn") * frames.species.count("N") * 4 * np.pi / 3 * np.diff(edges**3)
    return counts * frames.volumes[0] / pairs


def by_vesin(frames: Frames) -> np.ndarray:
    """The neighbour list of vesin over Zn and N, and a histogram."""
    from vesin import NeighborList

    symbols = np.array(frames.species)
    chosen = np.flatnonzero(np.isin(symbols, ["Zn", "N"]))
    zinc = symbols[chosen] == "Zn"
    search, counts = NeighborList(cutoff=R_MAX, full_list=True), np.zeros(BINS)
    for positions, cell in zip(frames.positions, frames.cells, strict=True):
        i, j, d = search.compute(points=positions[chosen], box=cell, periodic=True, quantities="ijd")
        counts += np.histogram(d[zinc[i] & ~zinc[j]], bins=BINS, range=(0, R_MAX))[0]
    return normalised(counts, frames)


def by_freud(frames: Frames) -> np.ndarray:
    """freud's own RDF, single precision; it goes no further than half the cell, which is why nobody is asked for more than 7.6 Å here."""
    import freud

    freud.parallel.set_num_threads(1)
    symbols = np.array(frames.species)
    search = freud.density.RDF(bins=BINS, r_max=R_MAX)
    for positions, cell in zip(frames.positions, frames.cells, strict=True):
        box = freud.box.Box.from_matrix(cell.T)
        search.compute((box, box.wrap(positions[symbols == "N"])), query_points=box.wrap(positions[symbols == "Zn"]), reset=False)
    return search.rdf


def by_ase(frames: Frames) -> np.ndarray:
    """ASE's neighbour list as it is asked for one pair of elements, and a histogram."""
    from ase import Atoms
    from ase.neighborlist import neighbor_list

    zinc, counts = np.array(frames.species) == "Zn", np.zeros(BINS)
    for positions, cell in zip(frames.positions, frames.cells, strict=True):
        atoms = Atoms(frames.species, positions=positions, cell=cell, pbc=True)
        i, d = neighbor_list("id", atoms, {("Zn", "N"): R_MAX})
        counts += np.histogram(d[zinc[i]], bins=BINS, range=(0, R_MAX))[0]
    return normalised(counts, frames)


def by_ase_of_two_elements(frames: Frames) -> np.ndarray:
    """The same on a structure from which all but Zn and N were taken out before: not what ASE does, but what one can do with it."""
    from ase import Atoms
    from ase.neighborlist import neighbor_list

    symbols = np.array(frames.species)
    chosen = np.flatnonzero(np.isin(symbols, ["Zn", "N"]))
    zinc, counts = symbols[chosen] == "Zn", np.zeros(BINS)
    for positions, cell in zip(frames.positions, frames.cells, strict=True):
        i, j, d = neighbor_list("ijd", Atoms(symbols[chosen], positions=positions[chosen], cell=cell, pbc=True), R_MAX)
        counts += np.histogram(d[zinc[i] & ~zinc[j]], bins=BINS, range=(0, R_MAX))[0]
    return normalised(counts, frames)


def seconds(call: Callable[[Frames], object], frames: Frames) -> float:
    """CPU seconds a frame."""
    began = time.process_time()
    call(frames)
    return (time.process_time() - began) / len(frames)


def run() -> dict[str, object]:
    """Return CPU ms a frame of each, ratios ours/theirs with their limits, and times and memory of rings and of the whole analysis."""
    result: dict[str, object] = {"distance_angstrom": R_MAX, "bins": BINS}
    limits: dict[str, float] = {}
    peers: dict[str, tuple[Callable[[Frames], np.ndarray], str, float]] = {
        "vesin": (by_vesin, "vesin", 1.0), "freud": (by_freud, "freud-analysis", 1 / 3), "ase": (by_ase, "ase", 1 / 100),
        "ase_zn_n_only": (by_ase_of_two_elements, "ase", 1.0),
    }  # fmt: skip
    for name, (_, package, _) in list(peers.items()):
        try:
            result[f"{name}_version"] = version(package)
        except PackageNotFoundError:
            result[name] = f"not installed, so that there is no comparison with it: pip install {package}"
            del peers[name]
    for atoms, (copies, n) in SIZES.items():
        frames = shaken(crystal(copies), n)
        expected = ours(frames.select([0]))
        for name, (call, _, _) in peers.items():
            if name != "freud" and not np.allclose(call(frames.select([0])), expected, atol=1e-6):
                raise RuntimeError(f"{name} finds another g(r) at {atoms} atoms")
        times: dict[str, list[float]] = {name: [] for name in ("ours", *peers)}
        for _ in range(ROUNDS):
            times["ours"].append(seconds(ours, frames))
            for name, (call, _, _) in peers.items():
                if not name.startswith("ase") or not times[name]:  # seconds a frame: once
                    times[name].append(seconds(call, frames.select([0]) if name.startswith("ase") else frames))
        middle = {name: statistics.median(values) for name, values in times.items()}
        result |= {f"rdf_{atoms}_{name}_ms": 1e3 * value for name, value in middle.items()}
        for name, (_, _, limit) in peers.items():
            result[f"rdf_{atoms}_{name}_ratio"] = middle["ours"] / middle[name]
            limits[f"rdf_{atoms}_{name}_ratio"] = limit
    frames = shaken(crystal(1), 200)
    result["coordination_272_ms"] = 1e3 * min(seconds(lambda some: coordination.coordination(some), frames) for _ in range(ROUNDS))
    limits["coordination_272_ms"] = 0.15
    for atoms, copies, most in ((2176, 2, 1.0), (34000, 5, 10.0)):
        spent, peak, *found = subprocess.run(
            [sys.executable, "-c", RINGS, str(copies)], check=True, capture_output=True, text=True
        ).stdout.split()  # fmt: skip
        result |= {f"rings_{atoms}_s": float(spent), f"rings_{atoms}_memory_mb": float(peak), f"rings_{atoms}_per_cell": " ".join(found)}
        limits |= {f"rings_{atoms}_s": most, f"rings_{atoms}_memory_mb": 1500}
    done = subprocess.run([sys.executable, "-c", WHOLE, str(FRAMES)], check=True, capture_output=True, text=True).stdout.split()
    result |= {
        "analysis_frames": FRAMES,
        "analysis_s": float(done[0]),
        "analysis_memory_mb": float(done[1]),
        "analysis_with_pores": done[2] == "1",
    }
    limits |= {"analysis_s": 60 * max(1.0, FRAMES / 1000), "analysis_memory_mb": 500}
    return result | {"limits": limits}
