# SPDX-License-Identifier: MIT
"""How fast a CP2K run becomes frames, beside chemfiles and the reader that aiida-cp2k calls, and in how much memory.

The files, 20 000 frames of 272 atoms, 1 GB, in the layout of CP2K 2023.1, are made in a temporary folder. READER_FRAMES in the
environment asks for another number of frames.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np

from aiida_zif.formats import cp2k_output
from aiida_zif.formats.cp2k_xyz import scan_xyz

FRAMES = int(os.environ.get("READER_FRAMES", "20000"))
SLOW_FRAMES = 500
"""Frames for the reader of aiida-cp2k: it takes a second for them, and holds all text and numbers in memory."""
ATOMS, DIFFERENT, BATCH, ROUNDS = 272, 20, 400, 3
SIZES = {"pos": 20.0, "frc": 0.1, "vel": 1e-3}
LOG_LINES = 110
"""Lines of the log for each step: what PRINT_LEVEL MEDIUM gives."""
MEMORY = """
import sys
from pathlib import Path
from aiida_zif.formats import cp2k_output
def peak():
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
imported = peak()
frames = sum(len(batch) for batch in cp2k_output.open_run(Path(sys.argv[1])).batches())
print(frames, imported, peak())
"""
"""Not ``ru_maxrss``: a new process begins with that of its parent."""


def write_run(folder: Path, n_frames: int) -> None:
    """Write positions, forces, velocities, cells, energies, stresses and a log of ``n_frames`` steps."""
    rng = np.random.default_rng(0)
    symbols = ["Zn"] * 16 + ["N"] * 64 + ["C"] * 96 + ["H"] * 96
    for name, size in SIZES.items():
        atoms = [
            "".join(f"{symbol:>3}" + "".join(f"{x:20.10f}" for x in row) + "\n" for symbol, row in zip(symbols, frame, strict=True))
            for frame in rng.uniform(-size, size, (DIFFERENT, ATOMS, 3))
        ]
        with (folder / f"aiida-{name}-1.xyz").open("w") as xyz:
            for i in range(n_frames):
                xyz.write(f"{ATOMS:8d}\n i = {i:8d}, time = {i / 2:12.3f}, E = {-473 - i / 1e6:20.10f}\n{atoms[i % DIFFERENT]}")
    with (
        (folder / "aiida-1.cell").open("w") as cell,
        (folder / "aiida-1.ener").open("w") as ener,
        (folder / "aiida-1.stress").open("w") as bar,
    ):
        for i in range(n_frames):
            cell.write(
                f"{i:8d}{i / 2:12.3f}" + "".join(f"{x:20.10f}" for x in (15.4, 0, 0, 0, 15.5, 0, 0, 0, 18.1)) + f"{4320.47:25.10f}\n"
            )
            ener.write(f"{i:10d}{i / 2:20.6f}" + "".join(f"{x:20.9f}" for x in (0.4, 300.0, -473 - i / 1e6, -472.6, 7.5)) + "\n")
            bar.write(f"{i:8d}{i / 2:12.3f}" + "".join(f"{x:20.10f}" for x in rng.uniform(-9e3, 9e3, 9)) + "\n")
    filling = "  Trace(PS):                                  104.0000000000     1.2345E-01\n" * (LOG_LINES - 1)
    with (folder / "aiida.out").open("w") as log:
        log.write(" GLOBAL| Run type                                                             MD\n ATOMIC COORDINATES IN ANGSTROM\n")
        masses = {"Zn": 65.38, "N": 14.0067, "C": 12.0107, "H": 2.0141}
        for i, symbol in enumerate(symbols):
            log.write(f"{i + 1:7d}{1:5d} {symbol:2}{1:5d}{0:15.6f}{0:15.6f}{0:15.6f}{1:9.4f}{masses[symbol]:9.4f}\n")
        for i in range(1, n_frames):
            log.write(f"\n{filling} MD| Step number{i:65d}\n")


def ours(path: Path) -> None:
    """Positions of all frames, a few hundred at a time."""
    found = scan_xyz(path)
    for begin in range(0, len(found.steps), BATCH):
        found.read(slice(begin, begin + BATCH))


def by_chemfiles(path: Path) -> None:
    """Positions of all frames, one at a time."""
    import chemfiles

    with chemfiles.Trajectory(str(path)) as trajectory:
        for _ in range(trajectory.nsteps):
            trajectory.read().positions  # noqa: B018


def as_aiida_cp2k(path: Path) -> None:
    """What ``aiida_cp2k.parsers`` does with positions: all text, then the parser of cp2k-output-tools, then an array."""
    from cp2k_output_tools.trajectories.xyz import parse

    found = []
    for frame in parse(path.read_text()):
        _, positions = zip(*frame["atoms"], strict=True)
        found.append(positions)
    np.array(found)


def whole_run(folder: Path) -> None:
    """Everything: log, positions, forces, velocities, cells, energies, virial stresses."""
    for _ in cp2k_output.open_run(folder).batches():
        pass


def seconds(call: Callable[[Path], None], path: Path) -> float:
    """CPU seconds of one call: all readers run in one thread, and other work on the machine does not count."""
    began = time.process_time()
    call(path)
    return time.process_time() - began


def run() -> dict[str, object]:
    """Return CPU ms per 1000 frames, ratios with their limits, and the peak memory of a process that reads the whole run."""
    result: dict[str, object] = {"frames": FRAMES, "atoms": ATOMS, "cp2k_output_tools_version": version("cp2k-output-tools")}
    with tempfile.TemporaryDirectory() as name:
        folder, few = Path(name) / "run", Path(name) / "few"
        for path, n_frames in ((folder, FRAMES), (few, min(FRAMES, SLOW_FRAMES))):
            path.mkdir()
            write_run(path, n_frames)
        positions = folder / "aiida-pos-1.xyz"
        measured: dict[str, tuple[Callable[[Path], None], Path, int]] = {
            "positions": (ours, positions, FRAMES),
            "aiida_cp2k": (as_aiida_cp2k, few / positions.name, min(FRAMES, SLOW_FRAMES)),
            "whole_run": (whole_run, folder, FRAMES),
        }
        try:
            result["chemfiles_version"] = version("chemfiles")
            measured["chemfiles"] = (by_chemfiles, positions, FRAMES)
        except ImportError:
            result["chemfiles"] = "not installed, so that there is no comparison with it: pip install chemfiles"
        times: dict[str, list[float]] = {key: [] for key in measured}
        for _ in range(ROUNDS):
            for key, (call, path, n_frames) in measured.items():
                times[key].append(seconds(call, path) / n_frames * 1e6)
        per_1000 = {key: statistics.median(values) for key, values in times.items()}
        done = subprocess.run([sys.executable, "-c", MEMORY, str(folder)], check=True, capture_output=True, text=True)
    n_frames, imported, peak = map(int, done.stdout.split())
    if n_frames != FRAMES:
        raise RuntimeError(f"{n_frames} of {FRAMES} frames were read")
    result |= {f"{key}_cpu_ms_per_1000_frames": value for key, value in per_1000.items()}
    result |= {"memory_after_import_mb": imported / 1024, "peak_memory_mb": peak / 1024}
    limits = {"aiida_cp2k_ratio": 0.1, "peak_memory_mb": 300}
    result["aiida_cp2k_ratio"] = per_1000["positions"] / per_1000["aiida_cp2k"]
    if "chemfiles" in per_1000:
        result["chemfiles_ratio"] = per_1000["positions"] / per_1000["chemfiles"]
        limits["chemfiles_ratio"] = 0.5
    return result | {"limits": limits}
