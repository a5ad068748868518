# SPDX-License-Identifier: MIT
"""What an AIMD run will cost: time, frames, bytes. Rough figures by method and atoms, or measured ones where there are any."""

from __future__ import annotations

from dataclasses import dataclass

ROUGH_CORE_S: dict[str, tuple[float, float]] = {
    "gfn1-xtb": (0.30, 1.55), "pbe-d3": (19.0, 1.0), "pbe-d3-dzvp": (8.7, 1.0), "pbe-d3-szv": (3.3, 1.0),
}  # fmt: skip
"""By method: core seconds of one step of 34 atoms, and the power of the number of atoms, from single runs of dia-Zn(Im)₂ and ZIF-4 on one
core of a desktop machine (272 atoms: GFN1-xTB 7.5 s, the published protocol 150 s)."""
ROUGH_ATOMS = 34
TEXT_BYTES_PER_ATOM = 201
"""Of one step in the folder of the job: positions, velocities and forces at 67 bytes."""
TEXT_BYTES_PER_STEP = 4600
"""Of one step: log, cell, stress, energies."""
STORED_BYTES_PER_ATOM = 72
"""Of one frame in the node: three arrays of three 8-byte numbers, hardly compressible."""
STORED_BYTES_PER_STEP = 160


@dataclass(frozen=True)
class Forecast:
    """What a number of steps costs."""

    steps: int
    core_s: float
    """Core seconds."""
    text_bytes: int
    """In the folders of the jobs, until they are removed."""
    stored_bytes: int
    """In the repository of the profile."""
    measured: bool
    """Whether the time comes from runs of this profile."""

    def __add__(self, other: Forecast) -> Forecast:
        return Forecast(
            self.steps + other.steps, self.core_s + other.core_s, self.text_bytes + other.text_bytes,
            self.stored_bytes + other.stored_bytes, self.measured and other.measured,
        )  # fmt: skip

    @property
    def sentence(self) -> str:
        """All of it, for people."""
        source = "measured in earlier runs of this profile" if self.measured else "a rough figure for one core of a desktop machine"
        return (
            f"{self.steps} steps and frames, {duration(self.core_s)} of core time ({source}), "
            f"{size(self.text_bytes)} of text where the jobs run, {size(self.stored_bytes)} in the repository"
        )


def forecast(method: str, n_atoms: int, steps: int, measured: tuple[float, int] | None = None) -> Forecast:
    """Return what ``steps`` of ``n_atoms`` cost; ``measured`` are core seconds of one step and the atoms that it had."""
    seconds, power = ROUGH_CORE_S[method]
    atoms = ROUGH_ATOMS
    if measured is not None:
        seconds, atoms = measured
    per_step = seconds * (n_atoms / atoms) ** power
    text = steps * (n_atoms * TEXT_BYTES_PER_ATOM + TEXT_BYTES_PER_STEP)
    stored = steps * (n_atoms * STORED_BYTES_PER_ATOM + STORED_BYTES_PER_STEP)
    return Forecast(steps, steps * per_step, text, stored, measured is not None)


def duration(seconds: float) -> str:
    """Return a time as a person would say it."""
    for unit, length in (("years", 365 * 86400.0), ("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} seconds"


def size(n_bytes: float) -> str:
    """Return a number of bytes as a person would say it."""
    for unit, length in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if n_bytes >= length:
            return f"{n_bytes / length:.1f} {unit}"
    return f"{n_bytes / 1e3:.0f} kB"
