# SPDX-License-Identifier: MIT
"""A NequIP or Allegro model as a function of positions and cell: energy, forces, virial."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_zif.formats.nequip_model import SUFFIXES, ModelFacts, read_facts
from aiida_zif.programs import loaders, machine
from aiida_zif.programs.neighbours import SKIN, NeighbourList, with_ghosts

Outputs = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


class Potential:
    """A loaded model with its neighbour list. Made by :func:`load`."""

    def __init__(self, facts: ModelFacts, device: str, call: loaders.Call, *, skin: float = SKIN) -> None:
        self.facts = facts
        self.type_names = facts.type_names
        self.cutoff = facts.cutoff
        self.device = device
        self.calls = 0
        """How often the model was called."""
        self.atomic_energies: NDArray[np.float64] = np.empty(0)
        """``(n_atoms,)``, eV, of the last call."""
        self._call = call
        self._list = NeighbourList(self.cutoff, skin)
        self._ghosts = bool(facts.inputs) and "cell" not in facts.inputs

    def evaluate(
        self,
        positions: NDArray[np.float64],
        cell: NDArray[np.float64],
        types: NDArray[np.int64],
        periodic: tuple[bool, bool, bool] = (True, True, True),
    ) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
        """Return energy, forces and virial of one configuration.

        ``positions`` is ``(n_atoms, 3)``, Cartesian, Å; ``cell`` ``(3, 3)`` with vectors as rows, Å; ``types`` ``(n_atoms,)``,
        places in :attr:`type_names`. The energy is in eV, the sum of the atomic energies in float64: the model's own float32 sum
        has steps of meV. Forces are ``(n_atoms, 3)``, eV/Å; the virial is ``(3, 3)``, eV, pressure positive: it is
        −stress·volume, and its trace is 3PV without the kinetic part.

        Raises ``ValueError`` where the numbers given are not finite, ``FloatingPointError`` where those of the model are not.
        """
        if not (np.isfinite(positions).all() and np.isfinite(cell).all()):
            raise ValueError("a position or the cell is not a number: the run has blown up; shorten the time step or begin earlier")
        pairs = self._list.pairs(positions, cell, periodic)
        n_atoms = len(positions)
        if self._ghosts:
            ghosts = with_ghosts(pairs, n_atoms)
            inputs: dict[str, Any] = {
                "pos": np.concatenate((positions, positions[ghosts.owner] + ghosts.shift @ cell)),
                "edge_index": ghosts.index,
                "atom_types": np.concatenate((types, types[ghosts.owner])),
            }
        else:
            shift = pairs.shift.astype(np.float64)
            inputs = {"pos": positions, "edge_index": pairs.index, "atom_types": types, "cell": cell[None], "edge_cell_shift": shift}
        energies, forces, virial = self._run(inputs)
        self.calls += 1
        if self._ghosts:
            # a force on an image is a force on its owner
            owned = forces[:n_atoms].copy()
            np.add.at(owned, ghosts.owner, forces[n_atoms:])
            forces, energies = owned, energies[:n_atoms]
        energy = float(energies.sum())
        if not (np.isfinite(energy) and np.isfinite(forces).all()):
            raise FloatingPointError("the model gave a force or energy that is not a number: these atoms lie far outside its training")
        self.atomic_energies = energies
        return energy, forces, virial

    def _run(self, inputs: dict[str, Any]) -> Outputs:
        import torch

        tensors = {name: torch.from_numpy(np.ascontiguousarray(value)).to(self.device) for name, value in inputs.items()}
        energies, forces, virial = (tensor.detach().to("cpu", torch.float64).numpy() for tensor in self._call(tensors))
        return energies.reshape(-1), forces, virial.reshape(3, 3)


def form_of(path: str | Path) -> str:
    """Return the form that the suffix of a model file names. Raises ``ValueError`` for any other suffix."""
    for suffix, form in SUFFIXES.items():
        if str(path).endswith(suffix):
            return form
    raise ValueError(f"the model {path} has an unknown suffix: it must end in .nequip.pt2, .nequip.zip or, legacy, .pth")


def load(path: str | Path, device: str | None = None, *, skin: float = SKIN) -> Potential:
    """Load a compiled model (``.nequip.pt2``) or, slower and with a warning, a package (``.nequip.zip``); or what only an evaluation needs:
    a TorchScript model of an older nequip (``.pth``), or one made for LAMMPS ML-IAP (``.nequip.lmp.pt``).

    ``device`` is ``cpu`` or ``cuda``; without it the variable ZIF_DEVICE decides, else what the file was compiled for, else the CPU.
    Raises ``ValueError`` or ``FileNotFoundError`` with one sentence where the file is missing, cut, or of another kind, and
    :class:`machine.UnfitError` where it was compiled for another machine.
    """
    form = form_of(path)
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no model file {path}: check the name and that it was copied here")
    if form == "mliap":
        facts, call = loaders.mliap(path)
        return Potential(facts, "cpu", call, skin=skin)
    facts = read_facts(path)
    if form != facts.form:
        raise ValueError(f"the model {path} is in the form {facts.form}, but its suffix says {form}: give it the name it was made with")
    wanted = device or os.environ.get("ZIF_DEVICE") or facts.device or "cpu"
    _check(path, facts, wanted)
    return Potential(facts, wanted, loaders.BY_FORM[facts.form](path, facts, wanted), skin=skin)


def _check(path: str | Path, facts: ModelFacts, device: str) -> None:
    again = "compile the package again with nequip-compile on the machine that runs it"
    if device.partition(":")[0] not in ("cpu", "cuda"):
        raise ValueError(f"the device {device} is not known: set ZIF_DEVICE to cpu or cuda")
    if facts.device and facts.device != device.partition(":")[0]:
        raise ValueError(f"the model {path} was compiled for {facts.device} and {device} was asked: {again}, with --device {device}")
    if reason := machine.why_unfit(facts):
        raise machine.UnfitError(f"the model {path} does not fit this machine, {reason}: {again}")
    lacking = sorted(set(loaders.OUTPUTS) - set(facts.outputs))
    if facts.form == "compiled" and lacking:
        raise ValueError(f"the model {path} gives no {' and no '.join(lacking)}: compile it with --target pair_nequip or pair_allegro")
    if device.startswith("cuda"):
        import torch

        if not torch.cuda.is_available():
            raise ValueError(f"the model {path} is to run on a GPU and torch sees none: ask for a GPU or set ZIF_DEVICE=cpu")
        here = "".join(map(str, torch.cuda.get_device_capability()))
        if facts.compute_capability and facts.compute_capability != here:
            raise machine.UnfitError(
                f"the model {path} was compiled for GPUs of capability {facts.compute_capability}, this is {here}: {again}"
            )
