# SPDX-License-Identifier: MIT
"""A loaded model against NequIP's own ASE calculator and against its own energy."""

from __future__ import annotations

import shutil
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import ase
import numpy as np
import pytest
from numpy.typing import NDArray

from aiida_zif.programs.machine import UnfitError
from aiida_zif.programs.potential import Potential, load

from .conftest import ARCHITECTURES

pytestmark = pytest.mark.filterwarnings("ignore:the model .* is a package:UserWarning")
PLACES = Callable[[str], Path]


def types(potential: Potential, atoms: ase.Atoms) -> NDArray[np.int64]:
    return np.array([potential.type_names.index(symbol) for symbol in atoms.symbols])


def evaluate(potential: Potential, atoms: ase.Atoms) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    return potential.evaluate(atoms.positions, np.array(atoms.cell), types(potential, atoms))


def assert_as_calculator(potential: Potential, package: Path, atoms: ase.Atoms) -> None:
    from nequip.integrations.ase import NequIPCalculator

    atoms = atoms.copy()
    atoms.calc = NequIPCalculator._from_saved_model(str(package), chemical_species_to_atom_type_map=True)
    forces, stress = atoms.get_forces(), atoms.get_stress(voigt=False)
    reference = atoms.calc.results["energies"].astype(np.float64).sum()
    energy, ours, virial = evaluate(potential, atoms)
    assert energy == pytest.approx(reference, abs=1e-5 * len(atoms) / 272)
    assert ours == pytest.approx(forces, abs=1e-4)
    assert np.trace(virial) / atoms.get_volume() == pytest.approx(-np.trace(stress), rel=1e-6)
    assert -virial / atoms.get_volume() == pytest.approx(stress, abs=1e-7)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_package_agrees_with_the_calculator(architecture: str, package: PLACES, crystal: ase.Atoms) -> None:
    """Energy, forces and stress of the packaged model are those of NequIP's ASE calculator, whatever cell the atoms lie in."""
    assert_as_calculator(load(package(architecture)), package(architecture), crystal)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_compiled_agrees_with_the_calculator_of_the_package(
    architecture: str, package: PLACES, compiled: PLACES, crystal: ase.Atoms
) -> None:
    """Compiled and with ghosts or shifts of ours, at 272 atoms: the same numbers as the uncompiled package."""
    potential = load(compiled(architecture))
    assert potential.facts.form == "compiled"
    assert_as_calculator(potential, package(architecture), crystal.repeat(2))
    assert_as_calculator(potential, package(architecture), crystal)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_virial_is_the_derivative_of_the_energy(architecture: str, package: PLACES, crystal: ase.Atoms) -> None:
    """−dE/dε of each strain component is the virial, by central differences: sign, order and unit."""
    potential = load(package(architecture))
    _, _, virial = evaluate(potential, crystal)
    step = 2e-3
    numerical = np.empty((3, 3))
    for a, b in np.ndindex(3, 3):
        energies = []
        for sign in (1, -1):
            strain = np.eye(3)
            strain[a, b] += sign * step
            strained = crystal.copy()
            strained.set_cell(np.array(crystal.cell) @ strain, scale_atoms=True)
            energies.append(evaluate(potential, strained)[0])
        numerical[a, b] = -(energies[0] - energies[1]) / (2 * step)
    assert virial == pytest.approx(virial.T, abs=2e-4)
    assert numerical == pytest.approx(virial, abs=3e-3 * np.abs(virial).max())


def test_forces_are_the_derivative_of_the_energy(package: PLACES, crystal: ase.Atoms) -> None:
    """−dE/dx of some coordinates is the force."""
    potential = load(package("allegro"))
    _, forces, _ = evaluate(potential, crystal)
    for atom, axis in ((0, 0), (7, 1), (33, 2)):
        energies = []
        for sign in (1, -1):
            moved = crystal.copy()
            moved.positions[atom, axis] += sign * 0.005
            energies.append(evaluate(potential, moved)[0])
        assert -(energies[0] - energies[1]) / 0.01 == pytest.approx(forces[atom, axis], abs=5e-3)


