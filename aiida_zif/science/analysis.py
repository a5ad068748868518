# SPDX-License-Identifier: MIT
"""The whole structural analysis of a crystal or a glass, frame by frame, with no more in memory than a chunk of frames.

Averages over frames have standard errors that know of their autocorrelation (``statistics.mean_with_error``), curves those of ``PARTS``
consecutive parts of the run. What cannot be said is not a number but a sentence, under ``missing``.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_zif.science import angles, coordination, findings, linkers, msd, pores, rdf, rings
from aiida_zif.science.frames import Frames
from aiida_zif.science.statistics import mean_with_error
from aiida_zif.science.units import AMU_PER_CUBIC_ANGSTROM_IN_G_PER_CM3

PARTS = 10
"""Consecutive parts of the run by which the errors of curves are judged."""
PATH_BYTES = 64 << 20
"""Of the paths kept for the displacements."""

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Plan:
    """What to analyse and how. Raises ``ValueError`` for a number that makes no sense."""

    zn_n_cutoff_angstrom: float = coordination.CUTOFF
    """Node and N are neighbours below this; 2.5 Å is the first minimum of g(r). aMOF takes 2.895 Å."""
    zn_n_unique: bool = False
    """In the coordination number an N counts for its nearest node only, as in aMOF."""
    rdf_max_angstrom: float = 10.0
    rdf_bins: int = 500
    pmf_bins: int = 100
    """Bins of the potential of mean force, whose barrier is that of its emptiest bin."""
    angle_bins: int = 180
    ring_depth: int = 32
    ring_frames: int = 100
    """Frames, evenly spread, in which rings are counted; 0 for none."""
    pore_frames: int = 100
    scattering_frames: int = 20
    scattering_max_angstrom: float = 20.0
    scattering_bins: int = 1000
    msd_frames: int = 1000
    consecutive: int = 2
    """Frames in a row in which a linker must be broken to count as broken."""
    temperature_k: float | None = None
    """For potentials of mean force; that of the frames where they carry one."""
    framework: str = "ZIF-4"
    """Network template, see ``templates.yaml``."""

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            least = 0 if one.name.endswith("_frames") else 1 if one.type == "int" else 0.0
            if one.type == "int" and (isinstance(value, bool) or int(value) != value or value < least):
                raise ValueError(f"{one.name} is {value!r}; give a whole number of {least} or more")
            if one.type == "bool" and value not in (True, False):
                raise ValueError(f"{one.name} is {value!r}; give true or false")
            if one.type in ("float", "float | None") and value is not None and not (np.isfinite(value) and value > 0):
                raise ValueError(f"{one.name} is {value!r}; give a positive number")


def plan_of(given: dict[str, Any]) -> Plan:
    """Return the plan of a mapping. Raises ``ValueError`` for a key that there is not, or a number that makes no sense."""
    known = {one.name for one in fields(Plan)}
    if unknown := sorted(set(given) - known):
        raise ValueError(f"the analysis knows no {', '.join(unknown)}; it knows {', '.join(sorted(known))}")
    return Plan(**given)


@dataclass(frozen=True)
class Result:
    """What was found."""

    summary: dict[str, Any]
    """Numbers, plain Python; ``missing`` holds the sentences on what could not be said."""
    curves: dict[str, tuple[FloatArray, str]]
    """By name, values and unit."""


@dataclass(eq=False)
class _Series:
    """One number per frame, or per chosen frame."""

    density: list[float] = field(default_factory=list)
    coordination: list[float] = field(default_factory=list)
    angle: list[float] = field(default_factory=list)
    rings: list[dict[int, float]] = field(default_factory=list)
    pores: list[pores.Pores] = field(default_factory=list)
    checks: list[linkers.FrameCheck] = field(default_factory=list)
    volumes: list[float] = field(default_factory=list)
    temperatures: list[float] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)


class Analysis:
    """Frames go in by :meth:`add`, chunk after chunk; :meth:`result` ends it."""

    def __init__(self, topology: linkers.Topology, masses: FloatArray, n_frames: int, plan: Plan) -> None:
        """``masses`` ``(n_atoms,)``, amu; ``n_frames`` that will come, by which those for rings and pores are spread.

        Raises ``ValueError`` without a frame.
        """
        if n_frames < 1:
            raise ValueError("an analysis needs one frame or more; none was given")
        self.topology, self.masses, self.plan, self.n_frames = topology, np.asarray(masses, dtype=float), plan, n_frames
        species, node = topology.species, topology.node
        self._node, self._parts, self._seen, self._series = node, min(PARTS, n_frames), 0, _Series()
        reach, parts = plan.rdf_max_angstrom, self._parts
        self._pairs = {
            "zn_n": rdf.Pairs(species, node, "N", reach, plan.rdf_bins, parts),
            "zn_zn": rdf.Pairs(species, node, node, reach, plan.rdf_bins, parts),
        }
        self._force = rdf.Pairs(species, node, "N", reach, plan.pmf_bins, parts)
        elements, far, bins = sorted(set(species)), plan.scattering_max_angstrom, plan.scattering_bins
        self._all = {(a, b): rdf.Pairs(species, a, b, far, bins) for k, a in enumerate(elements) for b in elements[k:]}
        self._rings, self._pores, self._far = (
            set(_spread(n_frames, wanted)) for wanted in (plan.ring_frames, plan.pore_frames, plan.scattering_frames)
        )
        self._histogram = np.zeros((self._parts, plan.angle_bins))
        self._coordination: dict[int, int] = {}
        self._angles = np.zeros(3)  # their number, sum and sum of squares
        kept = np.flatnonzero(np.isin(np.array(species), [node, "N"]))
        stride = max(-(-n_frames // max(1, plan.msd_frames)), -(-n_frames * len(kept) * 24 // PATH_BYTES))
        self._paths = msd.Paths(kept, self.masses, stride)
        self._path_species = [species[k] for k in kept]
        self._path_frames: list[int] = []
        self._followed = plan.msd_frames > 0 and n_frames > 1

    def add(self, frames: Frames) -> None:
        """Analyse some frames, those that come next. Raises ``ValueError`` for other atoms, or more frames than were announced."""
        if frames.species != self.topology.species:
            raise ValueError("the frames have other atoms, or another order of atoms, than the reference; give that of the same run")
        if self._seen + len(frames) > self.n_frames:
            raise ValueError(f"{self.n_frames} frames were announced and more came")
        for name in ("times", "steps", "temperatures"):
            if (values := getattr(frames, name)) is not None:
                getattr(self._series, name).extend(values.tolist())
        for k in range(len(frames)):
            self._add(frames.positions[k], frames.cells[k])

    def _add(self, positions: FloatArray, cell: FloatArray) -> None:
        plan, series, species = self.plan, self._series, self.topology.species
        part = self._seen * self._parts // self.n_frames
        volume = float(abs(np.linalg.det(cell)))
        series.volumes.append(volume)
        series.density.append(float(self.masses.sum()) * AMU_PER_CUBIC_ANGSTROM_IN_G_PER_CM3 / volume)
        for counted in (*self._pairs.values(), self._force):
            counted.add(positions, cell, part)
        around = coordination.counts(species, positions, cell, self._node, "N", plan.zn_n_cutoff_angstrom, plan.zn_n_unique)
        series.coordination.append(float(around.mean()))
        for number, times in zip(*np.unique(around, return_counts=True), strict=True):
            self._coordination[int(number)] = self._coordination.get(int(number), 0) + int(times)
        bend = angles.frame_angles(species, positions, cell, "N", self._node, "N", plan.zn_n_cutoff_angstrom)
        self._histogram[part] += np.histogram(bend, bins=plan.angle_bins, range=(0.0, 180.0))[0]
        if len(bend):
            series.angle.append(float(bend.mean()))
            self._angles += len(bend), bend.sum(), (bend**2).sum()
        series.checks.append(linkers.check(self.topology, positions, cell))
        if self._seen in self._rings:
            series.rings.append(rings.primitive_rings(self.topology, positions, cell, plan.zn_n_cutoff_angstrom, plan.ring_depth).per_cell)
        if self._seen in self._pores and pores.available():
            series.pores.append(pores.pore_volume(species, positions, cell, self.masses))
        if self._seen in self._far:
            for counted in self._all.values():
                counted.add(positions, cell)
        if self._followed and self._paths.add(positions, cell):
            self._path_frames.append(self._seen)
        self._seen += 1

    def result(self) -> Result:
        """Return what was found. Raises ``ValueError`` where fewer frames came than were announced."""
        if self._seen != self.n_frames:
            raise ValueError(f"{self.n_frames} frames were announced, but {self._seen} came")
        plan, series = self.plan, self._series
        missing: dict[str, str] = {}
        whole = linkers.judge(series.checks, self.topology.n_linkers, plan.consecutive, self._all_of("steps"), self._all_of("temperatures"))
        near = {name: counted.result() for name, counted in self._pairs.items()}
        n_angles, total, squares = self._angles
        angle = total / n_angles if n_angles else float("nan")
        n_zinc = self.topology.species.count(self._node)
        ring_sizes = sorted({size for one in series.rings for size in one})
        ring = {size: mean_with_error([one.get(size, 0.0) for one in series.rings]) for size in ring_sizes}
        summary: dict[str, Any] = {
            "frames": self.n_frames,
            "density_g_per_cm3": asdict(mean_with_error(series.density)),
            "zn_n_coordination": asdict(mean_with_error(series.coordination)),
            "zn_n_coordination_histogram": {
                number: times / (n_zinc * self.n_frames) for number, times in sorted(self._coordination.items())
            },
            "zn_n_cutoff_angstrom": plan.zn_n_cutoff_angstrom,
            "zn_n_unique": plan.zn_n_unique,
            "zn_n_first_peak_angstrom": float(near["zn_n"].r[np.argmax(near["zn_n"].g)]),
            "n_zn_n_angle_deg": {
                "mean": angle,
                "std": float(np.sqrt(max(0.0, squares / n_angles - angle**2))) if n_angles else float("nan"),
                "error": mean_with_error(series.angle).error if series.angle else float("nan"),
            },
            "linkers": {
                "n": whole.n_linkers, "whole": whole.whole, "intact_share_end": float(whole.intact_share[-1]),
                "intact_share_min": float(whole.intact_share.min()), "transients": whole.transients,
                "shortest_distance_angstrom": whole.shortest_distance, "breaks": [asdict(one) for one in whole.breaks],
                "kinds": {kind: self.topology.linker_kinds.count(kind) for kind in sorted(set(self.topology.linker_kinds))},
            },
            "rings_per_cell": {
                size: {**asdict(found), "std": float(np.std([one.get(size, 0.0) for one in series.rings]))} for size, found in ring.items()
            },
            "rings_per_node": {size: {"mean": found.mean / n_zinc, "error": found.error / n_zinc} for size, found in ring.items()},
            "ring_depth": plan.ring_depth,
            "ring_frames": len(series.rings),
        }  # fmt: skip
        width = 180.0 / plan.angle_bins
        degrees = (np.arange(plan.angle_bins) + 0.5) * width
        counts = self._histogram.sum(axis=1, keepdims=True)
        density = self._histogram.sum(axis=0) / (max(1.0, counts.sum()) * width)
        parts = self._histogram[counts[:, 0] > 0] / (counts[counts[:, 0] > 0] * width)
        curves: dict[str, tuple[FloatArray, str]] = {
            "r": (near["zn_n"].r, "angstrom"), "n_zn_n": (near["zn_n"].running_coordination, ""),
            "angle": (degrees, "degree"), "angle_density": (density, "1/degree"),
            "angle_density_error": (rdf.spread_of_parts(parts) if len(parts) else np.full(plan.angle_bins, np.nan), "1/degree"),
            "coordination": (np.array(series.coordination), ""), "intact_share": (whole.intact_share, ""),
            "density": (np.array(series.density), "g/cm3"), "volume": (np.array(series.volumes), "angstrom^3"),
        }  # fmt: skip
        for name, found in near.items():
            curves |= {f"g_{name}": (found.g, ""), f"g_{name}_error": (found.error, "")}
        for name, unit in (("times", "ps"), ("steps", "")):
            if (values := self._all_of(name)) is not None:
                curves[name] = (values, unit)
        temperature = plan.temperature_k or (float(np.mean(series.temperatures)) if series.temperatures else None)
        paths = None
        if self._followed:
            times = self._all_of("times")
            paths = self._paths.frames(self._path_species, None if times is None else times[self._path_frames])
        mean_volume = float(np.mean(series.volumes))
        for more in (
            findings.mean_force(self._force.result(), temperature, degrees, density),
            findings.pore_volume(series.pores, sorted(self._pores), plan.pore_frames),
            findings.displacement(paths, self._node, self.n_frames),
            findings.scattered(self.topology.species, mean_volume, self._all, plan.scattering_frames),
        ):
            summary |= more.summary
            curves |= more.curves
            missing |= more.missing
        summary["missing"] = missing
        return Result(summary, curves)

    def _all_of(self, name: str) -> NDArray[Any] | None:
        """Return what every frame carries, ``None`` where some do not."""
        values = getattr(self._series, name)
        return np.array(values) if len(values) == self.n_frames else None


def _spread(n_frames: int, wanted: int) -> list[int]:
    """Return the numbers of ``wanted`` frames, the first and the last among them."""
    return np.unique(np.linspace(0, n_frames - 1, min(n_frames, wanted)).astype(int)).tolist() if wanted else []
