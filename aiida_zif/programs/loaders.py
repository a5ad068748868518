# SPDX-License-Identifier: MIT
"""What opens a model file, by its form. The only place that does: a model is a program, which runs when it is opened."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aiida_zif.formats.nequip_model import Form, ModelFacts
from aiida_zif.programs import machine

OUTPUTS = ("atomic_energy", "forces", "virial")
"""What is asked of a model, by nequip's names; ``--target pair_nequip`` and ``pair_allegro`` give just these."""

Call = Callable[[dict[str, Any]], Sequence[Any]]
"""Takes tensors by nequip's names (``pos``, ``edge_index``, …), gives those of ``OUTPUTS`` in that order."""


def compiled(path: str | Path, facts: ModelFacts, _: str) -> Call:
    """Open what nequip-compile made by AOTInductor. Raises :class:`machine.UnfitError` where torch cannot."""
    import importlib

    import torch

    for library in facts.custom_ops:
        importlib.import_module(library)
    torch.backends.cuda.matmul.allow_tf32 = facts.allow_tf32
    torch.set_num_threads(machine.threads())
    try:
        model = torch._inductor.aoti_load_package(str(path))
    except RuntimeError as error:
        # most often another torch than the one that compiled it
        first = str(error).strip().splitlines()[0]
        raise machine.UnfitError(f"torch cannot open the model {path} ({first}): compile the package again on this machine") from error
    order = [facts.outputs.index(name) for name in OUTPUTS]

    def call(tensors: dict[str, Any]) -> Sequence[Any]:
        given = model(*(tensors[name] for name in facts.inputs))
        return [given[index] for index in order]

    return call


def package(path: str | Path, facts: ModelFacts, device: str) -> Call:
    """Open a portable package, which runs uncompiled. Raises ``ValueError`` where it holds what this nequip cannot read."""
    import torch

    warnings.warn(
        f"the model {path} is a package and runs uncompiled, several times slower: nequip-compile makes the fast form of it",
        stacklevel=4,
    )
    from nequip.model.saved_models.load_utils import load_saved_model
    from nequip.utils.global_state import set_global_state

    torch.set_num_threads(machine.threads())
    set_global_state(allow_tf32=facts.allow_tf32)
    try:
        model = load_saved_model(str(path), compile_mode="eager", model_key="sole_model").to(device).eval()
    except Exception as error:  # the package brings its own code, which may fail in any way
        made, here = facts.versions.get("nequip", "unknown"), machine.versions("nequip").get("nequip", "absent")
        raise ValueError(
            f"the package {path}, made by nequip {made}, cannot be opened by nequip {here} ({type(error).__name__}: {error}): package the "
            "model again with the nequip that is to run it"
        ) from error

    def call(tensors: dict[str, Any]) -> Sequence[Any]:
        given = model(tensors)
        return [given[name] for name in OUTPUTS]

    return call


def torchscript(path: str | Path, facts: ModelFacts, device: str) -> Call:
    """Open a TorchScript model of an older nequip, as its ``nequip-deploy`` made it. Raises ``ValueError`` where torch cannot.

    Numbers go in with the precision of the model, as LAMMPS' pair style of its time gave them.
    """
    import torch

    torch.set_num_threads(machine.threads())
    torch.backends.cuda.matmul.allow_tf32 = facts.allow_tf32
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch wants nobody to make such files; this one is years old
        try:
            model = torch.jit.load(str(path), map_location=device).eval()
        except RuntimeError as error:
            first = str(error).strip().splitlines()[0]
            raise ValueError(f"torch cannot open the TorchScript model {path} ({first}): make a package with today's nequip") from error
    precision = torch.float64 if facts.precision == "float64" else torch.float32

    def call(tensors: dict[str, Any]) -> Sequence[Any]:
        given = model({name: tensor.to(precision) if tensor.is_floating_point() else tensor for name, tensor in tensors.items()})
        if lacking := [name for name in OUTPUTS if name not in given]:
            raise ValueError(f"the model {path} gives no {' and no '.join(lacking)}: deploy it with StressForceOutput")
        return [given[name] for name in OUTPUTS]

    return call


def mliap(path: str | Path) -> tuple[ModelFacts, Call]:
    """Open what nequip-prepare-lmp-mliap made, and call it as LAMMPS would, on the CPU and uncompiled; a LAMMPS with Kokkos is not needed.

    The file is a pickle whose class derives from one of LAMMPS' Python module. All images of an atom are the atom itself here, so that
    nothing is exchanged with ghosts. Raises ``ValueError`` where it cannot be opened.
    """
    import torch

    torch.set_num_threads(machine.threads())
    try:
        model = torch.load(str(path), map_location="cpu", weights_only=False)
        facts = ModelFacts("mliap", tuple(model.element_types), 2 * float(model.rcutfac), device="cpu", allow_tf32=model.tf32)
    except Exception as error:  # whatever unpickling a program may raise
        raise ValueError(f"the ML-IAP model {path} cannot be opened ({type(error).__name__}: {error}): make it again") from error
    model.compile = False

    def call(tensors: dict[str, Any]) -> Sequence[Any]:
        seen = Neighbourhood(**{name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()})
        model.compute_forces(seen)
        return [torch.from_numpy(array) for array in (seen.eatoms, seen.forces, seen.virial)]

    return facts, call


class Neighbourhood:
    """What LAMMPS' ML-IAP hands to a model, with its names, and takes from it. Serial: every atom is local, and no atom is a ghost."""

    def __init__(self, pos: Any, edge_index: Any, atom_types: Any, cell: Any, edge_cell_shift: Any) -> None:
        self.nlocal = self.ntotal = len(pos)
        self.pair_i, self.pair_j = edge_index
        self.npairs = len(self.pair_i)
        self.rij = pos[self.pair_j] - pos[self.pair_i] + edge_cell_shift @ cell.reshape(3, 3)
        self.elems = atom_types
        self.eatoms = np.zeros(self.nlocal)
        self.energy: Any = 0.0
        self.forces = np.zeros((self.nlocal, 3))
        self.virial = np.zeros((3, 3))

    def update_pair_forces_gpu(self, pull: Any) -> None:
        """Add the derivative of the energy by each ``rij``: it pulls i, and j the other way."""
        pull = pull.numpy().astype(np.float64)
        np.add.at(self.forces, self.pair_i, pull)
        np.subtract.at(self.forces, self.pair_j, pull)
        self.virial -= self.rij.T @ pull

    def forward_exchange(self, source: Any, target: Any, _: int) -> None:
        """Give ghosts the features of their owners: there are none."""
        target.copy_(source)

    reverse_exchange = forward_exchange


BY_FORM: dict[Form, Callable[[str | Path, ModelFacts, str], Call]] = {
    "compiled": compiled, "package": package, "torchscript": torchscript,
}  # fmt: skip
"""What opens a model whose facts its file tells."""
