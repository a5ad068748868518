# SPDX-License-Identifier: MIT
"""What a molecular dynamics run is to do: stages one after another in one job, as frozen dataclasses of plain values."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import accumulate
from math import isfinite
from typing import Any

import numpy as np

from aiida_zif.formats import lammps_deform

KINDS: dict[str, tuple[str, ...]] = {
    "minimise": (),
    "hold": ("temperature_k",),
    "ramp": ("start_k", "stop_k"),
    "deform": ("temperature_k",),
    "npt": ("temperature_k",),
}
"""The kinds of stages, and the temperatures that each needs; ``npt`` may have those of ``ramp`` instead."""

_OWN: dict[str, tuple[str, ...]] = {
    "minimise": ("energy_tolerance", "force_tolerance", "pressure_gpa", "couple"),
    "hold": (),
    "ramp": (),
    "deform": ("scale", "volume_factor", "strain"),
    "npt": ("pressure_gpa", "couple"),
}
THERMOSTATS = ("nose-hoover", "langevin")
LATER = ("dump_forces", "thermostat")
"""Settings that came later: where they are not used, a run is the same node as before."""
_COUPLES = ("iso", "aniso", "tri")
_LABEL = re.compile(r"[A-Za-z0-9_]{1,40}")
_HOTTEST_K = 20000.0


@dataclass(frozen=True)
class Stage:
    """One stage. A field that its kind does not know stays ``None``. Raises ``ValueError`` with one sentence for what cannot be."""

    kind: str
    """``minimise``, ``hold`` (NVT), ``ramp`` (NVT, linear in the step), ``deform`` (NVT, the cell scaled or strained), ``npt``
    (at one temperature, or a ramp)."""
    label: str
    """Name of the stage in log, analysis and restart: letters, digits and ``_``; each once in a run."""
    steps: int
    """MD steps; of ``minimise`` the most iterations, which the step counter passes over as a whole."""
    temperature_k: float | None = None
    """Set point of ``hold``, ``deform``, ``npt``, K."""
    start_k: float | None = None
    """``ramp``, or ``npt`` that is one: set point at its first step, K."""
    stop_k: float | None = None
    """The same at its last step, K."""
    scale: float | Sequence[float] | None = None
    """``deform``: factor of the three cell vectors, or one for each, from first to last step; positions follow affinely."""
    volume_factor: float | None = None
    """``deform``: the same as a factor of the volume."""
    strain: Sequence[float] | None = None
    """``deform``: six components of the strain ε, xx yy zz yz xz xy, along LAMMPS's axes (a along x, b in xy): the cell becomes 1 + ε
    times itself. One of the three is given."""
    pressure_gpa: float | None = None
    """``npt``: pressure, GPa (0 if not given). ``minimise``: if given, the cell is relaxed to it."""
    couple: str | None = None
    """``npt`` and ``minimise`` of the cell: ``iso``, ``aniso`` (three edges), ``tri`` (all six; the default)."""
    cells_every: int | None = None
    """Steps between rows of the cells file; ``None``: no rows."""
    dump_every: int | None = None
    """Steps between frames in this stage; ``None``: as in the run."""
    energy_tolerance: float | None = None
    """``minimise``: relative change of energy at which it is done (0 if not given)."""
    force_tolerance: float | None = None
    """``minimise``: norm of the forces at which it is done, eV/Å (0.001 if not given)."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"a stage is of kind {self.kind!r}, but it must be one of {', '.join(KINDS)}")
        if not isinstance(self.label, str) or not _LABEL.fullmatch(self.label):
            raise ValueError(f"the label {self.label!r} of a stage must be 1 to 40 letters, digits and underscores")
        where = f"stage {self.label!r}"
        _whole(self.steps, f"steps of {where}")
        for name in ("cells_every", "dump_every"):
            if getattr(self, name) is not None:
                _whole(getattr(self, name), f"{name} of {where}")
        ramping = self.kind == "npt" and self.temperature_k is None and (self.start_k is not None or self.stop_k is not None)
        needed, own = KINDS["ramp" if ramping else self.kind], _OWN[self.kind]
        for name in ("temperature_k", "start_k", "stop_k"):
            value = getattr(self, name)
            if (value is not None) != (name in needed):
                verb = "needs" if value is None else "has no"
                raise ValueError(f"{where} of kind {self.kind} {verb} {name}: its temperatures are {', '.join(needed) or 'none'}")
            if value is not None and not (_is_number(value) and 0 < value <= _HOTTEST_K):
                raise ValueError(f"{name} of {where} is {value!r} K, but it must lie between 0 and {_HOTTEST_K:.0f} K")
        for name in sorted({name for names in _OWN.values() for name in names} - set(own)):
            if getattr(self, name) is not None:
                raise ValueError(f"{where} of kind {self.kind} has no {name}: leave it out")
        for name in ("energy_tolerance", "force_tolerance", "pressure_gpa"):
            value = getattr(self, name)
            if value is not None and not (_is_number(value) and (name == "pressure_gpa" or value >= 0)):
                raise ValueError(
                    f"{name} of {where} is {value!r}, but it must be a number{'' if name == 'pressure_gpa' else ', 0 or more'}"
                )
        if self.couple is not None and self.couple not in _COUPLES:
            raise ValueError(f"couple of {where} is {self.couple!r}, but it must be one of {', '.join(_COUPLES)}")
        if self.kind == "deform":
            self._check_deform(where)

    def _check_deform(self, where: str) -> None:
        if [self.scale, self.volume_factor, self.strain].count(None) != 2:
            raise ValueError(f"{where} of kind deform needs either scale or volume_factor or strain, one of them")
        for name, n_numbers in (("scale", 3), ("strain", 6)):
            value = getattr(self, name)
            if isinstance(value, Sequence) and not isinstance(value, str):
                object.__setattr__(self, name, tuple(value))
                if len(value) != n_numbers or not all(map(_is_number, value)):
                    raise ValueError(f"{name} of {where} is {list(value)}, but it must be {n_numbers} numbers")
        if self.strain is not None and not isinstance(self.strain, tuple):
            raise ValueError(f"strain of {where} is {self.strain!r}, but it must be six numbers, xx yy zz yz xz xy")
        factors = self.factors if self.strain is None else tuple(float(x) for x in np.diag(lammps_deform.stretch(self.strain)))
        if not all(0.5 <= factor <= 2.0 for factor in factors):
            worst = max(factors, key=lambda factor: abs(math.log(factor)))
            raise ValueError(f"{where} scales the cell by {worst:.4g}, but a stage may scale it by 0.5 to 2 along each vector")

    @property
    def factors(self) -> tuple[float, float, float]:
        """Factors of the three cell vectors of a ``deform`` without a strain; 1 for any other kind."""
        value = self.scale if self.scale is not None else self.volume_factor
        if value is None:
            return 1.0, 1.0, 1.0
        each = tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else (value,) * 3
        for one in each:
            if not _is_number(one) or one <= 0:
                raise ValueError(f"stage {self.label!r} scales the cell by {one!r}, but a factor is a positive number")
        a, b, c = (float(one) if self.scale is not None else float(one) ** (1 / 3) for one in each)
        return a, b, c

    @property
    def temperatures(self) -> tuple[float, float]:
        """Set points at the first and last step, K. Raises ``ValueError`` for ``minimise``, which has none."""
        first, last = (self.start_k, self.stop_k) if self.temperature_k is None else (self.temperature_k, self.temperature_k)
        if first is None or last is None:
            raise ValueError(f"stage {self.label!r} of kind {self.kind} has no temperature")
        return float(first), float(last)

    def set_point(self, share: float) -> float:
        """Return the set point, K, when ``share`` (0 to 1) of the stage is done."""
        first, last = self.temperatures
        return first + (last - first) * share