def test_atomic_energies_sum_to_the_energy_in_float64(package: PLACES, crystal: ase.Atoms) -> None:
    """The energy has no steps of float32's resolution at its size."""
    potential = load(package("allegro"))
    energy, _, _ = evaluate(potential, crystal)
    assert potential.atomic_energies.dtype == np.float64
    assert energy == potential.atomic_energies.sum()
    assert len(potential.atomic_energies) == len(crystal)


def test_package_warns_that_it_is_slow(package: PLACES) -> None:
    """Whoever runs a package is told what makes it fast."""
    with pytest.warns(UserWarning, match="nequip-compile"):
        load(package("nequip"))


def test_missing_model_is_named() -> None:
    """A file that is not there is named."""
    with pytest.raises(FileNotFoundError, match=r"there is no model file absent\.nequip\.pt2"):
        load("absent.nequip.pt2")


@pytest.mark.parametrize("name", ["model.ckpt", "model.zip", "model", "model.pt2"])
def test_unknown_suffix_is_refused(name: str) -> None:
    """The sentence says which suffixes there are."""
    with pytest.raises(ValueError, match=r"must end in \.nequip\.pt2"):
        load(name)


def test_model_for_another_machine_is_unfit(tmp_path: Path, compiled_for: Callable[..., Path]) -> None:
    """An instruction set that no processor here has is told from every other refusal, before torch opens the file."""
    with pytest.raises(UnfitError, match="a processor with SVE9, which this one lacks: compile the package again"):
        load(compiled_for(tmp_path, AOTI_CPU_ISA="SVE9"))


def test_compiled_file_that_torch_cannot_open_is_unfit(tmp_path: Path, compiled_for: Callable[..., Path]) -> None:
    """As that of another torch: compiled here, the package runs."""
    with pytest.raises(UnfitError, match="torch cannot open the model"):
        load(compiled_for(tmp_path, AOTI_CPU_ISA=""))


def test_package_of_another_nequip_is_refused_in_one_sentence(package: PLACES, tmp_path: Path) -> None:
    """Code that this nequip cannot read: both versions are named, and there is no traceback."""
    path = tmp_path / "old.nequip.zip"
    with zipfile.ZipFile(package("nequip")) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name.endswith("package_metadata.txt"):
                content = content.replace(b"nequip: 0.19.1", b"nequip: 1.4.0")
            target.writestr(name, content.replace(b"nequip.", b"neqxxx.") if name.endswith("_model.pkl") else content)
    with pytest.raises(ValueError, match=r"made by nequip 1\.4\.0, cannot be opened by nequip 0\.19\.1"):
        load(path)


def test_form_and_suffix_must_agree(package: PLACES, tmp_path: Path) -> None:
    """A package renamed to look compiled is found out before torch sees it."""
    shutil.copy(package("nequip"), tmp_path / "model.nequip.pt2")
    with pytest.raises(ValueError, match="in the form package"):
        load(tmp_path / "model.nequip.pt2")


def test_cut_model_is_refused(package: PLACES, tmp_path: Path) -> None:
    """A copy that broke off is no model."""
    path = tmp_path / "cut.nequip.zip"
    path.write_bytes(package("nequip").read_bytes()[:100_000])
    with pytest.raises(ValueError, match="no whole model file"):
        load(path)


def test_gpu_is_not_replaced_in_silence(package: PLACES, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked for a GPU where there is none, we stop."""
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("ZIF_DEVICE", "cuda")
    with pytest.raises(ValueError, match="torch sees none"):
        load(package("nequip"))
    with pytest.raises(ValueError, match="device abacus is not known"):
        load(package("nequip"), "abacus")


def test_numbers_that_are_none_are_refused(package: PLACES, crystal: ase.Atoms) -> None:
    """Positions from a run that blew up stop at the door."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        potential = load(package("nequip"))
    broken = crystal.copy()
    broken.positions[3, 1] = np.nan
    with pytest.raises(ValueError, match="blown up"):
        evaluate(potential, broken)
