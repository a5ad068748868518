# SPDX-License-Identifier: MIT
"""Did it melt? What did not exchange its neighbours at the highest temperature is a quenched solid, not a glass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_zif.science import neighbours
from aiida_zif.science.coordination import CUTOFF
from aiida_zif.science.frames import Frames
from aiida_zif.science.melt_evidence import Evidence, barrier_of, mobilities, zinc_series
from aiida_zif.science.statistics import Estimate, mean_with_error
from aiida_zif.science.topology import Topology

CONSECUTIVE = 2
"""Frames in a row, the last ones of the plateau, in which a new neighbour has to be there: one may be a passing visit."""
SIGMAS = 2.0
"""A slope counts where it is more than so many errors above its threshold."""


@dataclass(frozen=True)
class Criteria:
    """When it is molten: all of these. A threshold that is ``None`` decides nothing; its evidence is told all the same."""

    min_exchanged_share: float | None = 0.1
    """Of the Zn, those that hold an N at the end that was not theirs in the crystal."""
    max_coordination: float | None = 3.9
    """Mean Zn–N coordination number over the plateau."""
    min_under_coordinated_share: float | None = 0.1
    """Of the Zn, those with fewer than four N, mean over the plateau."""
    min_barrier_occupation: float | None = 0.03
    """N per Zn in the barrier region, mean over the plateau: on the way from one Zn to the other."""
    min_zinc_slope_angstrom2_per_ps: float | None = 0.02
    """Slope of the mean squared displacement of Zn. That of a solid is 0, but over few ps slow vibrations look like a slope: ZIF-4 at
    600 K has 0.02 over 2 ps."""
    min_linker_slope_angstrom2_per_ps: float | None = 0.02
    """The same of the centres of mass of the linkers."""
    barrier_from_angstrom: float = 2.5
    """The barrier region: from behind the first well of the Zn–N potential of mean force …"""
    barrier_to_angstrom: float = 3.5
    """… to before the second, where the other N of the bonded linkers stand (4.2 Å)."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            wrong = isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value) or value < 0
            if wrong and not (value is None and field.name not in NEEDED):
                raise ValueError(f"{field.name} is {value!r}, but must be a number, 0 or more{'' if field.name in NEEDED else ', or null'}")
        if not self.barrier_from_angstrom < self.barrier_to_angstrom:
            raise ValueError(f"the barrier region goes from {self.barrier_from_angstrom} to {self.barrier_to_angstrom} Å, but must grow")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Criteria:
        """Return the criteria of plain values. Raises ``ValueError`` with one sentence for a key or a value that cannot be."""
        known = [field.name for field in fields(cls)]
        if unknown := sorted(set(values) - set(known)):
            raise ValueError(f"the melt criteria have no {unknown[0]}; allowed are {', '.join(known)}")
        return cls(**values)


NEEDED = ("barrier_from_angstrom", "barrier_to_angstrom")


@dataclass(frozen=True)
class Finding:
    """One criterion: what was seen, what was asked, and whether it is met."""

    value: float | None
    """``None`` where it could not be measured."""
    error: float | None
    """Standard error, where there is one."""
    threshold: float | None
    """``None``: it decides nothing."""
    met: bool | None
    """``None`` where it decides nothing."""
    sentence: str


@dataclass(frozen=True)
class MeltVerdict:
    """What the plateau at the highest temperature says."""

    exchanged_share: float
    """Share of the Zn that hold an N at the end which was not theirs in the crystal, 0 to 1."""
    coordination_at_tmax: Estimate
    """Zn–N coordination number over the plateau."""
    new_pairs: tuple[tuple[int, int], ...]
    """Indices (Zn, N) of the neighbours gained, ascending."""
    molten: bool
    """Every criterion that has a threshold is met."""
    sentence: str
    """The verdict for people."""
    findings: dict[str, Finding]
    """By criterion."""
    molten_ps: float | None
    """How long, to the end, the share of exchanged Zn was never below its threshold; ``None`` without one, or without times."""
    pmf_barrier_kj_mol: float | None
    """Height of the barrier between the wells of the Zn–N potential of mean force; ``None`` where no N was ever seen on it."""


