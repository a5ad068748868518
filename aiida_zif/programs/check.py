# SPDX-License-Identifier: MIT
"""``zif-check PACKAGE COMPILED FRAMES.extxyz --output check.json``: is the compiled model the packaged one, and is it a potential?"""

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

from aiida_zif import __version__
from aiida_zif.formats import extxyz
from aiida_zif.programs import machine
from aiida_zif.programs.evaluate import cost
from aiida_zif.programs.potential import Potential, load
from aiida_zif.programs.predict import types_of
from aiida_zif.science import soundness
from aiida_zif.science.frames import Frames, concatenate
from aiida_zif.science.soundness import Answer, Check, Configuration

COST_CALLS, WARM_UP = 20, 3
"""Calls by which the cost is measured, unless told otherwise, and calls before those: to see that it is faster, not to compare models."""
FAILED = 2
"""Exit code where a check fails; 1 is for what cannot be checked."""


def checks_of(reference: Potential, candidate: Potential, frames: Frames) -> list[tuple[int, Check]]:
    """Return every check of frames spread over ``frames``, with the number of the frame."""
    found = []
    for number in soundness.spread(len(frames)):
        given = Configuration(frames.positions[number], frames.cells[number], types_of(reference, frames.species))
        expected, answer = (Answer(*model.evaluate(given.positions, given.cell, given.types)) for model in (reference, candidate))
        checks = soundness.compare("against the package", expected, answer, given.volume)
        found += [(int(number), check) for check in (*checks, *soundness.inspect(candidate.evaluate, given))]
    return found


def by_composition(parts: Sequence[Frames]) -> list[Frames]:
    """Return one :class:`Frames` for each list of species, in the order of their first appearance."""
    groups: dict[tuple[str, ...], list[Frames]] = {}
    for part in parts:
        groups.setdefault(part.species, []).append(part)
    return [concatenate(group) for group in groups.values()]


def check(package: str, compiled: str, path: str, n_cost: int) -> dict[str, Any]:
    """Return the document for ``--output``.

    Raises ``ValueError`` or ``OSError`` with one sentence where models or frames cannot be used.
    """
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that a package is slow is why it was compiled
        reference = load(package)
        candidate = load(compiled)
    if reference.type_names != candidate.type_names:
        raise ValueError(
            f"{compiled} knows {' '.join(candidate.type_names)} and {package} knows {' '.join(reference.type_names)}: "
            "the one was not made from the other"
        )
    groups = by_composition(extxyz.read_groups(path))
    found = [one for group in groups for one in checks_of(reference, candidate, group)]
    frame_of = {id(one): number for number, one in found}
    worst = soundness.worst([one for _, one in found])
    return {
        "passed": all(one.passed for one in worst.values()),
        "failures": [one.sentence for one in worst.values() if not one.passed],
        "checks": {
            name: {"found": one.found, "allowed": one.allowed, "unit": one.unit, "passed": one.passed, "frame": frame_of[id(one)]}
            for name, one in worst.items()
        },
        "n_frames": sum(len(soundness.spread(len(group))) for group in groups), "n_compositions": len(groups),
        "form": candidate.facts.form, **cost(candidate, groups[0], n_cost, WARM_UP),
        "package_cost_us_per_atom": cost(reference, groups[0], n_cost, WARM_UP)["cost_us_per_atom"],
        "program": "zif-check", "version": __version__, "versions": machine.versions("torch", "nequip", "nequip-allegro", "vesin"),
        "host": socket.gethostname(), "device": candidate.device, "threads": machine.threads(),
        "wall_s": round(time.perf_counter() - began, 3),
    }  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; return 0, 2 where a check fails, or 1 with one sentence on standard error."""
    parser = argparse.ArgumentParser(prog="zif-check", description="Is a compiled model the packaged one, and is it a potential?")
    parser.add_argument("package", help="what it was compiled from (.nequip.zip)")
    parser.add_argument("compiled", help="compiled for LAMMPS' pair styles (.nequip.pt2) or ML-IAP (.nequip.lmp.pt)")
    parser.add_argument("frames", help="extended xyz with a few frames of each composition; labels are not needed")
    parser.add_argument("--output", required=True, help="JSON document to write")
    parser.add_argument("--cost-calls", type=int, default=COST_CALLS, metavar="N", help=f"calls to time (default {COST_CALLS})")
    given = parser.parse_args(arguments)
    machine.prepare()
    try:
        if given.cost_calls < 1:
            raise ValueError(f"--cost-calls is {given.cost_calls}: at least 1 call must be timed")
        document = check(given.package, given.compiled, given.frames, given.cost_calls)
        Path(given.output).write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")
    except (ValueError, OSError, ArithmeticError) as error:
        print(f"zif-check: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    for name, one in document["checks"].items():
        print(f"zif-check: {'ok' if one['passed'] else 'FAILED':<7}{name}: {one['found']:.3g} of {one['allowed']:.3g} {one['unit']}")
    return 0 if document["passed"] else FAILED


if __name__ == "__main__":
    sys.exit(main())
