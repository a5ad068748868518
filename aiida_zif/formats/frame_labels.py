# SPDX-License-Identifier: MIT
"""Where the frames of an extended XYZ file came from, as a text file beside it: a line of trajectory, step and temperature each.

Trajectories are numbers and not uuids: equal frames, drawn in another profile, give an equal file.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from aiida_zif.science.breakdown import Origins

HEADER = "# trajectory step temperature_k\n"


def render(origins: Origins) -> str:
    """Return the text, frames in their order; a temperature that was not measured is ``nan``."""
    rows = zip(origins.trajectory.tolist(), origins.step.tolist(), origins.temperature.tolist(), strict=True)
    return HEADER + "".join(f"{trajectory} {step} {temperature:.6g}\n" for trajectory, step, temperature in rows)


def read(path: str | Path) -> Origins:
    """Return what ``render`` wrote. Raises ``ValueError`` with one sentence for anything else."""
    text = Path(path).read_text(encoding="utf-8")
    try:
        if not text.startswith(HEADER) or not text.endswith("\n"):
            raise ValueError("its first line is another, or its last is cut")
        rows = [line.split() for line in text[len(HEADER) :].splitlines()]
        columns: list[tuple[str, ...]] = list(zip(*rows, strict=True)) if rows else [(), (), ()]
        trajectory, step, temperature = columns
        return Origins(np.array(trajectory, dtype=np.int64), np.array(step, dtype=np.int64), np.array(temperature, dtype=float))
    except (ValueError, TypeError) as problem:
        raise ValueError(
            f"{Path(path).name} does not tell where frames came from ({problem}); its lines hold trajectory, step, K"
        ) from None
