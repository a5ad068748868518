# SPDX-License-Identifier: MIT
"""Where does a model fail, and which configurations teach it most? Frames around a break, and those on which models disagree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_zif.science import linkers
from aiida_zif.science.frames import Frames
from aiida_zif.science.hazard import rate
from aiida_zif.science.topology import Topology, nearest_image
from aiida_zif.science.units import FS_IN_PS

FloatArray = NDArray[np.float64]
PS_IN_NS = 1e-3


@dataclass(frozen=True)
class Rule:
    """Which frames are picked. Raises ``ValueError`` with one sentence for what cannot be."""

    before: int = 6
    """Frames up to the one in which the first linker is broken, or before the run blew up."""
    after: int = 2
    """Frames from that one on: what a broken linker costs has to be learned, too."""
    max_frames: int = 60
    """Of all runs together, shared evenly."""
    min_rmsd_angstrom: float = 0.05
    """From every frame picked so far or before: nearer ones are nearly the same."""
    min_distance_angstrom: float = 0.65
    """Between any two atoms: of what overlaps more the reference has no sound label."""
    max_disagreement_ev_per_angstrom: float | None = None
    """Of an ensemble, on any atom: above, a frame is picked wherever it stands. ``None``: disagreement is not looked at."""

    def __post_init__(self) -> None:
        for name in ("before", "after", "max_frames"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} is {value!r}, but must be a whole number, 1 or more")
        for name in ("min_rmsd_angstrom", "min_distance_angstrom", "max_disagreement_ev_per_angstrom"):
            value = getattr(self, name)
            if value is None and name.startswith("max"):
                continue
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not (isfinite(value) and value >= 0):
                raise ValueError(f"{name} is {value!r}, but must be a number, 0 or more")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Rule:
        """Return the rule of plain values. Raises ``ValueError`` for a key that is not known."""
        known = [field.name for field in fields(cls)]
        if unknown := sorted(set(values) - set(known)):
            raise ValueError(f"frames are not picked by {', '.join(unknown)}: allowed are {', '.join(known)}")
        return cls(**values)


@dataclass(frozen=True)
class Survival:
    """How one run at the highest temperature went."""

    whole: bool
    """No linker broke, and the run reached its last step."""
    survived_ps: float
    """Time until the first break, until it blew up, or its length."""
    reason: str
    """What ended it, empty where nothing did."""
    linker: int | None
    """The first linker that broke."""
    step: int
    """Of the first broken frame, or the last one."""
    mean_temperature_k: float
    """Of the sound part after ``skip_ps``; NaN where there is none."""
    transients: int
    """Flags that did not last."""
    end: int
    """Number of sound frames: the index of the first broken one, or of all."""


@dataclass(frozen=True)
class Hazard:
    """Breaks per linker and nanosecond, with the interval that holds the true rate with 95 %."""

    events: int
    per_linker_ns: float
    low: float
    high: float


def survival(topology: Topology, frames: Frames, *, timestep_fs: float, blew_up: str | None = None, skip_ps: float = 0.0) -> Survival:
    """Return how a run went whose frames carry steps; ``blew_up`` says why it did not reach its last step, where it did not.

    Raises ``ValueError`` without steps or temperatures, and as ``linkers.watch``.
    """
    if frames.steps is None or frames.temperatures is None:
        raise ValueError("a run is judged by the steps and temperatures of its frames, which are not there")
    report = linkers.watch(topology, frames)
    first = report.breaks[0] if report.breaks else None
    end = first.frame if first else len(frames)
    last = min(end, len(frames) - 1)
    times = frames.steps * timestep_fs * FS_IN_PS
    sound = np.flatnonzero(times[:end] >= skip_ps)
    mean = float(frames.temperatures[sound].mean()) if len(sound) else float("nan")
    reason = f"linker {first.linker}: {first.reason}" if first else (blew_up or "")
    return Survival(
        whole=first is None and not blew_up, survived_ps=float(times[last]), reason=reason, linker=first.linker if first else None,
        step=int(frames.steps[last]), mean_temperature_k=mean, transients=report.transients, end=end,
    )  # fmt: skip


def hazard(runs: Sequence[Survival], n_linkers: int) -> Hazard:
    """Return the rate of breaks over ``runs``, with its exact interval: each counts once and is watched until then.

    Raises ``ValueError`` where nothing was watched.
    """
    watched = sum(run.survived_ps for run in runs) * n_linkers * PS_IN_NS
    if watched <= 0:
        raise ValueError("no linker was watched for any time, so that there is no rate of breaks")
    events = sum(not run.whole for run in runs)
    return Hazard(events, *rate(events, watched))


def pick(
    topology: Topology,
    runs: Sequence[tuple[Frames, Survival]],
    rule: Rule,
    known: FloatArray | None = None,
    disagreement: Sequence[FloatArray | None] | None = None,
) -> list[tuple[int, int]]:
    """Return ``(run, frame)`` of the frames to label, those around a break first, each run in its turn.

    ``known`` ``(n, n_atoms, 3)`` are positions picked before, Å; ``disagreement`` has for each run the largest of each frame, eV/Å, NaN
    where unknown. Taken is what overlaps nowhere and lies far enough from all that was taken.
    """
    queues = [_wanted(frames, run, rule, None if disagreement is None else disagreement[k]) for k, (frames, run) in enumerate(runs)]
    taken: list[tuple[int, int]] = []
    places: list[FloatArray] = [] if known is None else list(known)
    while any(queues) and len(taken) < rule.max_frames:
        for number, queue in enumerate(queues):
            frames = runs[number][0]
            while queue and len(taken) < rule.max_frames:
                frame = queue.pop(0)
                positions, cell = frames.positions[frame], frames.cells[frame]
                distance = linkers.check(topology, positions, cell).shortest_distance
                if not distance >= rule.min_distance_angstrom or _nearest(positions, cell, places) < rule.min_rmsd_angstrom:
                    continue
                places.append(positions)
                taken.append((number, frame))
                break
    return sorted(taken)


def _wanted(frames: Frames, run: Survival, rule: Rule, disagreement: FloatArray | None) -> list[int]:
    """Return the frames to ask for: around the break from the last sound one outwards, then those of most disagreement."""
    wanted = []
    if not run.whole:
        around = range(max(0, run.end - rule.before), min(len(frames), run.end + rule.after))
        wanted = sorted(around, key=lambda frame: (abs(frame - run.end), frame))
    if disagreement is not None and rule.max_disagreement_ev_per_angstrom is not None:
        sound = np.flatnonzero(np.nan_to_num(disagreement[: run.end], nan=0.0) > rule.max_disagreement_ev_per_angstrom)
        wanted += [int(frame) for frame in sound[np.argsort(-disagreement[sound], kind="stable")] if frame not in wanted]
    return wanted


def _nearest(positions: FloatArray, cell: FloatArray, places: Sequence[FloatArray]) -> float:
    """Return the root mean square displacement, Å, to the nearest of ``places``, a common shift left out."""
    if not places:
        return float("inf")
    apart = nearest_image((np.asarray(places) - positions).reshape(-1, 3), cell).reshape(len(places), -1, 3)
    apart = apart - apart.mean(axis=1, keepdims=True)
    return float(np.sqrt((apart**2).sum(axis=2).mean(axis=1)).min())
