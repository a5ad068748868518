# SPDX-License-Identifier: MIT
"""A model's energy, forces and virial inside a running LAMMPS, by ``fix external``."""

from __future__ import annotations

import ctypes
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_zif.programs.potential import Potential

FIX = "zif_model"
"""Name of the fix, and of an empty group: groups survive in restart files, so a restart tells that a model drove it."""


@dataclass
class Tally:
    """What a program did in all, over every run and every model of its input."""

    steps: int = 0
    """Time steps or iterations done."""
    calls: int = 0
    """How often a model was called."""
    atom_calls: int = 0
    """Sum of the number of atoms over all calls."""
    seconds: float = 0.0
    """Wall time of the calls with their lists of neighbours, s."""
    loop_seconds: float = 0.0
    """Wall time of the commands that compute forces, s."""
    device: str = "cpu"
    form: str | None = None
    """Form of the last model."""


class ModelForce:
    """What LAMMPS calls at every force evaluation. Serial: all atoms are local."""

    def __init__(self, lammps: Any, potential: Potential, type_names: tuple[str, ...], tally: Tally) -> None:
        self.potential = potential
        self.type_names = type_names
        """What LAMMPS' types are called, in their order."""
        self._tally = tally
        self.failure: Exception | None = None
        """What went wrong in the last run: an exception cannot pass through LAMMPS' own code."""
        self._lammps = lammps
        # LAMMPS counts types from 1
        self._model_type = np.array([-1, *(potential.type_names.index(name) for name in type_names)], dtype=np.int64)
        self._step = -1
        self._tags: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._order: NDArray[np.intp] = np.empty(0, dtype=np.intp)

    def attach(self) -> None:
        """Make the fix where there is none, and let it call this model."""
        if not self._lammps.has_id("fix", FIX):
            self._lammps.command(f"fix {FIX} all external pf/callback 1 1")
            self._lammps.command(f"fix_modify {FIX} energy yes virial yes")
        if not self._lammps.has_id("group", FIX):
            self._lammps.command(f"group {FIX} empty")
        self._lammps.set_fix_external_callback(FIX, self._callback, None)

    def _callback(
        self, _caller: Any, step: int, n_local: int, tags: NDArray[Any], positions: NDArray[np.float64], forces: NDArray[np.float64]
    ) -> None:
        try:
            self._evaluate(step, n_local, tags, positions, forces)
        except Exception as error:
            self.failure = self.failure or error
            forces[:] = 0.0
            self._lammps.force_timeout()

    def _evaluate(self, step: int, n_local: int, tags: NDArray[Any], positions: NDArray[np.float64], forces: NDArray[np.float64]) -> None:
        if self.failure is not None:
            return
        self._tally.steps += int(self._step >= 0 and step == self._step + 1)
        self._step = step
        if n_local == 0:
            return
        # LAMMPS sorts its atoms now and then; in the order of their tags the list of neighbours outlives that
        if not np.array_equal(tags, self._tags):
            self._tags = tags.astype(np.int64)
            self._order = np.argsort(self._tags, kind="stable")
        order = self._order
        types = self._model_type[self._lammps.numpy.extract_atom("type")[:n_local]][order]
        origin, cell, periodic = self._box()
        began = time.perf_counter()
        energy, model_forces, virial = self.potential.evaluate(positions[order] - origin, cell, types, periodic)
        self._tally.seconds += time.perf_counter() - began
        self._tally.calls += 1
        self._tally.atom_calls += n_local
        forces[order] = model_forces
        self._lammps.fix_external_set_energy_global(FIX, energy)
        virial = (virial + virial.T) / 2
        self._lammps.fix_external_set_virial_global(FIX, (*virial.diagonal(), virial[0, 1], virial[0, 2], virial[1, 2]))
        per_atom = np.empty(n_local)
        per_atom[order] = self.potential.atomic_energies
        # the Python method takes a list, copied number by number; LAMMPS ignores the call where no compute asks for these
        self._lammps.lib.lammps_fix_external_set_energy_peratom(
            self._lammps.lmp, FIX.encode(), per_atom.ctypes.data_as(ctypes.POINTER(ctypes.c_double))
        )

    def _box(self) -> tuple[NDArray[np.float64], NDArray[np.float64], tuple[bool, bool, bool]]:
        low, high, xy, yz, xz, periodicity, _ = self._lammps.extract_box()
        origin = np.array(low)
        size = np.array(high) - origin
        cell = np.array([[size[0], 0.0, 0.0], [xy, size[1], 0.0], [xz, yz, size[2]]])
        return origin, cell, (bool(periodicity[0]), bool(periodicity[1]), bool(periodicity[2]))
