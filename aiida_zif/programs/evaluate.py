# SPDX-License-Identifier: MIT
"""``zif-evaluate MODEL FRAMES.extxyz --output accuracy.json``: errors of a model on labelled frames, and what a call costs."""

from __future__ import annotations

import argparse
import json
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
from aiida_zif.programs import machine
from aiida_zif.programs.potential import Potential, load
from aiida_zif.science.accuracy import compare
from aiida_zif.science.frames import Frames, concatenate, to_voigt

COST_FRAMES = 20
"""Calls by which the cost is measured, unless told otherwise."""

_WARM_UP, _TREMBLE = 3, 0.005
"""Calls that are not counted, and the Å by which atoms move between those that are, as in one step of MD."""


def predict(potential: Potential, frames: Frames) -> Frames:
    """Return the frames with the model's energies, forces and stresses instead of the reference's.

    Raises ``ValueError`` where the model does not know an element.
    """
    types = types_of(potential, frames.species)
    energies = np.empty(len(frames))
    forces = np.empty_like(frames.positions)
    stresses = np.empty((len(frames), 6))
    for k, (positions, cell, volume) in enumerate(zip(frames.positions, frames.cells, frames.volumes, strict=True)):
        energies[k], forces[k], virial = potential.evaluate(positions, cell, types)
        stresses[k] = to_voigt(-virial / volume)
    return Frames(frames.species, frames.positions, frames.cells, energies=energies, forces=forces, stresses=stresses)


def types_of(potential: Potential, species: Sequence[str]) -> NDArray[np.int64]:
    """Return ``(n_atoms,)`` places in the model's type names. Raises ``ValueError`` where it does not know an element."""
    unknown = sorted(set(species) - set(potential.type_names))
    if unknown:
        raise ValueError(f"the model knows {' '.join(potential.type_names)}, and the frames contain {' '.join(unknown)}: use another model")
    return np.array([potential.type_names.index(symbol) for symbol in species], dtype=np.int64)


def cost_per_atom(potential: Potential, frames: Frames, n_calls: int) -> float:
    """Return the median wall time of a call with its neighbour list, µs per atom, on the first frame trembling as in MD."""
    types = types_of(potential, frames.species)
    rng = np.random.default_rng(0)
    taken = []
    for _ in range(n_calls + _WARM_UP):
        positions = frames.positions[0] + _TREMBLE * rng.standard_normal(frames.positions[0].shape)
        began = time.perf_counter()
        potential.evaluate(positions, frames.cells[0], types)
        taken.append(time.perf_counter() - began)
    return float(np.median(taken[_WARM_UP:])) / len(types) * 1e6


def by_composition(parts: Sequence[Frames]) -> list[Frames]:
    """Return one :class:`Frames` for each list of species, in the order of their first appearance."""
    groups: dict[tuple[str, ...], list[Frames]] = {}
    for part in parts:
        groups.setdefault(part.species, []).append(part)
    return [concatenate(group) for group in groups.values()]


def evaluate(model: str, path: str, n_cost: int) -> tuple[dict[str, Any], dict[str, NDArray[np.float64]]]:
    """Return the document for ``--output`` and the predicted arrays.

    With several compositions the errors stand under ``groups`` only: atoms and energies of different cells are not averaged.
    Raises ``ValueError`` or ``OSError`` with one sentence where model or frames cannot be used.
    """
    potential = load(model)
    read = extxyz.read(path)
    groups = by_composition([read] if isinstance(read, Frames) else read)
    if not groups:
        raise ValueError(f"the file {path} holds no frames: give labelled frames in the extended xyz format")
    began = time.perf_counter()
    predicted = [predict(potential, group) for group in groups]
    errors = [compare(reference, prediction).as_dict() for reference, prediction in zip(groups, predicted, strict=True)]
    document: dict[str, Any] = dict(errors[0]) if len(errors) == 1 else {"groups": errors, "n_frames": sum(map(len, groups))}
    document |= {
        "model": Path(model).name, "model_form": potential.facts.form, "frames": Path(path).name,
        "cost_us_per_atom": cost_per_atom(potential, groups[0], n_cost), "cost_n_atoms": len(groups[0].species),
        "program": "zif-evaluate", "version": __version__, "versions": machine.versions("torch", "nequip", "nequip-allegro", "vesin"),
        "host": socket.gethostname(), "device": potential.device, "threads": machine.threads(),
        "wall_s": round(time.perf_counter() - began, 3),
    }  # fmt: skip
    arrays = {}
    for number, prediction in enumerate(predicted):
        suffix = f"_{number}" if len(predicted) > 1 else ""
        for name in ("energies", "forces", "stresses"):
            arrays[name + suffix] = getattr(prediction, name)
    return document, arrays


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; return 0, or 1 with one sentence on standard error."""
    parser = argparse.ArgumentParser(prog="zif-evaluate", description="Errors of a model on labelled frames, and the cost of a call.")
    parser.add_argument("model", help="compiled (.nequip.pt2) or packaged (.nequip.zip)")
    parser.add_argument("frames", help="extended xyz with energy, forces and, if any, stress; eV, Å")
    parser.add_argument("--output", required=True, help="JSON document to write")
    parser.add_argument("--predictions", help="npz file of the predicted arrays (default: beside the document)")
    parser.add_argument("--cost-frames", type=int, default=COST_FRAMES, metavar="N", help=f"calls to time (default {COST_FRAMES})")
    given = parser.parse_args(arguments)
    machine.prepare()
    warnings.showwarning = lambda message, *_: print(f"zif-evaluate: warning: {message}", file=sys.stderr, flush=True)
    try:
        if given.cost_frames < 1:
            raise ValueError(f"--cost-frames is {given.cost_frames}: at least 1 call must be timed")
        document, arrays = evaluate(given.model, given.frames, given.cost_frames)
        output = Path(given.output)
        np.savez_compressed(given.predictions or output.with_name(output.stem + "_predictions.npz"), **arrays)
        output.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")
    except (ValueError, OSError, ArithmeticError) as error:
        print(f"zif-evaluate: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    print(f"zif-evaluate: {json.dumps({key: value for key, value in document.items() if not isinstance(value, dict | list)})}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
