# SPDX-License-Identifier: MIT
"""A LAMMPS input with a model's pair lines on a LAMMPS that lacks its pair style; every other command is LAMMPS' own."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, ClassVar

from aiida_zif.formats.lammps_data import standard_masses
from aiida_zif.programs.control_flow import ControlFlow
from aiida_zif.programs.lammps_script import PLACEHOLDER, PairStyle, ScriptError, read_pair_coeff, read_pair_style, words
from aiida_zif.programs.model_force import FIX, ModelForce, Tally
from aiida_zif.programs.potential import Potential, load

EVALUATING = ("run", "minimize", "rerun", "neb", "prd", "tad", "hyper", "temper")
"""Commands that compute forces."""

PER_ATOM_VIRIAL = ("stress/atom", "centroid/stress/atom", "heat/flux")
"""Computes that need a virial per atom; neither pair style has one."""

OVERRIDING = ("setforce", "aveforce", "freeze", "rigid", "lineforce", "planeforce")
"""Fixes that replace or project forces: they must come after the model's."""

MASS_TOLERANCE = 1.0
"""u by which the mass of a type may lie off the element that it is called: C and N are 2 apart, isotopes of either 1."""
HYDROGEN = (0.9, 4.1)
"""u; deuterium, tritium and heavier hydrogen that allows a longer time step are hydrogen, too."""


def mass_limits(name: str) -> tuple[float, float]:
    """Return between which masses, u, an atom may be called ``name``: any where that is no element."""
    if name == "H":
        return HYDROGEN
    try:
        standard = standard_masses([name])[name]
    except ValueError:
        return 0.0, float("inf")
    return standard - MASS_TOLERANCE, standard + MASS_TOLERANCE