@dataclass(frozen=True)
class MdRun:
    """All that decides a run besides structure and potential. Raises ``ValueError`` with one sentence for what cannot be."""

    stages: tuple[Stage, ...]
    """In order; what they leave is the start of the next."""
    timestep_fs: float = 0.5
    """fs."""
    seed: int = 1
    """Seed of the velocities."""
    thermo_every: int = 100
    """Steps between rows of the log."""
    dump_every: int = 200
    """Steps between frames."""
    restart_every: int = 1000
    """Steps between restart files, two in turn."""
    dump_velocities: bool = False
    """Whether frames hold velocities."""
    dump_forces: bool = False
    """Whether frames hold forces."""
    thermostat: str = "nose-hoover"
    """``nose-hoover``, or ``langevin`` for stiff cells, which no Nosé–Hoover bath thermalises: its barostat has
    a chain of five of its own, at the set point."""
    temperature_damping_fs: float = 50.0
    """Nosé–Hoover time of the temperature, fs."""
    pressure_damping_fs: float = 500.0
    """Nosé–Hoover time of the pressure, fs."""
    velocities: str = "create"
    """``create``: drawn by ``seed``; ``keep``: those of the structure."""
    velocity_factor: float = 2.0
    """Velocities are drawn at this multiple of the first set point: from a relaxed start half of it goes into the springs."""
    neighbour_skin: float = 1.0
    """Å."""
    hydrogen_mass_amu: float | None = None
    """Mass of hydrogen, amu; ``None``: its own. That of deuterium allows twice the time step, and no average of positions knows it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "stages", tuple(self.stages))
        if not self.stages or not all(isinstance(stage, Stage) for stage in self.stages):
            raise ValueError("a run needs at least one stage")
        labels = [stage.label for stage in self.stages]
        if repeated := sorted({label for label in labels if labels.count(label) > 1}):
            raise ValueError(f"the label {', '.join(repeated)} is used twice, but each stage has its own")
        for name in ("thermo_every", "dump_every", "restart_every"):
            _whole(getattr(self, name), name)
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 < self.seed < 2**31:
            raise ValueError(f"seed is {self.seed!r}, but LAMMPS takes a whole number from 1 to {2**31 - 1}")
        for name in ("dump_velocities", "dump_forces"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} is {getattr(self, name)!r}, but it must be true or false")
        if self.thermostat not in THERMOSTATS:
            raise ValueError(f"thermostat is {self.thermostat!r}, but it must be one of {', '.join(THERMOSTATS)}")
        for name in ("timestep_fs", "temperature_damping_fs", "pressure_damping_fs", "velocity_factor", "neighbour_skin"):
            value = getattr(self, name)
            if not _is_number(value) or value <= 0:
                raise ValueError(f"{name} is {value!r}, but it must be a positive number")
        if self.velocities not in ("create", "keep"):
            raise ValueError(f"velocities is {self.velocities!r}, but it must be 'create' or 'keep'")

        if self.hydrogen_mass_amu is not None and not (_is_number(self.hydrogen_mass_amu) and self.hydrogen_mass_amu > 0):
            raise ValueError(f"hydrogen_mass_amu is {self.hydrogen_mass_amu!r}, but it must be a positive number")

    @property
    def total_steps(self) -> int:
        """The last step of the run, counted from 0."""
        return sum(stage.steps for stage in self.stages)

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """First and last absolute step of each stage."""
        ends = list(accumulate(stage.steps for stage in self.stages))
        return tuple(zip([0, *ends[:-1]], ends, strict=True))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> MdRun:
        """Return the run of plain values, stages being mappings. Raises ``ValueError`` for a key that is not known."""
        _known(cls, values, "a run")
        stages = []
        for stage in values.get("stages", ()):
            if not isinstance(stage, Mapping):
                raise ValueError(f"a stage is given as {stage!r}, but it must be a mapping with kind, label and steps")
            _known(Stage, stage, f"stage {stage.get('label')!r}")
            if missing := [name for name in ("kind", "label", "steps") if name not in stage]:
                raise ValueError(f"stage {stage.get('label')!r} lacks {', '.join(missing)}: every stage has kind, label and steps")
            stages.append(Stage(**stage))
        return cls(**{**values, "stages": tuple(stages)})

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; what a stage does not know is left out."""
        stages = [{key: _plain(value) for key, value in asdict(stage).items() if value is not None} for stage in self.stages]
        own = {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name not in LATER or getattr(self, field.name) != field.default
        }
        return {**own, "stages": stages}


def _known(cls: type[Stage] | type[MdRun], values: Mapping[str, Any], what: str) -> None:
    known = [field.name for field in fields(cls)]
    if unknown := sorted(set(values) - set(known)):
        raise ValueError(f"{what} has no setting {', '.join(map(str, unknown))}: allowed are {', '.join(known)}")


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)


def _whole(value: Any, name: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} is {value!r}, but it must be a whole number, 1 or more")
