# SPDX-License-Identifier: MIT
"""Draws from as many frames as were published, 1 189 836, beside the loop over bins of the literature; and reading what was chosen.

Choosing looks at one energy a frame. The gather is measured on a file of 50 000 frames of 272 atoms, one frame in 94 being chosen as of
1.19 million (each then costs a chunk of its own), and extrapolated to 12 700 frames: the cost is per chosen frame.
"""

from __future__ import annotations

import resource
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from aiida_zif import __version__
from aiida_zif.formats import h5md
from aiida_zif.science.drawing import Recipe, Source, choose
from aiida_zif.science.frames import Frames
from aiida_zif.science.sampling import flat_histogram_draw, random_draw

N_FRAMES, N_TRAIN, N_CHOSEN = 1_189_836, 2500, 12_700
FILE_FRAMES, N_ATOMS, BATCH = 50_000, 272, 500
REPEATS = 3


def run() -> dict[str, object]:
    """Return seconds, bytes a frame and ratios; every way of drawing by turns, the best of a few."""
    energies = _energies()
    ways: dict[str, Callable[[], Any]] = {
        "flat_s": lambda: flat_histogram_draw(energies, N_TRAIN, np.random.default_rng(1)),
        "loop_over_bins_s": lambda: loop_over_bins(energies, N_TRAIN, np.random.default_rng(1)),
        "random_s": lambda: random_draw(len(energies), N_CHOSEN, np.random.default_rng(1)),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(REPEATS):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            times[name].append(time.perf_counter() - start)
    best = {name: min(seconds) for name, seconds in times.items()}
    source = Source(energies, np.arange(N_FRAMES), np.ones(N_FRAMES, dtype=np.bool_), 1500.0, 200.0)
    recipe = Recipe("flat_histogram", N_TRAIN, 200, 1, n_held_out=10_000, held_out_seed=2)
    start = time.perf_counter()
    chosen = choose([source], recipe).split
    seconds = time.perf_counter() - start
    return {
        "frames": N_FRAMES, "bins_filled": flat_histogram_draw(energies, N_TRAIN, np.random.default_rng(1)).filled, **best,
        "choose_all_splits_s": seconds, "frames_chosen": len(chosen.train) + len(chosen.validation) + len(chosen.held_out),
        "bytes_read_a_frame": energies.nbytes / N_FRAMES, "flat_more_bytes_a_frame": _peak(ways["flat_s"]) / N_FRAMES,
        "choose_more_bytes_a_frame": _peak(lambda: choose([source], recipe)) / N_FRAMES,
        "loop_over_bins_to_flat_ratio": best["loop_over_bins_s"] / best["flat_s"], **gather(),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "limits": {"flat_s": 1.0, "random_s": 1.0, "choose_all_splits_s": 1.0, "bytes_read_a_frame": 8.0, "gather_12700_frames_s": 10.0},
    }  # fmt: skip


def loop_over_bins(energies: np.ndarray[Any, Any], n: int, rng: np.random.Generator) -> list[int]:
    """Draw as scripts of the literature do: for each bin look through all energies, and choose one of its frames."""
    edges = np.linspace(energies.min(), energies.max(), n + 1)
    chosen = []
    for k in range(n):
        above = energies <= edges[k + 1] if k == n - 1 else energies < edges[k + 1]
        found = np.where((energies >= edges[k]) & above)[0]
        if len(found):
            chosen.append(int(rng.choice(found)))
    return chosen


def gather() -> dict[str, object]:
    """Return what it takes to read frames that are chosen as thinly as of the whole."""
    rng = np.random.default_rng(0)
    wanted = np.sort(rng.choice(FILE_FRAMES, size=FILE_FRAMES * N_CHOSEN // N_FRAMES, replace=False))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trajectory.h5md"
        start = time.perf_counter()
        _write(path, rng)
        written = time.perf_counter() - start
        with h5md.H5md(path) as file:
            start = time.perf_counter()
            energies = file.array("energies")
            looked = time.perf_counter() - start
            seconds, cpu = [], []
            for _ in range(REPEATS):
                start, before = time.perf_counter(), time.process_time()
                frames = file.read(wanted, ("energies", "forces", "stresses"))
                seconds.append(time.perf_counter() - start)
                cpu.append(time.process_time() - before)
            peak = _peak(lambda: file.read(wanted, ("energies", "forces", "stresses")))
        size = path.stat().st_size
    each = min(seconds) / len(wanted)
    arrays = sum(getattr(frames, name).nbytes for name in ("positions", "forces", "cells", "stresses"))
    return {
        "file_frames": len(energies), "file_gb": size / 1e9, "file_write_s": written,
        "energies_of_1.19_million_s": looked * N_FRAMES / FILE_FRAMES,
        "gather_frames": len(frames), "gather_ms_a_frame": 1000 * each, "gather_12700_frames_s": N_CHOSEN * each,
        "gather_12700_frames_cpu_s": N_CHOSEN * min(cpu) / len(wanted),
        "gather_peak_bytes_of_frames_ratio": peak / arrays,
    }  # fmt: skip


def _energies() -> np.ndarray[Any, Any]:
    """Return energies like those of a campaign: a crystal and liquids, each bell-shaped, eV of the cell."""
    rng = np.random.default_rng(0)
    parts = [(0.25, -60084.0, 1.0), (0.25, -60062.0, 4.0), (0.25, -60060.0, 4.5), (0.25, -60058.0, 5.0)]
    return np.concatenate([rng.normal(mean, width, int(share * N_FRAMES)) for share, mean, width in parts])


def _write(path: Path, rng: np.random.Generator) -> None:
    start = rng.uniform(0, 15, (N_ATOMS, 3))
    species = ("Zn",) * 16 + ("N",) * 64 + ("C",) * 96 + ("H",) * 96
    with h5md.Writer(path, creator_version=__version__) as writer:
        for first in range(0, FILE_FRAMES, BATCH):
            fields = {
                "positions": start + rng.normal(0, 0.1, (BATCH, N_ATOMS, 3)), "forces": rng.normal(0, 1, (BATCH, N_ATOMS, 3)),
                "cells": np.tile(np.eye(3) * 16, (BATCH, 1, 1)), "energies": rng.normal(-60000, 5, BATCH),
                "stresses": rng.normal(0, 1e-3, (BATCH, 6)), "steps": np.arange(first, first + BATCH),
            }  # fmt: skip
            writer.append(Frames(species, **fields))


def _peak(way: Callable[[], Any]) -> int:
    tracemalloc.start()
    way()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak
