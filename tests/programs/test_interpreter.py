# SPDX-License-Identifier: MIT
"""A model inside LAMMPS: what an input may say, and that the numbers are the model's."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ase
import numpy as np
import pytest

from aiida_zif.programs import loaders
from aiida_zif.programs.interpreter import Interpreter, mass_limits
from aiida_zif.programs.lammps_script import ScriptError
from aiida_zif.programs.potential import load
from aiida_zif.science.units import EV_PER_CUBIC_ANGSTROM_IN_MPA

from .conftest import ARCHITECTURES, atoms_of
from .test_potential import evaluate

pytestmark = pytest.mark.filterwarnings("ignore:the model .* is a package:UserWarning")
BAR = EV_PER_CUBIC_ANGSTROM_IN_MPA * 10
HEADER, PLACES = Callable[..., str], Callable[[str], Path]
BUCK = "pair_coeff 2 2 buck 3.586257e+04 0.112638 0.0\npair_coeff 1 4 buck 7.379795e+06 0.112638 0.0\n"
NO_BUCK = "".join(f"pair_coeff {i} {j} buck 0.0 0.1 0.0\n" for i in range(1, 5) for j in range(i, 5) if (i, j) not in ((2, 2), (1, 4)))


@pytest.fixture(scope="module", autouse=True)
def opened_once() -> Iterator[None]:
    """Open each package once for all tests here; neighbour lists and everything else are new in each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(loaders.BY_FORM, "package", functools.cache(loaders.package))
        yield


def run(lammps: Any, text: str) -> Interpreter:
    interpreter = Interpreter(lammps)
    interpreter.run_text(text, "input")
    return interpreter


def thermo(lammps: Any, *names: str) -> list[float]:
    return [float(lammps.get_thermo(name)) for name in names]


def assert_is_model(lammps: Any, crystal: ase.Atoms, package: Path) -> None:
    """Energy and forces in LAMMPS are those of the model for what LAMMPS holds, evaluated afresh."""
    atoms = atoms_of(lammps, crystal)
    energy, forces, _ = evaluate(load(package), atoms)
    assert thermo(lammps, "pe")[0] == pytest.approx(energy, abs=2e-5)
    order = np.argsort(lammps.numpy.extract_atom("id")[: len(atoms)])
    assert lammps.numpy.extract_atom("f")[: len(atoms)][order] == pytest.approx(forces, abs=1e-4)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_energy_forces_and_pressure_are_the_models(
    architecture: str, lammps: Any, header: HEADER, crystal: ase.Atoms, package: PLACES
) -> None:
    """At rest LAMMPS shows the model's energy, forces and the six pressures, in bar, of its virial."""
    by_atom = "compute e all pe/atom\ncompute s all reduce sum c_e\nthermo_style custom step pe press c_s\n"
    run(lammps, header(architecture) + by_atom + "run 0")
    assert_is_model(lammps, crystal, package(architecture))
    atoms = atoms_of(lammps, crystal)
    _, _, virial = evaluate(load(package(architecture)), atoms)
    pressures = thermo(lammps, "pxx", "pyy", "pzz", "pxy", "pxz", "pyz")
    a, b = [0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]
    assert pressures == pytest.approx(virial[a, b] / atoms.get_volume() * BAR, rel=1e-4, abs=0.05)
    assert thermo(lammps, "press")[0] == pytest.approx(np.trace(virial) / 3 / atoms.get_volume() * BAR, rel=1e-6, abs=0.02)
    assert lammps.last_thermo()["c_s"] == pytest.approx(thermo(lammps, "pe")[0], abs=1e-6)


def test_pressure_is_the_derivative_of_the_energy(lammps: Any, header: HEADER) -> None:
    """−dE/dV by ``change_box`` equals the pressure that LAMMPS shows, also in hybrid/overlay."""
    run(lammps, header(style="hybrid/overlay nequip buck 3.0") + BUCK + NO_BUCK + "run 0")
    pressure, before = thermo(lammps, "press", "vol")
    energies, volumes = [], []
    interpreter = Interpreter(lammps)
    for scale in (1.001, 0.999 / 1.001):
        tilts = " ".join(f"{tilt} final $({tilt}*{scale})" for tilt in ("xy", "xz", "yz"))
        interpreter.execute(f"change_box all x scale {scale} y scale {scale} z scale {scale} {tilts} remap")
        interpreter.execute("run 0")
        energies += thermo(lammps, "pe")
        volumes += thermo(lammps, "vol")
    assert volumes[1] < before < volumes[0]
    assert -(energies[0] - energies[1]) / (volumes[0] - volumes[1]) * BAR == pytest.approx(pressure, rel=5e-3)


def test_energy_is_conserved(lammps: Any, header: HEADER) -> None:
    """NVE at 300 K: the total energy stays within 2 meV while the kinetic one moves by hundreds."""
    text = header() + "velocity all create 300 7 mom yes\nfix 1 all nve\nthermo_style custom step etotal ke\nrun 0\n"
    run(lammps, text)
    interpreter = Interpreter(lammps)
    totals, kinetic = [], []
    for _ in range(6):
        interpreter.execute("run 20")
        totals += thermo(lammps, "etotal")
        kinetic += thermo(lammps, "ke")
    assert np.ptp(totals) < 2e-3
    assert np.ptp(kinetic) > 0.1


def test_seeds_repeat_bit_for_bit(lammps: Any, header: HEADER) -> None:
    """The same input gives the same positions to the last bit, another seed others."""
    text = header() + "velocity all create 900 {seed} mom yes\nfix 1 all nvt temp 900 900 0.05\nrun 15\n"
    ends = []
    for seed in (5, 5, 6):
        run(lammps, "clear\n" + text.format(seed=seed))
        ends.append(lammps.numpy.extract_atom("x")[:34].copy())
    assert np.array_equal(ends[0], ends[1])
    assert not np.array_equal(ends[0], ends[2])


def test_overlay_adds_the_classical_style(lammps: Any, header: HEADER) -> None:
    """hybrid/overlay of model and wall gives the sum of both, the model's line wherever it stands."""
    energies = []
    wall = "pair_coeff * * buck 0.0 0.1 0.0\n" + BUCK
    alone = header().replace("pair_style nequip", "pair_style buck 3.0").split("pair_coeff")[0] + wall.replace("buck ", "")
    overlaid = header(style="hybrid/overlay nequip buck 3.0")
    head, model_line = overlaid.split("pair_coeff", 1)
    late = head + BUCK + NO_BUCK + "pair_coeff" + model_line
    for text in (header(), alone, overlaid + BUCK + NO_BUCK, late):
        run(lammps, "clear\n" + text + "run 0\n")
        energies += thermo(lammps, "pe")
    assert energies[1] > 1e-4
    assert energies[2] == pytest.approx(energies[0] + energies[1], abs=1e-6)
    assert energies[3] == pytest.approx(energies[2], abs=1e-9)


