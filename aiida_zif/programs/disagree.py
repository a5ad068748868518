# SPDX-License-Identifier: MIT
"""``zif-disagree FRAMES --model M1 --model M2 …``: how far the forces of several models differ, and whether that is their error.

Frames come as a dataset (``.h5`` with ``--split``), a trajectory (``.h5``) or extended XYZ. They are read some at a time; with
``--calibrate`` 40 bytes are kept of each atom, without it two numbers of each frame.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_zif import __version__
from aiida_zif.formats import dataset_file, extxyz, h5md
from aiida_zif.programs import machine
from aiida_zif.programs.potential import Potential, load
from aiida_zif.programs.predict import UNUSABLE, predict
from aiida_zif.science.calibration import calibrate, disagreement
from aiida_zif.science.frames import Frames

RESAMPLES = 200
"""Draws of frames for the error bars, unless told otherwise."""
BATCH = 16
"""Frames of extended XYZ held at once."""


def batches(path: Path, split: str | None, stride: int) -> Iterator[Frames]:
    """Yield every ``stride``-th frame of a file, or those of one split of a dataset. Raises ``ValueError`` or ``OSError`` in a sentence."""
    if path.suffix in (".xyz", ".extxyz"):
        number = 0
        for frames in extxyz.batches(path, BATCH):
            yield frames.select(np.flatnonzero((number + np.arange(len(frames))) % stride == 0))
            number += len(frames)
    elif split is not None:
        yield from dataset_file.batches(path, split)
    else:
        with h5md.H5md(path) as file:
            fields = [name for name in ("forces", "steps") if name in file.fields]
            yield from file.batches(slice(None, None, stride), fields)


class Disagreement:
    """What several models say of frames that come in batches."""

    def __init__(self, potentials: Sequence[Potential], compare: bool) -> None:
        self._potentials = potentials
        self._compare = compare
        self._rows: dict[str, list[NDArray[Any]]] = {"step": [], "max": [], "mean": [], "error": []}
        self._atoms: list[tuple[NDArray[Any], NDArray[Any], NDArray[Any]]] = []
        self.n_frames = self.n_atoms = 0

    def add(self, frames: Frames) -> None:
        """Add a batch. Raises ``ValueError`` for an element that a model does not know, and for forces that are missing where needed."""
        predicted = np.array([predict(potential, frames).forces for potential in self._potentials], dtype=np.float64)
        apart = disagreement(predicted)
        first = self.n_frames
        self.n_frames, self.n_atoms = first + len(frames), frames.positions.shape[1]
        self._rows["step"].append(first + np.arange(len(frames)) if frames.steps is None else frames.steps)
        self._rows["max"].append(apart.max(axis=1))
        self._rows["mean"].append(apart.mean(axis=1))
        if not self._compare:
            return
        if frames.forces is None or not np.isfinite(frames.forces).all():
            raise ValueError(f"{UNUSABLE}a calibration needs the reference's forces of every atom")
        errors = predicted.mean(axis=0) - frames.forces
        self._rows["error"].append(np.sqrt((errors**2).sum(axis=2).mean(axis=1)))
        good = np.flatnonzero(np.isfinite(errors).all(axis=(1, 2)))
        index = np.repeat(first + good, self.n_atoms)
        self._atoms.append((errors[good].reshape(-1, 3), apart[good].ravel(), index))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what is kept of each frame: its step, largest and mean disagreement, and the size of the error, eV/Å."""
        return {name: np.concatenate(parts) for name, parts in self._rows.items() if parts}

    def document(self, resamples: int, seed: int) -> dict[str, Any]:
        """Return what is said of all frames together."""
        found = self.arrays()
        good = np.isfinite(found["max"])
        if not good.any():
            raise ValueError(f"not one of {self.n_frames} frames has forces of all models: they lie far outside their training")
        worst = int(np.nanargmax(np.where(good, found["max"], -np.inf)))
        document: dict[str, Any] = {
            "n_models": len(self._potentials), "n_frames": self.n_frames, "n_atoms": self.n_atoms, "not_finite": int((~good).sum()),
            "disagreement_mean_ev_per_angstrom": float(found["mean"][good].mean()),
            "disagreement_max_ev_per_angstrom": float(found["max"][worst]), "worst_step": int(found["step"][worst]),
        }  # fmt: skip
        if self._compare:
            errors, apart, index = (np.concatenate(parts) for parts in zip(*self._atoms, strict=True))
            document["forces_mae_mev_per_angstrom"] = 1000 * float(np.abs(errors).mean())
            document["calibration"] = calibrate(errors, apart, index, seed=seed, n_resamples=resamples).as_dict()
        return document


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; return 0, or 1 with one sentence on standard error."""
    parser = argparse.ArgumentParser(prog="zif-disagree", description="How far the forces of several models differ on given frames.")
    parser.add_argument("frames", type=Path, help="dataset or trajectory (.h5), or extended xyz; Å")
    parser.add_argument("--model", action="append", required=True, dest="models", metavar="FILE", help="two or more, of one run")
    parser.add_argument("--split", choices=dataset_file.SPLITS, help="of a dataset: which of its frames")
    parser.add_argument("--stride", type=int, default=1, metavar="K", help="every K-th frame (default 1)")
    parser.add_argument("--calibrate", action="store_true", help="compare with the forces that the frames have")
    parser.add_argument("--resamples", type=int, default=RESAMPLES, metavar="N", help=f"for the error bars (default {RESAMPLES})")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of these draws (default 1)")
    parser.add_argument("--output", required=True, type=Path, help="JSON document to write")
    parser.add_argument("--arrays", required=True, type=Path, help="npz file to write, a number per frame")
    given = parser.parse_args(arguments)
    machine.prepare()
    warnings.showwarning = lambda message, *_: print(f"zif-disagree: warning: {message}", file=sys.stderr, flush=True)
    try:
        if len(given.models) < 2 or given.stride < 1 or given.resamples < 2:
            raise ValueError(
                f"{len(given.models)} models, stride {given.stride}, {given.resamples} resamples: at least 2, 1 and 2 are needed"
            )
        began = time.perf_counter()
        potentials = [load(path) for path in given.models]
        found = Disagreement(potentials, given.calibrate)
        for frames in batches(given.frames, given.split, given.stride):
            if len(frames):
                found.add(frames)
        if not found.n_frames:
            raise ValueError(f"{UNUSABLE}there is no frame in {given.split or given.frames.name}")
        document = found.document(given.resamples, given.seed) | {
            "program": "zif-disagree", "version": __version__, "versions": machine.versions("torch", "nequip", "nequip-allegro", "vesin"),
            "host": socket.gethostname(), "device": potentials[0].device, "threads": machine.threads(),
            "wall_s": round(time.perf_counter() - began, 3),
        }  # fmt: skip
        np.savez_compressed(given.arrays, **found.arrays())  # type: ignore[arg-type]
        given.output.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")
    except (ValueError, OSError, ArithmeticError) as error:
        print(f"zif-disagree: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    print(f"zif-disagree: {json.dumps({key: value for key, value in document.items() if not isinstance(value, dict | list)})}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
