# SPDX-License-Identifier: MIT
"""How fast a LAMMPS dump becomes a trajectory file, beside ase's reader of dumps, and in how much memory.

The dump, 4000 frames of 272 atoms in a sheared cell as `zif.md` asks LAMMPS to write it, is made in a temporary folder. DUMP_FRAMES in
the environment asks for another number of frames.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from aiida_zif.formats import lammps_dump

FRAMES = int(os.environ.get("DUMP_FRAMES", "4000"))
SLOW_FRAMES = 100
"""Frames for ase, which takes seconds for them and holds all as objects."""
ATOMS, DIFFERENT, ROUNDS = 272, 20, 3
TYPES = ("C", "H", "N", "Zn")
MEMORY = """
import sys
from pathlib import Path
from aiida_zif.formats import h5md, lammps_dump
def peak():
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
imported, n_frames = peak(), 0
with h5md.Writer(sys.argv[2], unwrapped=True, creator_version="0") as writer:
    for frames in lammps_dump.batches(Path(sys.argv[1]), ("C", "H", "N", "Zn"), 0.0005):
        writer.append(frames)
    n_frames = writer.n_frames
print(n_frames, imported, peak())
"""
"""Not ``ru_maxrss``: a new process begins with that of its parent. Pages of the mapped dump count, and the system takes them back."""


def write_dump(path: Path, n_frames: int) -> None:
    """Write ``n_frames`` frames, unwrapped positions as LAMMPS prints them."""
    rng = np.random.default_rng(0)
    types = np.sort(rng.integers(1, 5, ATOMS))
    bodies = [
        "".join(
            f"{k:8d} {kind:8d} {x:16.8f} {y:16.8f} {z:16.8f}\n"
            for k, (kind, (x, y, z)) in enumerate(zip(types, rng.uniform(-2, 18, (ATOMS, 3)), strict=True), start=1)
        )
        for _ in range(DIFFERENT)
    ]
    bounds = "0.0 15.9 0.5\n-0.1 15.4 0.2\n0.0 18.4 -0.1\n"
    with path.open("w") as dump:
        for k in range(n_frames):
            head = f"ITEM: TIMESTEP\n{k * 20}\nITEM: NUMBER OF ATOMS\n{ATOMS}\nITEM: BOX BOUNDS xy xz yz pp pp pp\n{bounds}"
            dump.write(f"{head}ITEM: ATOMS id type xu yu zu\n{bodies[k % DIFFERENT]}")


def ours(path: Path) -> None:
    """All frames, some MB at a time."""
    for _ in lammps_dump.batches(path, TYPES, 0.0005):
        pass


def by_ase(path: Path) -> None:
    """All frames, as ``ase.io.read`` gives them."""
    from ase.io import read

    read(path, index=":", format="lammps-dump-text")


def seconds(call: Callable[[Path], None], path: Path) -> float:
    """CPU seconds of one call: all readers run in one thread, and other work on the machine does not count."""
    began = time.process_time()
    call(path)
    return time.process_time() - began


def run() -> dict[str, object]:
    """Return CPU ms per 1000 frames, the ratio with its limit, and the peak memory of a process that reads and writes all of it."""
    result: dict[str, object] = {"frames": FRAMES, "atoms": ATOMS}
    with tempfile.TemporaryDirectory() as name:
        large, small = Path(name) / "large.dump", Path(name) / "small.dump"
        write_dump(large, FRAMES)
        write_dump(small, min(FRAMES, SLOW_FRAMES))
        found = lammps_dump.read(small, TYPES, 0.0005)
        from ase.io import read

        theirs = read(small, index=-1, format="lammps-dump-text")
        np.testing.assert_allclose(found.positions[-1], theirs.positions, atol=1e-7)
        times: dict[str, list[float]] = {"ours": [], "ase": []}
        for _ in range(ROUNDS):
            times["ours"].append(seconds(ours, large) / FRAMES * 1e6)
            times["ase"].append(seconds(by_ase, small) / min(FRAMES, SLOW_FRAMES) * 1e6)
        per_1000 = {key: statistics.median(values) for key, values in times.items()}
        memory = {}
        for key, path in (("large", large), ("small", small)):
            done = subprocess.run([sys.executable, "-c", MEMORY, str(path), f"{path}.h5"], check=True, capture_output=True, text=True)
            n_frames, imported, peak = map(int, done.stdout.split())
            memory[key] = peak / 1024
        result |= {"dump_mb": large.stat().st_size / 1e6, "frames_read_last": n_frames}
    result |= {f"{key}_cpu_ms_per_1000_frames": value for key, value in per_1000.items()}
    result |= {"memory_after_import_mb": imported / 1024, "peak_memory_small_mb": memory["small"], "peak_memory_large_mb": memory["large"]}
    result["ase_ratio"] = per_1000["ours"] / per_1000["ase"]
    return result | {"limits": {"ase_ratio": 0.2, "peak_memory_large_mb": 300}}
