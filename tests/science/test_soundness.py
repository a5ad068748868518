# SPDX-License-Identifier: MIT
"""Whether a model is a potential: a Lennard-Jones crystal is, and each way of not being one is caught."""

from __future__ import annotations

import zlib
from dataclasses import replace

import numpy as np
import pytest

from aiida_zif.science import soundness
from aiida_zif.science.soundness import Answer, Array, Check, Configuration, Evaluate

SIGMA, DEPTH, CUTOFF = 2.3, np.array([[0.10, 0.15], [0.15, 0.05]]), 5.0


def lennard_jones(positions: Array, cell: Array, types: np.ndarray) -> tuple[float, Array, Array]:
    """Two kinds of atoms, all images within a smooth cutoff; each atom has −200 eV of its own, as of a pseudopotential."""
    energy, forces, virial = -200.0 * len(types), np.zeros_like(positions), np.zeros((3, 3))
    wrapped = np.linalg.solve(cell.T, positions.T).T % 1.0 @ cell
    for shift in np.ndindex(3, 3, 3):
        vectors = wrapped[None] - wrapped[:, None] + (np.array(shift) - 1) @ cell
        r = np.linalg.norm(vectors, axis=-1)
        near = (r > 1e-9) & (r < CUTOFF)
        i, j = np.nonzero(near)
        x, vector = r[near], vectors[near]
        six = (SIGMA / x) ** 6
        well = DEPTH[types[i], types[j]] * 4
        # (1 − (r/rc)²)³ takes everything to zero at the cutoff, smoothly in its first two derivatives
        smooth, slope = (1 - (x / CUTOFF) ** 2) ** 3, -6 * x / CUTOFF**2 * (1 - (x / CUTOFF) ** 2) ** 2
        pair, pair_slope = well * (six**2 - six), well * (-12 * six**2 + 6 * six) / x
        pull = ((pair_slope * smooth + pair * slope) / x)[:, None] * vector
        energy += 0.5 * float((pair * smooth).sum())
        np.add.at(forces, i, pull)
        virial -= 0.5 * np.einsum("pa,pb->ab", vector, pull)
    return energy, forces, virial


@pytest.fixture(scope="module")
def crystal() -> Configuration:
    """A trembling crystal of 32 atoms in a cell with no right angle."""
    rng = np.random.default_rng(5)
    basis = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    cells = np.array(list(np.ndindex(2, 2, 2)))
    fractions = (basis[None] + cells[:, None]).reshape(-1, 3) / 2
    cell = np.array([[7.2, 0.0, 0.0], [0.6, 7.4, 0.0], [-0.4, 0.5, 7.6]])
    return Configuration(fractions @ cell + rng.normal(0, 0.06, (32, 3)), cell, rng.integers(0, 2, 32))


def failed(evaluate: Evaluate, crystal: Configuration) -> set[str]:
    return {check.name for check in soundness.inspect(evaluate, crystal) if not check.passed}


def test_lennard_jones_is_a_potential(crystal: Configuration) -> None:
    """Every check passes, in double precision by a wide margin but for the error of the five-point formula."""
    checks = soundness.inspect(lennard_jones, crystal)
    assert len(checks) == 13
    assert all(check.passed for check in checks), [check.sentence for check in checks]
    assert all(check.found < 1e-6 * check.allowed for check in checks if "after" in check.name or "exchanged" in check.name)
    assert all(check.found < 0.5 * check.allowed for check in checks)


def test_rounding_to_single_precision_is_allowed(crystal: Configuration) -> None:
    """An atom's energy, the forces and the virial rounded to float32 pass, with −200 eV per atom."""

    def rounded(positions: Array, cell: Array, types: np.ndarray) -> tuple[float, Array, Array]:
        energy, forces, virial = lennard_jones(positions, cell, types)
        rng = np.random.default_rng(zlib.crc32(positions.tobytes()))
        noise = rng.uniform(-0.5, 0.5, len(types)) * 200 * soundness.EPSILON
        return energy + float(noise.sum()), forces.astype(np.float32).astype(float), virial.astype(np.float32).astype(float)

    assert not failed(rounded, crystal)


def test_wrong_sign_of_the_virial_is_caught(crystal: Configuration) -> None:
    """Stress for pressure: both strains say so, and nothing else does."""

    def wrong(*given: np.ndarray) -> tuple[float, Array, Array]:
        energy, forces, virial = lennard_jones(*given)
        return energy, forces, -virial

    assert failed(wrong, crystal) == {"trace of the virial against −dE/dV", "virial against −dE by shear"}


def test_components_of_the_virial_in_a_wrong_order_are_caught(crystal: Configuration) -> None:
    """xz for xy: the trace is right, and the shear is not."""

    def wrong(*given: np.ndarray) -> tuple[float, Array, Array]:
        energy, forces, virial = lennard_jones(*given)
        swapped = virial.copy()
        swapped[0, 1] = swapped[1, 0] = virial[0, 2]
        swapped[0, 2] = swapped[2, 0] = virial[0, 1]
        return energy, forces, swapped

    found = failed(wrong, crystal)
    assert "virial against −dE by shear" in found
    assert "trace of the virial against −dE/dV" not in found


