# SPDX-License-Identifier: MIT
"""``zif-evaluate MODEL FRAMES.extxyz --output accuracy.json``: errors of a model on labelled frames, and what a call costs.

Frames are read and predicted some at a time: of each only numbers are kept, so that memory does not grow with the file but for some
hundreds of bytes a frame.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_zif import __version__
from aiida_zif.formats import extxyz
from aiida_zif.formats.frame_labels import read as read_labels
from aiida_zif.programs import machine
from aiida_zif.programs.potential import Potential, load
from aiida_zif.programs.predict import UNUSABLE, Predictions, types_of
from aiida_zif.science.breakdown import Origins, by_composition, by_temperature, by_trajectory, in_time, worst
from aiida_zif.science.frames import Frames

COST_CALLS, WARM_UP = 300, 6
"""Calls by which the cost is measured, and those before that are not counted, unless told otherwise: as published."""

BATCH, TALK_S = 16, 30.0
"""Frames held at once, and seconds between two lines of progress."""

_TREMBLE = 0.005
"""Å by which atoms move between timed calls, as in one step of MD."""


def cost(potential: Potential, frames: Frames, n_calls: int, warm_up: int = WARM_UP) -> dict[str, Any]:
    """Return the wall time of a call with its neighbour list, µs per atom, on the first frame trembling as in MD; and where it was taken.

    ``cost_us_per_atom`` is the median, which a busy machine disturbs least; ``cost_us_per_atom_mean`` is what was published.
    """
    types = types_of(potential, frames.species)
    rng = np.random.default_rng(0)
    load_before = os.getloadavg()[0]
    taken = []
    for _ in range(n_calls + warm_up):
        positions = frames.positions[0] + _TREMBLE * rng.standard_normal(frames.positions[0].shape)
        began = time.perf_counter()
        potential.evaluate(positions, frames.cells[0], types)
        taken.append(time.perf_counter() - began)
    per_atom = np.array(taken[warm_up:]) / len(types) * 1e6
    return {
        "cost_us_per_atom": float(np.median(per_atom)), "cost_us_per_atom_mean": float(per_atom.mean()),
        "cost_us_per_atom_fastest": float(per_atom.min()), "cost_n_atoms": len(types), "cost_calls": n_calls, "cost_warm_up": warm_up,
        "load_average": round(load_before, 2), "cores": os.cpu_count(),
    }  # fmt: skip


def evaluate(
    model: str, path: str, n_cost: int, warm_up: int = WARM_UP, labels: str | None = None, talk_s: float = TALK_S
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return the document for ``--output``, and the arrays of ``Predictions.arrays``.

    The document's own numbers are of all frames; those of each trajectory, temperature and, of several, composition stand in lists.
    ``labels`` is a file that tells where the frames came from (``formats.frame_labels``).
    Raises ``ValueError`` or ``OSError`` with one sentence where model or frames cannot be used.
    """
    potential = load(model)
    known = None if labels is None else read_labels(labels)
    began = time.perf_counter()
    predictions = Predictions(potential)
    first: Frames | None = None
    spoken = began
    for batch in extxyz.batches(path, BATCH, mixed=True):
        first = batch if first is None else first
        predictions.add(batch)
        if time.perf_counter() - spoken >= talk_s:
            spoken = time.perf_counter()
            print(f"zif-evaluate: {progress(predictions.n_frames, None if known is None else len(known), spoken - began)}", flush=True)
    assert first is not None  # a file without frames is refused by the reader
    if known is not None and len(known) != predictions.n_frames:
        raise ValueError(f"{UNUSABLE}{Path(path).name} holds {predictions.n_frames} frames, but {len(known)} are told of: write it anew")
    origins = known if known is not None else predictions.own_origins()
    found, kept, composition = predictions.result()
    mine = origins.select(kept)
    groups = by_composition(found, mine, composition, predictions.compositions) if len(predictions.compositions) > 1 else []
    document: dict[str, Any] = {
        **in_time(found, mine).as_dict(), **({"groups": groups} if groups else {}),
        "per_trajectory": by_trajectory(found, mine), "per_temperature": by_temperature(found, mine), "worst": worst(found, mine),
        "not_finite": _bad(origins, kept),
        "model": Path(model).name, "model_form": potential.facts.form, "frames": Path(path).name,
        **cost(potential, first, n_cost, warm_up),
        "program": "zif-evaluate", "version": __version__, "versions": machine.versions("torch", "nequip", "nequip-allegro", "vesin"),
        "host": socket.gethostname(), "device": potential.device, "device_name": machine.device_name(potential.device),
        "threads": machine.threads(), "wall_s": round(time.perf_counter() - began, 3),
    }  # fmt: skip
    return document, predictions.arrays(mine)


def progress(done: int, total: int | None, seconds: float) -> str:
    """Return how far it is, and how long it still takes at the speed so far."""
    if total is None:
        return f"{done} frames in {seconds:.0f} s"
    return f"{done} of {total} frames in {seconds:.0f} s, {max(0, total - done) * seconds / max(1, done):.0f} s left"


def _bad(origins: Origins, kept: NDArray[np.intp]) -> dict[str, Any]:
    """Return how many frames the model gave no number for, and which: the first of them."""
    lost = np.setdiff1d(np.arange(len(origins)), kept)
    named = [{"trajectory": int(origins.trajectory[k]), "step": int(origins.step[k])} for k in lost[:10]]
    return {"n": len(lost), "frames": named}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; return 0, or 1 with one sentence on standard error."""
    parser = argparse.ArgumentParser(prog="zif-evaluate", description="Errors of a model on labelled frames, and the cost of a call.")
    parser.add_argument("model", help="compiled (.nequip.pt2), packaged (.nequip.zip) or legacy (.pth)")
    parser.add_argument("frames", help="extended xyz with energy, forces and, if any, stress; eV, Å")
    parser.add_argument("--output", required=True, help="JSON document to write")
    parser.add_argument("--predictions", help="npz file of the predictions frame by frame (default: beside the document)")
    parser.add_argument("--labels", metavar="FILE", help="where each frame came from: lines of trajectory, step and temperature in K")
    parser.add_argument("--cost-calls", type=int, default=COST_CALLS, metavar="N", help=f"calls to time (default {COST_CALLS})")
    parser.add_argument("--warm-up", type=int, default=WARM_UP, metavar="N", help=f"calls before that (default {WARM_UP})")
    given = parser.parse_args(arguments)
    machine.prepare()
    warnings.showwarning = lambda message, *_: print(f"zif-evaluate: warning: {message}", file=sys.stderr, flush=True)
    try:
        if given.cost_calls < 1 or given.warm_up < 0:
            raise ValueError(f"{given.cost_calls} calls after {given.warm_up} were asked: at least 1 call must be timed, after 0 or more")
        document, arrays = evaluate(given.model, given.frames, given.cost_calls, given.warm_up, given.labels)
        output = Path(given.output)
        np.savez_compressed(given.predictions or output.with_name(output.stem + "_predictions.npz"), **arrays)  # type: ignore[arg-type]
        output.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")
    except (ValueError, OSError, ArithmeticError) as error:
        print(f"zif-evaluate: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    print(f"zif-evaluate: {json.dumps({key: value for key, value in document.items() if not isinstance(value, dict | list)})}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