@pytest.mark.parametrize(
    "what",
    [
        "velocity all create 600 3\nfix 1 all npt temp 600 600 0.05 tri 0 0 0.05 flip no\nrun 25",
        "velocity all create 600 3\nfix 1 all nve\nfix 2 all deform 1 x scale 0.9 xy delta 1.0 y scale 1.1 remap x\nrun 20",
        "fix 1 all box/relax tri 0 vmax 0.01\nminimize 0 0 5 40",
        "minimize 0 0 10 40",
        "velocity all create 900 3\nfix 1 all nve\nrun 10\nset type 2 x 1.5\nrun 10\nrun 4 pre no",
    ],
    ids=["npt tri", "deform", "box/relax", "minimize", "several runs"],
)
def test_what_lammps_does_to_the_box_reaches_the_model(what: str, lammps: Any, header: HEADER, package: PLACES) -> None:
    """In any such run every energy and force is that of a fresh evaluation in the box of that step: no list was ever stale."""
    interpreter = run(lammps, header())
    assert interpreter.force is not None
    used, fresh = interpreter.force.potential, load(package("nequip"), skin=0.0)
    whole, calls = used.evaluate, []

    def remember(*arguments: Any) -> Any:
        calls.append((tuple(np.copy(argument) for argument in arguments), whole(*arguments)))
        return calls[-1][1]

    used.evaluate = remember  # type: ignore[method-assign]
    interpreter.run_text(what, "input")
    assert len(calls) > 5
    assert calls[-1][1][0] == pytest.approx(thermo(lammps, "pe")[0], abs=1e-9)
    for (positions, cell, types, periodic), (energy, forces, virial) in calls[::2]:
        again = fresh.evaluate(positions, cell, types, tuple(periodic))
        assert energy == pytest.approx(again[0], abs=1e-5)
        assert forces == pytest.approx(again[1], abs=1e-4)
        assert virial == pytest.approx(again[2], abs=1e-3)


def test_boundaries_that_are_open_have_no_images(lammps: Any, header: HEADER, crystal: ase.Atoms, package: PLACES) -> None:
    """With ``boundary p p f`` the model sees no neighbours through the third boundary."""
    text = header().replace("atom_style", "boundary p p f\natom_style")
    run(lammps, text + "change_box all z delta -20 20\nrun 0")
    open_energy = thermo(lammps, "pe")[0]
    atoms = atoms_of(lammps, crystal)
    model = load(package("nequip"))
    types = np.array([model.type_names.index(symbol) for symbol in atoms.symbols])
    energy, _, _ = model.evaluate(atoms.positions, np.array(atoms.cell), types, (True, True, False))
    assert open_energy == pytest.approx(energy, abs=2e-5)


def test_restart_goes_on_when_the_pair_lines_are_given_again(lammps: Any, header: HEADER) -> None:
    """A run cut in two by a restart file ends where the whole one does; without the pair lines it is refused."""
    text = header() + "velocity all create 600 3\nfix 1 all nve\nrun 10\nwrite_restart half.restart\nrun 10\n"
    run(lammps, text)
    whole = lammps.numpy.extract_atom("x")[:34].copy()
    pair = "\n".join(line for line in header().splitlines() if line.startswith("pair_"))
    run(lammps, f"clear\nnewton off\nread_restart half.restart\n{pair}\ntimestep 0.0005\nfix 1 all nve\nrun 20 upto")
    assert lammps.numpy.extract_atom("x")[:34] == pytest.approx(whole, abs=1e-5)
    with pytest.raises(ValueError, match="give the pair lines again"):
        run(lammps, "clear\nread_restart half.restart\nfix 1 all nve\nrun 5")


def test_variables_and_include_bring_the_pair_lines(lammps: Any, header: HEADER, package: PLACES, tmp_path: Path) -> None:
    """Style, file and types may come from variables, the lines from a file named by one, in a branch of an if."""
    head = header().split("pair_style")[0]
    (tmp_path / "potential.lmp").write_text("pair_style ${STYLE}\npair_coeff * * ${MODEL} ${first} H &\n  N Zn\n")
    variables = {"MODEL": package("nequip"), "STYLE": "nequip", "first": "C", "part": "potential"}
    text = "".join(f"variable {name} string {value}\n" for name, value in variables.items())
    run(lammps, text + head + 'if "${STYLE} == nequip" then "include ${part}.lmp" else "quit 4"\nrun 0')
    assert thermo(lammps, "pe")[0] < -1000