def test_direction_in_space_is_caught(crystal: Configuration) -> None:
    """A model that knows up from down, consistently: only the rotation tells."""
    field = 1e-3

    def wrong(positions: Array, cell: Array, types: np.ndarray) -> tuple[float, Array, Array]:
        energy, forces, virial = lennard_jones(positions, cell, types)
        # quadratic in the cell's first row along z: periodic, and a function of shape and direction of the cell alone
        gradient = np.zeros((3, 3))
        gradient[:, 2] = 2 * field * len(types) * cell[:, 2].sum() * np.ones(3)
        return energy + field * len(types) * cell[:, 2].sum() ** 2, forces, virial - (cell.T @ gradient + gradient.T @ cell) / 2

    found = failed(wrong, crystal)
    assert {"energy after a rotation", "stress after a rotation"} <= found
    assert not {name for name in found if "rotation" not in name}


def test_forces_that_are_no_derivative_are_caught(crystal: Configuration) -> None:
    """Forces of a network of their own, 2 % off: their work is not the change of the energy."""

    def wrong(positions: Array, cell: Array, types: np.ndarray) -> tuple[float, Array, Array]:
        energy, forces, virial = lennard_jones(positions, cell, types)
        return energy, 1.02 * forces, virial

    assert failed(wrong, crystal) == {"work of the forces against the energy"}


def test_drift_is_caught(crystal: Configuration) -> None:
    """Forces whose sum is not zero push the whole cell."""

    def wrong(*given: np.ndarray) -> tuple[float, Array, Array]:
        energy, forces, virial = lennard_jones(*given)
        return energy, forces + np.array([0.0, 5e-3, 0.0]), virial

    assert "net force" in failed(wrong, crystal)


def test_order_of_equal_atoms_is_caught(crystal: Configuration) -> None:
    """A model that remembers which atom came first."""

    def wrong(positions: Array, cell: Array, types: np.ndarray) -> tuple[float, Array, Array]:
        energy, forces, virial = lennard_jones(positions, cell, types)
        forces = forces.copy()
        forces[:2] += [[0.01, 0, 0], [-0.01, 0, 0]]
        return energy, forces, virial

    assert "forces with equal atoms exchanged" in failed(wrong, crystal)


def test_place_in_space_is_caught(crystal: Configuration) -> None:
    """A model that cuts at the wall of the cell instead of going through it."""

    def wrong(positions: Array, cell: Array, types: np.ndarray) -> tuple[float, Array, Array]:
        energy, forces, virial = lennard_jones(positions, cell, types)
        return energy + 0.01 * float((np.linalg.solve(cell.T, positions.T) > 0.5).sum()), forces, virial

    assert "energy after a translation" in failed(wrong, crystal)


def test_number_that_is_none_fails() -> None:
    """Not a number is never within a limit, and is the worst there is."""
    bad, good = Check("energy", float("nan"), 1.0, "eV"), Check("energy", 0.5, 1.0, "eV")
    assert not bad.passed
    assert soundness.worst([good, bad, good])["energy"] is bad


def test_agreement_says_by_how_much(crystal: Configuration) -> None:
    """Two answers: what is equal passes, and a sentence has the number and the limit."""
    answer = crystal.ask(lennard_jones)
    assert all(check.passed and check.found == 0 for check in soundness.compare("against itself", answer, answer, crystal.volume))
    off = replace(answer, forces=answer.forces + 0.1)
    energy, forces, stress = soundness.compare("against the package", answer, off, crystal.volume)
    assert energy.passed
    assert stress.passed
    assert forces.sentence == "forces against the package off by 0.1 eV/Å, above the 0.001 allowed"


def test_limits_follow_the_size_of_the_numbers() -> None:
    """−220 eV per atom may differ by 0.07 meV/atom, forces of 50 eV/Å by 5 meV/Å."""
    forces = np.zeros((272, 3))
    forces[3, 1] = -50.0
    answer = Answer(-220.894188 * 272, forces, np.zeros((3, 3)))
    assert answer.energy_allowed == pytest.approx(7.27e-5, rel=1e-2)
    assert answer.force_allowed == pytest.approx(5e-3)


@pytest.mark.parametrize(("n_frames", "chosen"), [(1, [0]), (3, [0, 1, 2]), (4, [0, 1, 2, 3]), (10, [0, 3, 6, 9])])
def test_frames_are_taken_from_the_whole_series(n_frames: int, chosen: list[int]) -> None:
    """At most four, the first and the last among them."""
    assert soundness.spread(n_frames).tolist() == chosen


def test_rotation_turns_properly() -> None:
    """Orthogonal, determinant one, the axis at rest."""
    axis = np.array([1.0, 2.0, 3.0])
    turn = soundness.rotation(axis, 1.0)
    assert turn @ turn.T == pytest.approx(np.eye(3), abs=1e-15)
    assert np.linalg.det(turn) == pytest.approx(1.0)
    assert turn @ axis == pytest.approx(axis)