def judge(
    before: Frames,
    melt: Frames,
    temperature_k: float,
    criteria: Criteria | None = None,
    topology: Topology | None = None,
    cutoff: float = CUTOFF,
) -> tuple[MeltVerdict, Evidence]:
    """Return whether the solid of ``before`` (one frame or more) has melted by the end of ``melt``, and the evidence in time.

    ``melt`` is the plateau at ``temperature_k``, unwrapped. A Zn has exchanged a neighbour where an N stands nearer than ``cutoff`` Å in
    each of the last two frames and in no frame of ``before``. ``topology`` names the linkers; without it their motion is not measured.

    Raises ``ValueError`` without a frame before, with fewer than two frames of the plateau, or where the atoms differ.
    """
    wanted = criteria or Criteria()
    if not len(before) or len(melt) < CONSECUTIVE:
        raise ValueError(
            f"{len(before)} frames before and {len(melt)} of the plateau were given; a melt verdict needs one before and two of the plateau"
        )
    if before.species != melt.species:
        raise ValueError("the plateau has other atoms, or another order of atoms, than the frames before it; give parts of one run")
    known = {pair for k in range(len(before)) for pair in _pairs(before, k, cutoff)}
    region = (wanted.barrier_from_angstrom, wanted.barrier_to_angstrom)
    series, new = zinc_series(melt, known, cutoff, region)
    zinc, linker, no_motion = mobilities(melt, topology)
    height, pmf = barrier_of(melt, temperature_k, region)
    n_zinc = melt.species.count("Zn")
    around = mean_with_error(series["coordination"])
    findings = {
        "exchange": _at_least(
            len({z for z, _ in new}) / n_zinc, None, wanted.min_exchanged_share,
            f"{len({z for z, _ in new})} of {n_zinc} Zn gained a new N neighbour", "{:.0%} of the Zn",
        ),
        "coordination": _at_most(around, wanted.max_coordination, f"the Zn–N coordination is {around.mean:.2f}"),
    }  # fmt: skip
    few, on_barrier = mean_with_error(series["under_coordinated"]), mean_with_error(series["barrier"])
    findings["under_coordination"] = _at_least(
        few.mean, few.error, wanted.min_under_coordinated_share, f"{few.mean:.0%} of the Zn have fewer than four N", "{:.0%}"
    )
    findings["barrier"] = _at_least(
        on_barrier.mean, on_barrier.error, wanted.min_barrier_occupation, f"{on_barrier.mean:.3f} N per Zn are on the barrier", "{:g}"
    )
    for name, motion, threshold, who in (
        ("zinc_motion", zinc, wanted.min_zinc_slope_angstrom2_per_ps, "Zn"),
        ("linker_motion", linker, wanted.min_linker_slope_angstrom2_per_ps, "linkers"),
    ):
        findings[name] = _moves(motion.slope if motion else None, threshold, who, no_motion)
    molten = all(one.met is not False for one in findings.values()) and any(one.met for one in findings.values())
    verdict = MeltVerdict(
        findings["exchange"].value or 0.0, around, tuple(sorted(new)), molten, _sentence(temperature_k, findings, molten), findings,
        _since(series["exchanged"], melt.times, wanted.min_exchanged_share), height,
    )  # fmt: skip
    return verdict, Evidence(times_ps=melt.times, series=series, zinc=zinc, linker=linker, pmf=pmf, thresholds=asdict(wanted))


def _pairs(frames: Frames, k: int, cutoff: float) -> set[tuple[int, int]]:
    zinc, nitrogen = frames.indices_of("Zn"), frames.indices_of("N")
    i, j, _ = neighbours.between(frames.positions[k][zinc], frames.positions[k][nitrogen], frames.cells[k], cutoff)
    return set(zip(zinc[i].tolist(), nitrogen[j].tolist(), strict=True))


def _at_least(value: float, error: float | None, threshold: float | None, words: str, form: str) -> Finding:
    met = None if threshold is None else value >= threshold
    known = error if error is not None and isfinite(error) else None
    return Finding(value, known, threshold, met, words + ("" if threshold is None else f" (a melt has at least {form.format(threshold)})"))


def _at_most(found: Estimate, threshold: float | None, words: str) -> Finding:
    met = None if threshold is None else found.mean <= threshold
    known = found.error if isfinite(found.error) else None
    return Finding(found.mean, known, threshold, met, words + ("" if threshold is None else f" (a melt has at most {threshold:g})"))


def _moves(slope: Estimate | None, threshold: float | None, who: str, why_not: str) -> Finding:
    """A motion that could not be measured meets no threshold: a run too short to tell is not said to be a melt by it."""
    met: bool | None
    if slope is None or not isfinite(slope.error):
        met = None if threshold is None else False
        return Finding(None, None, threshold, met, f"the motion of {who} was not measured: {why_not or 'one of them has no error'}")
    met = None if threshold is None else slope.mean - SIGMAS * slope.error > threshold
    words = f"the displacement of {who} grows by {slope.mean:.3f} ± {slope.error:.3f} Å²/ps"
    return Finding(
        slope.mean, slope.error, threshold, met, words + ("" if threshold is None else f" (a melt: by {threshold:g} and {SIGMAS:g} errors)")
    )


def _sentence(temperature_k: float, findings: Mapping[str, Finding], molten: bool) -> str:
    """Return the verdict: of a melt what it has, of a solid what it lacks first."""
    against = [one.sentence for one in findings.values() if one.met is False]
    speaking = [one.sentence.partition(" (a melt")[0] for one in findings.values() if one.met]
    if molten:
        return f"molten: at {temperature_k:.0f} K " + ", ".join(speaking)
    rest = f"; but {', '.join(speaking)}" if speaking else ""
    return f"quenched solid, not molten: at {temperature_k:.0f} K {', '.join(against) or 'no criterion has a threshold'}{rest}"


def _since(exchanged: NDArray[np.float64], times: NDArray[np.float64] | None, threshold: float | None) -> float | None:
    if threshold is None or times is None:
        return None
    below = np.flatnonzero(exchanged < threshold)
    first = int(below[-1]) + 1 if len(below) else 0
    return float(times[-1] - times[first]) if first < len(times) else 0.0