def test_other_styles_run_as_plain_lammps(lammps: Any, header: HEADER) -> None:
    """After a model, a classical pair style takes its place wholly."""
    interpreter = run(lammps, header() + "run 0\npair_style lj/cut 3.0\npair_coeff * * 0.0 1.0\nrun 0")
    assert thermo(lammps, "pe")[0] == 0
    assert interpreter.force is None


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("newton off", "newton on"), "needs newton off"),
        (("units metal", "units real"), "needs units metal"),
        (("C H N Zn", "C H N Cu"), "asks for Cu"),
        (("C H N Zn", "C H N"), "names 3 types"),
        (("pair_style nequip", "pair_style allegro"), "needs newton on"),
        (("newton off\natom_style atomic", "newton on\natom_style atomic\nvariable s index allegro"), "needs newton off"),
        (("tiny_nequip.nequip.zip", "absent.nequip.zip"), "there is no model file"),
        (("tiny_nequip.nequip.zip", "tiny_nequip.ckpt"), "unknown suffix"),
        (("tiny_nequip.nequip.zip", "tiny_allegro.nequip.zip"), "is for pair_style allegro"),
        (("pair_style nequip", "pair_style hybrid nequip buck 3.0"), "alone or in hybrid/overlay"),
        (("pair_style nequip", "fix 0 all setforce 0 0 0\npair_style nequip"), "give the pair lines first"),
        (("timestep 0.0005", "compute s all stress/atom NULL"), "virial per atom"),
        (("timestep 0.0005", 'run 5 every 1 "include x"'), "LAMMPS runs itself"),
        (("pair_coeff", "#"), "has no model yet"),
    ],
)
def test_what_cannot_be_done_is_refused(change: tuple[str, str], sentence: str, lammps: Any, header: HEADER) -> None:
    """One sentence before anything runs."""
    text = header().replace(*change)
    with pytest.raises((ValueError, OSError), match=sentence):
        run(lammps, text + "run 0")


def test_failure_of_the_model_ends_the_run(lammps: Any, header: HEADER, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception in the model stops LAMMPS at the next step and comes out again."""
    interpreter = run(lammps, header() + "fix 1 all nve\nrun 0")
    assert interpreter.force is not None
    whole = interpreter.force.potential.evaluate

    def fail_later(*arguments: Any) -> Any:
        if lammps.extract_global("ntimestep") > 3:
            raise FloatingPointError("not a number")
        return whole(*arguments)

    monkeypatch.setattr(interpreter.force.potential, "evaluate", fail_later)
    with pytest.raises(FloatingPointError, match="not a number"):
        interpreter.execute("run 1000")
    assert lammps.extract_global("ntimestep") < 10


@pytest.mark.parametrize(
    ("masses", "sentence"),
    [
        ("mass 3 65.38\nmass 4 14.007\n", "type 3 is called N and has the mass 65.38, type 4 is called Zn and has the mass 14.007"),
        ("mass 1 14.007\n", "type 1 is called C and has the mass 14.007"),
        ("mass 2 12.011\n", "type 2 is called H and has the mass 12.011"),
    ],
)
def test_types_in_another_order_are_refused(lammps: Any, header: HEADER, masses: str, sentence: str) -> None:
    """The mass of each type is that of its element, or the names stand in another order than the structure's types."""
    with pytest.raises(ScriptError, match=sentence):
        run(lammps, header() + masses + "run 0")


@pytest.mark.parametrize("masses", ["mass 2 2.014101777\n", "mass 2 3.0\n", "mass 1 13.0034\n", "mass 3 15.0001\n"])
def test_isotopes_are_the_element(lammps: Any, header: HEADER, masses: str) -> None:
    """Deuterium, as in the published AIMD, heavier hydrogen for a longer time step, carbon 13 and nitrogen 15."""
    assert run(lammps, header() + masses + "run 0").tally.calls == 1


def test_names_that_are_no_elements_may_have_any_mass() -> None:
    """A model may call its types as it likes."""
    assert mass_limits("linker") == (0.0, float("inf"))