class Interpreter(ControlFlow):
    """Runs inputs on one LAMMPS instance, the model of their pair lines included."""

    def __init__(
        self, lammps: Any, *, on_note: Callable[[str], None] = lambda _: None, stopped: Callable[[], bool] = lambda: False
    ) -> None:
        """``on_note`` is told in one sentence what is worth knowing, ``stopped`` as in :class:`ControlFlow`."""
        super().__init__(lammps, stopped=stopped)
        self.force: ModelForce | None = None
        """The model in use."""
        self.tally = Tally()
        self._on_note = on_note
        self._style: PairStyle | None = None
        self._restarted = False
        self._per_atom_virial = ""
        self._overriding: dict[str, str] = {}

    def pass_on(self, command: str) -> None:
        """Let LAMMPS run ``command``, and raise what went wrong in the model meanwhile."""
        super().pass_on(command)
        if self.force is not None and self.force.failure is not None:
            raise self.force.failure

    def _pair_style(self, command: str) -> None:
        expanded = self.expand(command)
        self._style = read_pair_style(expanded)
        self._restarted = False
        if self._style is None:
            if self.lammps.has_id("fix", FIX):
                self.lammps.command(f"unfix {FIX}")
            self.force = None
            self.pass_on(command)
            return
        self.remark(expanded)
        self.pass_on(self._style.command)

    def _pair_coeff(self, command: str) -> None:
        expanded = self.expand(command)
        given = read_pair_coeff(expanded, self._style) if self._style else None
        if self._style is None or given is None:
            self.pass_on(command)
            return
        path, type_names = given
        self._check_input(self._style.model, type_names)
        potential = load(path)
        self._check_model(self._style.model, path, potential, type_names)
        self.remark(expanded)
        self.pass_on(f"pair_coeff * * {f'{PLACEHOLDER} ' if self._style.hybrid else ''}{potential.cutoff}")
        self.force = ModelForce(self.lammps, potential, type_names, self.tally)
        self.force.attach()
        facts = potential.facts
        self.tally.device, self.tally.form = potential.device, facts.form
        self._on_note(f"{self._style.model} model {path}: {facts.form}, {facts.precision}, cutoff {facts.cutoff} Å, on {potential.device}")

    def _check_input(self, model: str, type_names: tuple[str, ...]) -> None:
        """Refuse what the compiled pair style would refuse, and what cannot be right here."""
        lammps = self.lammps
        if (ranks := lammps.extract_setting("world_size")) > 1:
            raise ScriptError(f"pair_style {model} runs here on one MPI rank, and {ranks} were started: start zif-lmp without mpirun")
        if (units := lammps.extract_global("units")) != "metal":
            raise ScriptError(f"pair_style {model} needs units metal (eV, Å, ps), and the input says units {units}")
        asked, given = ("off", "on") if model == "nequip" else ("on", "off")
        if lammps.extract_setting("newton_pair") != (asked == "on"):
            raise ScriptError(f"pair_style {model} needs newton {asked}, and it is {given}: say so before the box is defined")
        if (n_types := lammps.extract_setting("ntypes")) != len(type_names):
            raise ScriptError(f"pair_coeff names {len(type_names)} types ({' '.join(type_names)}), and the structure has {n_types}")
        if self._overriding and not lammps.has_id("fix", FIX):
            first = next(iter(self._overriding.values()))
            raise ScriptError(f"fix {first} stands before the pair lines and would lose its effect: give the pair lines first")

    @staticmethod
    def _check_model(style: str, path: str, potential: Potential, type_names: tuple[str, ...]) -> None:
        if unknown := [name for name in type_names if name not in potential.type_names]:
            known = " ".join(potential.type_names)
            raise ScriptError(f"the model {path} knows the types {known}, and pair_coeff asks for {' '.join(unknown)}")
        if potential.facts.form == "mliap":
            raise ScriptError(f"the model {path} is for pair_style mliap unified in a LAMMPS with Kokkos: for {style} give what runs here")
        if (kind := potential.facts.architecture) not in (None, style):
            raise ScriptError(f"the model {path} is for pair_style {kind}, and the input says {style}: write pair_style {kind}")

    def _check_masses(self, type_names: tuple[str, ...]) -> None:
        """Refuse types whose masses are those of other elements: their order in ``pair_coeff`` is not that of the structure.

        By now LAMMPS has a mass for each type or will say that it has not; styles with a mass per atom have none per type.
        """
        masses = self.lammps.extract_atom("mass")
        if not masses:
            return
        wrong = []
        for number, name in enumerate(type_names, 1):
            low, high = mass_limits(name)
            if masses[number] > 0 and not low <= masses[number] <= high:
                wrong.append(f"type {number} is called {name} and has the mass {masses[number]:.6g}")
        if wrong:
            raise ScriptError(f"the types of pair_coeff stand in another order than those of the structure: {', '.join(wrong)}")

    def _clear(self, command: str) -> None:
        self.pass_on(command)
        self.force = self._style = None
        self._per_atom_virial = ""
        self._overriding.clear()

    def _read_restart(self, command: str) -> None:
        self.pass_on(command)
        self.force = self._style = None
        self._restarted = True

    def _evaluate(self, command: str) -> None:
        if self._restarted and self.lammps.has_id("group", FIX):
            raise ScriptError("this restart was written by a run with a model, and a model is not part of it: give the pair lines again")
        if self._style is not None and self.force is None:
            raise ScriptError(f"pair_style {self._style.model} has no model yet: give its pair_coeff line before {command.split()[0]}")
        if self.force is not None:
            self._check_masses(self.force.type_names)
        if self.force is not None and self._per_atom_virial:
            raise ScriptError(f"compute {self._per_atom_virial} needs a virial per atom, which a model does not give: leave it out")
        if inner := [word.text for word in words(command) if word.raw != word.text and self.is_handled(word.text)]:
            raise ScriptError(f"a command within {command.split()[0]} must be one that LAMMPS runs itself, and this is not: {inner[0]}")
        began = time.perf_counter()
        try:
            self.pass_on(command)
        finally:
            self.tally.loop_seconds += time.perf_counter() - began

    def _compute(self, command: str) -> None:
        self.pass_on(command)
        _, _, style, *rest = [*self.arguments(command), "", "", ""]
        # with the keyword ke alone stress/atom holds no virial
        if style in PER_ATOM_VIRIAL and "ke" not in rest:
            self._per_atom_virial = style

    def _fix(self, command: str) -> None:
        self.pass_on(command)
        name, _, style, *_ = [*self.arguments(command), "", "", ""]
        if style.partition("/")[0] in OVERRIDING:
            self._overriding[name] = f"{name} ({style})"

    def _unfix(self, command: str) -> None:
        self.pass_on(command)
        for name in self.arguments(command):
            self._overriding.pop(name, None)

    handlers: ClassVar[dict[str, Callable[[Any, str], None]]] = {
        **ControlFlow.handlers,
        "clear": _clear,
        "read_restart": _read_restart,
        "pair_style": _pair_style,
        "pair_coeff": _pair_coeff,
        "compute": _compute,
        "fix": _fix,
        "unfix": _unfix,
        **dict.fromkeys(EVALUATING, _evaluate),
    }
