# SPDX-License-Identifier: MIT
"""Is a model a potential? Forces are the derivative of its energy, the virial that by strain, and symmetries leave it as it is.

Everything is measured on a function of positions, cell and types, whatever computes it. The tolerances are those of single precision,
whose numbers are 2⁻²³ of themselves apart: they lie above what the sums of a network lose by rounding, and far below what a model
errs by (some 0.5 meV/atom, 10 meV/Å, 10 MPa for good ones). A model in double precision has to meet the same.

- energy: an atom's own energy (some −200 eV of a pseudopotential) is rounded, all of them perhaps to the same side, plus 0.02 meV/atom
  for the network behind it;
- forces: 1 meV/Å, and 10⁻⁴ of the largest, which are differences of pair terms much larger than they;
- stress: 5·10⁻⁶ eV/Å³ (0.8 MPa), and 10⁻³ of the largest component, for the same reason;
- derivatives: the noise of the energy over the step, and 10⁻³ of the value. The five-point formula errs by step⁴, less than either.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

EPSILON = 2.0**-23
"""Distance of neighbouring numbers of single precision around 1."""
ENERGY_FLOOR, FORCE_FLOOR, STRESS_FLOOR = 2e-5, 1e-3, 5e-6
"""eV/atom, eV/Å and eV/Å³: allowed whatever the size of the numbers."""
FORCE_SHARE, STRESS_SHARE, DERIVATIVE_SHARE = 1e-4, 1e-3, 1e-3
"""Of the largest component, and of a derivative itself."""
COMPRESSION = 0.99
"""Lengths by which a frame is scaled before it is strained: its pressure is then far from zero, and a wrong sign cannot hide."""
STRAIN_STEP, DISPLACEMENT_STEP = 5e-3, 5e-3
"""Of the five-point formula, as a strain and in Å."""
MOST_FRAMES = 4
"""How many frames of one composition are looked at."""

Array = NDArray[np.float64]
Evaluate = Callable[[Array, Array, NDArray[np.int64]], tuple[float, Array, Array]]
"""Positions ``(n, 3)`` Cartesian Å, cell ``(3, 3)`` with vectors as rows Å, types ``(n,)`` → energy eV, forces ``(n, 3)`` eV/Å, virial
``(3, 3)`` eV, pressure positive."""


@dataclass(frozen=True, eq=False)
class Configuration:
    """Atoms in a periodic cell."""

    positions: Array
    """``(n_atoms, 3)``, Cartesian, Å."""
    cell: Array
    """``(3, 3)``, vectors as rows, Å."""
    types: NDArray[np.int64]
    """``(n_atoms,)``, which atoms are equal."""

    @property
    def volume(self) -> float:
        """Å³."""
        return float(abs(np.linalg.det(self.cell)))

    def strained(self, strain: Array) -> Configuration:
        """Return the configuration under the homogeneous symmetric ``strain`` ``(3, 3)``."""
        deformation = np.eye(3) + strain
        return Configuration(self.positions @ deformation, self.cell @ deformation, self.types)

    def ask(self, evaluate: Evaluate) -> Answer:
        """Return what ``evaluate`` gives for it."""
        return Answer(*evaluate(self.positions, self.cell, self.types))


@dataclass(frozen=True, eq=False)
class Answer:
    """What a model says of a configuration."""

    energy: float
    """Of the whole cell, eV."""
    forces: Array
    """``(n_atoms, 3)``, Cartesian, eV/Å."""
    virial: Array
    """``(3, 3)``, eV, pressure positive."""

    @property
    def energy_allowed(self) -> float:
        """By how much two energies of this size may differ, eV/atom."""
        return ENERGY_FLOOR + 2 * EPSILON * abs(self.energy) / len(self.forces)

    @property
    def force_allowed(self) -> float:
        """By how much two force components may differ, eV/Å."""
        return max(FORCE_FLOOR, FORCE_SHARE * float(np.abs(self.forces).max()))

    def noise(self, step: float) -> float:
        """Return by how much a derivative of the energy over ``step`` may be off: the errors of the atoms add up like random ones."""
        return self.energy_allowed * float(np.sqrt(len(self.forces))) / step


@dataclass(frozen=True)
class Check:
    """One number against what is allowed."""

    name: str
    found: float
    """The largest deviation."""
    allowed: float
    unit: str

    @property
    def passed(self) -> bool:
        """Whether it is allowed; what is not a number is not."""
        return self.found <= self.allowed

    @property
    def sentence(self) -> str:
        """What was found, for people."""
        return f"{self.name} off by {self.found:.2g} {self.unit}, {'within' if self.passed else 'above'} the {self.allowed:.2g} allowed"


def compare(what: str, expected: Answer, found: Answer, volume: float) -> list[Check]:
    """Return energy, forces and stress of one answer against those of another, named after ``what``."""
    n_atoms = len(expected.forces)
    stress = float(np.abs(expected.virial).max()) / volume
    return [
        Check(f"energy {what}", abs(found.energy - expected.energy) / n_atoms, expected.energy_allowed, "eV/atom"),
        Check(f"forces {what}", _largest(found.forces - expected.forces), expected.force_allowed, "eV/Å"),
        Check(
            f"stress {what}", _largest(found.virial - expected.virial) / volume, max(STRESS_FLOOR, STRESS_SHARE * stress), "eV/Å³"
        ),
    ]  # fmt: skip


def inspect(evaluate: Evaluate, given: Configuration, seed: int = 0) -> list[Check]:
    """Return every check that needs one model only; ``seed`` draws directions and the order of equal atoms.

    It takes 17 calls of it. Whatever ``evaluate`` raises passes through.
    """
    rng = np.random.default_rng(seed)
    answer = given.ask(evaluate)
    return [
        *_symmetries(evaluate, given, answer, rng),
        Check("net force", _largest(answer.forces.sum(axis=0)), answer.force_allowed * float(np.sqrt(len(answer.forces))), "eV/Å"),
        _work(evaluate, given, answer, rng),
        *_strains(evaluate, given),
    ]


def _symmetries(evaluate: Evaluate, given: Configuration, answer: Answer, rng: np.random.Generator) -> list[Check]:
    """Translation with jumps by whole cells, rotation of everything, and equal atoms in another order."""
    positions, cell, types = given.positions, given.cell, given.types
    images = rng.integers(-1, 2, positions.shape) @ cell
    moved = Configuration(positions + np.array([0.917, -1.301, 0.533]) + images, cell, types).ask(evaluate)
    turn = rotation(np.array([1.0, 2.0, 3.0]), 1.0)
    turned = Configuration(positions @ turn.T, cell @ turn.T, types).ask(evaluate)
    order = np.arange(len(types))
    for kind in np.unique(types):
        order[types == kind] = rng.permutation(order[types == kind])
    exchanged = Configuration(positions[order], cell, types).ask(evaluate)
    back = np.argsort(order)
    return [
        *compare("after a translation", answer, moved, given.volume),
        *compare("after a rotation", Answer(answer.energy, answer.forces @ turn.T, turn @ answer.virial @ turn.T), turned, given.volume),
        *compare(
            "with equal atoms exchanged", answer, Answer(exchanged.energy, exchanged.forces[back], exchanged.virial), given.volume
        ),
    ]  # fmt: skip


def _work(evaluate: Evaluate, given: Configuration, answer: Answer, rng: np.random.Generator) -> Check:
    """−dE along a random displacement of all atoms, none against its force, against the forces."""
    # every component does work of the same sign, so that an error of all of them cannot cancel
    direction = np.abs(rng.standard_normal(given.positions.shape)) * np.where(answer.forces < 0, -1.0, 1.0)

    def energy(step: float) -> float:
        return Configuration(given.positions + step * direction, given.cell, given.types).ask(evaluate).energy

    slope, expected = -_derivative(energy, DISPLACEMENT_STEP), float((answer.forces * direction).sum())
    allowed = answer.noise(DISPLACEMENT_STEP) + DERIVATIVE_SHARE * abs(expected)
    return Check("work of the forces against the energy", abs(slope - expected), allowed, "eV/Å")


def _strains(evaluate: Evaluate, given: Configuration) -> list[Check]:
    """−dE by strain against the virial, of the compressed frame: of the volume, which is its trace, and of a shear with all the rest."""
    compressed = given.strained((COMPRESSION - 1) * np.eye(3))
    answer = compressed.ask(evaluate)
    shear = np.array([[0.7, 0.3, -0.5], [0.3, -0.2, 0.6], [-0.5, 0.6, -0.5]])
    found = []
    for name, strain in (("trace of the virial against −dE/dV", np.eye(3)), ("virial against −dE by shear", shear)):

        def energy(step: float, strain: Array = strain) -> float:
            return compressed.strained(step * strain).ask(evaluate).energy

        slope, expected = -_derivative(energy, STRAIN_STEP), float((answer.virial * strain).sum())
        # by the size of the virial, not of the sum, whose terms cancel
        allowed = answer.noise(STRAIN_STEP) + DERIVATIVE_SHARE * float(np.abs(answer.virial * strain).sum())
        found.append(Check(name, abs(slope - expected), allowed, "eV"))
    return found


def rotation(axis: Array, angle: float) -> Array:
    """Return the ``(3, 3)`` matrix that turns column vectors by ``angle`` about ``axis`` (Rodrigues)."""
    x, y, z = axis / np.linalg.norm(axis)
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    turned: Array = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return turned


def spread(n_frames: int, most: int = MOST_FRAMES) -> NDArray[np.intp]:
    """Return the indices of at most ``most`` of ``n_frames`` frames, from the first to the last."""
    return np.unique(np.linspace(0, n_frames - 1, min(n_frames, most)).round().astype(np.intp))


def worst(checks: list[Check]) -> dict[str, Check]:
    """Return, by name, the check that comes nearest to its limit or exceeds it most."""
    # max takes the first of what it cannot order, so a number that is none has to be the largest
    share = {id(check): np.nan_to_num(check.found / check.allowed, nan=np.inf) for check in checks}
    names = dict.fromkeys(check.name for check in checks)
    return {name: max((check for check in checks if check.name == name), key=lambda check: share[id(check)]) for name in names}


def _derivative(function: Callable[[float], float], step: float) -> float:
    """Return the derivative at zero by the five-point formula (Abramowitz and Stegun 25.3.6)."""
    one, two = (function(k * step) - function(-k * step) for k in (1, 2))
    return (8 * one - two) / (12 * step)


def _largest(values: Array) -> float:
    """Return the largest absolute value, NaN where there is one."""
    return float(np.abs(values).max())
