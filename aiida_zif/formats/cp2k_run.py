# SPDX-License-Identifier: MIT
"""What a CP2K run is asked for: frozen, checked, made from a plain mapping; ``cp2k_input`` renders it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import numpy as np

from aiida_zif.formats.cp2k_method import method_of

HYDROGEN_MASS_AMU: float = 2.014101777
"""The mass of hydrogen in the published runs: that of deuterium, for the time step of 0.5 fs."""

STRESS_TENSORS: tuple[str, ...] = ("ANALYTICAL", "DIAGONAL_ANALYTICAL")
"""All six components, or, as in the published runs, the diagonal only."""

_T = TypeVar("_T", bound="_FromDict")


@dataclass(frozen=True)
class _FromDict:
    @classmethod
    def from_dict(cls: type[_T], values: Mapping[str, Any]) -> _T:
        """Return the run that ``values`` describe. Raises ``ValueError`` for an unknown key, a missing one or a wrong value."""
        known = [field.name for field in fields(cls)]
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise ValueError(f"{unknown[0]!r} is no setting of {cls.__name__}; choose from {', '.join(known)}")
        try:
            return cls(**values)
        except TypeError as error:
            raise ValueError(f"{cls.__name__} could not be made from {sorted(values)}: {error}") from error


@dataclass(frozen=True)
class Scf:
    """What may be changed when an SCF does not converge: none of it changes the potential-energy surface."""

    max_scf: int = 200
    """Steps of one SCF."""
    minimizer: str = "DIIS"
    """OT minimizer, DIIS or CG."""
    preconditioner: str = "FULL_SINGLE_INVERSE"
    """OT preconditioner."""
    outer_scf: int = 0
    """Outer SCF loops; 0 is none, as in the published runs."""


@dataclass(frozen=True)
class AimdRun(_FromDict):
    """One NVT run of Born–Oppenheimer MD. Raises ``ValueError`` with one sentence for a value that cannot be."""

    temperature_k: float
    """The thermostat's set point."""
    steps: int
    """The absolute step at which the run is done."""
    seed: int
    """Of CP2K's random numbers (velocities where none are given, thermostat)."""
    method: str = "gfn1-xtb"
    """One of ``METHODS``."""
    timestep_fs: float = 0.5
    thermostat_time_fs: float = 1000.0
    """Time constant of the CSVR thermostat; 1000 fs is the published one, short runs need 20 to 50 fs."""
    hydrogen_mass_amu: float = HYDROGEN_MASS_AMU
    walltime_s: float | None = None
    """CP2K ends by itself, cleanly, after this time."""
    stress_tensor: str = "ANALYTICAL"
    """One of ``STRESS_TENSORS``."""
    velocity_factor: float = 1.0
    """Velocities are drawn at this multiple of the temperature: from a relaxed start half of it goes into the springs."""
    heating_steps: int = 0
    """The first steps, with the thermostat's time constant ``heating_time_fs``: a start is no equilibrium."""
    heating_time_fs: float = 25.0
    """See ``heating_steps``."""
    equilibration_steps: int = 0
    """The first steps, heating included, which are not used: neither labelled, nor measured, nor drawn from."""
    first_step: int = 0
    """The step that the restart file holds; CP2K is asked for the remaining ``steps - first_step``."""
    last_step: int | None = None
    """The step at which this job ends; ``None``: ``steps``."""
    restart_every: int = 20
    """Steps between two restart files."""
    max_scf: int = 200
    minimizer: str = "DIIS"
    preconditioner: str = "FULL_SINGLE_INVERSE"
    outer_scf: int = 0
    slowest_step_s: float = 0.0
    """What the slowest step of the segment before took: the program stops three of them before the scheduler does."""

    def __post_init__(self) -> None:
        method_of(self.method)
        positive = (
            "temperature_k",
            "timestep_fs",
            "thermostat_time_fs",
            "velocity_factor",
            "hydrogen_mass_amu",
            "heating_time_fs",
            "restart_every",
            "max_scf",
        )
        for name in positive:
            check_positive(name, getattr(self, name))
        if self.walltime_s is not None:
            check_positive("walltime_s", self.walltime_s)
        if not 0 <= self.first_step < self.end <= self.steps:
            raise ValueError(f"a run from step {self.first_step} to step {self.end} has nothing to do; give steps > first_step >= 0")
        if not 0 <= self.equilibration_steps < self.steps:
            raise ValueError(f"equilibration_steps is {self.equilibration_steps}; give 0 or more, below the {self.steps} steps of the run")
        if not 0 <= self.heating_steps <= self.equilibration_steps:
            raise ValueError(
                f"heating_steps is {self.heating_steps}; give 0 to equilibration_steps, which is {self.equilibration_steps}: "
                "what is heated is not in equilibrium"
            )
        if self.stress_tensor not in STRESS_TENSORS:
            raise ValueError(f"stress_tensor is {self.stress_tensor!r}; choose from {', '.join(STRESS_TENSORS)}")
        if not 0 <= self.slowest_step_s < np.inf:
            raise ValueError(f"slowest_step_s is {self.slowest_step_s}; give a number, 0 or more")
        if not 1 <= self.seed < 2**31:
            raise ValueError(f"seed is {self.seed}, but CP2K takes whole numbers from 1 to 2147483647")

    @property
    def end(self) -> int:
        """The step at which this job ends: the heating has a job of its own, because its thermostat is another."""
        end = self.steps if self.last_step is None else self.last_step
        return min(end, self.heating_steps) if self.is_heating else end

    @property
    def is_heating(self) -> bool:
        """Whether this job is one of the heating."""
        return self.first_step < self.heating_steps

    @property
    def scf(self) -> Scf:
        """The settings of the SCF."""
        return Scf(self.max_scf, self.minimizer, self.preconditioner, self.outer_scf)


@dataclass(frozen=True)
class RelaxRun(_FromDict):
    """One relaxation at 0 K. Raises ``ValueError`` with one sentence for a value that cannot be."""

    method: str = "gfn1-xtb"
    """One of ``METHODS``."""
    cell: str = "fixed"
    """``fixed`` (GEO_OPT) or ``relaxed`` (CELL_OPT, all six degrees of freedom)."""
    optimizer: str = "LBFGS"
    """LBFGS, BFGS or CG."""
    max_steps: int = 300
    max_force_ev_per_angstrom: float = 0.02
    pressure_gpa: float = 0.0
    """The external pressure of a relaxed cell."""
    pressure_tolerance_gpa: float = 0.01
    eps_scf: float = 1e-6
    """Tighter than in MD: the last steps of a relaxation see the noise of the forces."""
    walltime_s: float | None = None

    def __post_init__(self) -> None:
        method_of(self.method)
        for name in ("max_steps", "max_force_ev_per_angstrom", "pressure_tolerance_gpa", "eps_scf"):
            check_positive(name, getattr(self, name))
        if self.walltime_s is not None:
            check_positive("walltime_s", self.walltime_s)
        for name, allowed in (("cell", ("fixed", "relaxed")), ("optimizer", ("LBFGS", "BFGS", "CG"))):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} is {getattr(self, name)!r}; choose from {', '.join(allowed)}")


def check_positive(name: str, value: float) -> None:
    """Raise ``ValueError`` unless ``value`` is a finite number above 0."""
    if not value > 0 or not np.isfinite(value):
        raise ValueError(f"{name} is {value}; give a number above 0")
