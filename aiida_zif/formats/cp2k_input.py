# SPDX-License-Identifier: MIT
"""A run → the nested tree that ``aiida_cp2k.utils.Cp2kInput`` renders: MD, labelling of given frames, relaxation.

Cell and atoms are not in the tree: aiida-cp2k writes them from the structure, and sets the project's name. A section
parameter is the key ``_``; a nameless line (the velocities) is one of the list under the empty key, which the renderer
writes as spaces and the value. Every text is in CP2K's own units.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from aiida_zif.formats.cp2k_method import BASIS_SETS_FILE, METHODS, POTENTIALS_FILE, Method, method_of, names_of
from aiida_zif.formats.cp2k_run import AimdRun, RelaxRun, Scf, check_positive
from aiida_zif.formats.lammps_data import standard_masses
from aiida_zif.science.frames import Frames
from aiida_zif.science.units import (
    ATOMIC_FORCE_IN_EV_PER_ANGSTROM,
    ATOMIC_VELOCITY_IN_ANGSTROM_PER_PS,
    BAR_IN_EV_PER_CUBIC_ANGSTROM,
    BOHR_IN_ANGSTROM,
    EV_PER_CUBIC_ANGSTROM_IN_GPA,
)

__all__ = ["METHODS", "AimdRun", "RelaxRun", "Tree", "aimd", "label", "relax", "write_reftraj"]

Tree = dict[str, Any]


def aimd(
    run: AimdRun,
    species: Sequence[str],
    velocities: NDArray[np.float64] | None = None,
    restart_file: str | None = None,
    own_files: bool = False,
) -> Tree:
    """Return the tree of an MD that prints positions, forces, velocities, stress, cell and energies at every step.

    With ``own_files`` basis sets and pseudopotentials are read from the two files of ``cp2k_method.excerpts``, else from CP2K's own.
    ``velocities`` is ``(n_atoms, 3)``, Cartesian, Å/ps; ``restart_file`` a CP2K restart, from which positions, velocities,
    cell, thermostat and step number are taken. Raises ``ValueError`` if both are given, a shape is wrong, the run starts
    beyond step 0 without a restart file, or the method does not know an element.
    """
    if velocities is not None and restart_file is not None:
        raise ValueError("velocities and a restart file were both given; give one of them, since the restart carries its own velocities")
    if run.first_step and restart_file is None:
        raise ValueError(f"the run starts at step {run.first_step}, but no restart file was given; give one or set first_step to 0")
    # All masses are said: CP2K's own are older standard weights (C 12.0107), and the kinetic part of the stress is taken off with ours.
    masses = {**standard_masses(sorted(set(species))), "H": run.hydrogen_mass_amu}
    subsys: Tree = {"KIND": _kinds(run.method, species, masses)}
    if velocities is not None:
        if np.shape(velocities) != (len(species), 3):
            raise ValueError(f"velocities have shape {np.shape(velocities)}, but {len(species)} atoms need {(len(species), 3)}")
        atomic = np.asarray(velocities) / ATOMIC_VELOCITY_IN_ANGSTROM_PER_PS
        subsys["VELOCITY"] = {"": ["{:.12e} {:.12e} {:.12e}".format(*row) for row in atomic.tolist()]}
    timecon = run.heating_time_fs if run.is_heating else run.thermostat_time_fs
    tree: Tree = {
        "GLOBAL": _global("MD", run.walltime_s, run.seed),
        "MOTION": {
            "MD": {
                "ENSEMBLE": "NVT",
                "STEPS": run.end - run.first_step,
                "TIMESTEP": run.timestep_fs,
                "TEMPERATURE": run.temperature_k,
                "THERMOSTAT": {"TYPE": "CSVR", "CSVR": {"TIMECON": timecon}},
                "PRINT": {"ENERGY": _each("MD", 1)},
            },
            "PRINT": _motion_print("MD", ("TRAJECTORY", "FORCES", "VELOCITIES", "STRESS", "CELL"), run.restart_every),
        },
        "FORCE_EVAL": {
            "METHOD": "QS",
            "STRESS_TENSOR": run.stress_tensor,
            "DFT": _dft(method_of(run.method), run.scf, own_files),
            "SUBSYS": subsys,
        },
    }
    if restart_file is not None:
        tree["EXT_RESTART"] = {"RESTART_FILE_NAME": restart_file, "RESTART_DEFAULT": True}
    return tree


def label(
    n_frames: int,
    trajectory_file: str,
    cell_file: str,
    method: str = "gfn1-xtb",
    species: Sequence[str] = (),
    walltime_s: float | None = None,
    own_files: bool = False,
) -> Tree:
    """Return the tree of one REFTRAJ run: energy and forces of every frame of the two files of ``write_reftraj``.

    CP2K 2023.1 gives no stress in it. ``species`` need not be given for the elements of the zinc imidazolates.
    Raises ``ValueError`` without frames or for an unknown method or element.
    """
    check_positive("n_frames", n_frames)
    dft = _dft(method_of(method), Scf(max_scf=80), own_files)
    # The wave function of the frame before is a good guess even after a jump; extrapolation over several is not.
    dft["QS"]["EXTRAPOLATION"] = "USE_PREV_WF"
    reftraj = {
        "TRAJ_FILE_NAME": trajectory_file,
        "CELL_FILE_NAME": cell_file,
        "VARIABLE_VOLUME": True,
        "EVAL_FORCES": True,
        "FIRST_SNAPSHOT": 1,
        "LAST_SNAPSHOT": n_frames,
        "STRIDE": 1,
    }
    return {
        "GLOBAL": _global("MD", walltime_s),
        "MOTION": {
            "MD": {"ENSEMBLE": "REFTRAJ", "STEPS": n_frames, "TIMESTEP": 0.5, "REFTRAJ": reftraj, "PRINT": {"ENERGY": _each("MD", 1)}},
            "PRINT": _motion_print("MD", ("TRAJECTORY", "FORCES", "CELL"), 20),
        },
        "FORCE_EVAL": {
            "METHOD": "QS",
            "DFT": dft,
            "SUBSYS": {"KIND": _kinds(method, species or ("H", "C", "N", "Zn"))},
        },
    }


def relax(run: RelaxRun, species: Sequence[str], own_files: bool = False) -> Tree:
    """Return the tree of a relaxation of the atoms (GEO_OPT) or of atoms and cell (CELL_OPT), with the stress of every step.

    Raises ``ValueError`` where the method does not know an element.
    """
    kind = "GEO_OPT" if run.cell == "fixed" else "CELL_OPT"
    force = run.max_force_ev_per_angstrom / ATOMIC_FORCE_IN_EV_PER_ANGSTROM
    optimizer: Tree = {
        "OPTIMIZER": run.optimizer,
        "MAX_ITER": run.max_steps,
        "MAX_FORCE": f"{force:.6e}",
        "RMS_FORCE": f"{force / 2:.6e}",
        # The forces decide. Soft frameworks take long steps at vanishing forces, so the displacements only stand guard.
        "MAX_DR": f"{0.01 / BOHR_IN_ANGSTROM:.6e}",
        "RMS_DR": f"{0.005 / BOHR_IN_ANGSTROM:.6e}",
    }
    if kind == "CELL_OPT":
        bar = BAR_IN_EV_PER_CUBIC_ANGSTROM * EV_PER_CUBIC_ANGSTROM_IN_GPA
        optimizer |= {
            "TYPE": "DIRECT_CELL_OPT",
            "EXTERNAL_PRESSURE": f"{run.pressure_gpa / bar:.6f}",
            "PRESSURE_TOLERANCE": f"{run.pressure_tolerance_gpa / bar:.6f}",
        }
    return {
        "GLOBAL": _global(kind, run.walltime_s),
        "MOTION": {kind: optimizer, "PRINT": _motion_print(kind, ("TRAJECTORY", "FORCES", "STRESS", "CELL"), 1)},
        "FORCE_EVAL": {
            "METHOD": "QS",
            "STRESS_TENSOR": "ANALYTICAL",
            "DFT": _dft(method_of(run.method), Scf(), own_files, run.eps_scf),
            "SUBSYS": {"KIND": _kinds(run.method, species)},
        },
    }


def write_reftraj(frames: Frames, xyz_handle: IO[str], cell_handle: IO[str]) -> None:
    """Write the frames as the two text files that ``label`` names: positions (Å) and cells (Å), in order."""
    line = "".join(f"{symbol} %.10f %.10f %.10f\n" for symbol in frames.species)
    cell_handle.write("# Step Time [fs] Ax Ay Az Bx By Bz Cx Cy Cz [Angstrom] Volume [Angstrom^3]\n")
    for number, (positions, cell, volume) in enumerate(zip(frames.positions, frames.cells, frames.volumes, strict=True)):
        xyz_handle.write(f"{len(frames.species)}\n i = {number:8d}, time = {number * 0.5:12.3f}, E = 0.0\n")
        xyz_handle.write(line % tuple(positions.ravel().tolist()))
        cell_handle.write(f"{number} {number * 0.5:.3f} " + " ".join(f"{x:.10f}" for x in cell.ravel()) + f" {volume:.10f}\n")


def _global(run_type: str, walltime_s: float | None, seed: int | None = None) -> Tree:
    # MEDIUM is the lowest level that prints the masses and each "MD| Step number", by which failed SCFs are mapped to steps.
    tree: Tree = {"PROJECT": "aiida", "RUN_TYPE": run_type, "PRINT_LEVEL": "MEDIUM"}
    if seed is not None:
        tree["SEED"] = seed
    if walltime_s is not None:
        tree["WALLTIME"] = f"{walltime_s:.0f}"
    return tree


def _each(kind: str, stride: int) -> Tree:
    return {"EACH": {kind: stride}}


def _motion_print(kind: str, what: Sequence[str], restart_every: int) -> Tree:
    tree: Tree = {name: _each(kind, 1) for name in what}
    tree["TRAJECTORY"]["FORMAT"] = "XYZ"
    # three older ones are kept beside the newest: one that was cut while it was written gives way to the one before
    tree["RESTART"] = {"ADD_LAST": "NUMERIC", "BACKUP_COPIES": 3, **_each(kind, restart_every)}
    tree["RESTART_HISTORY"] = {"_": "OFF"}
    return tree


def _kinds(method: str, species: Sequence[str], masses: Mapping[str, float] | None = None) -> list[Tree]:
    kinds = []
    for symbol in sorted(set(species)):
        kind: Tree = {"_": symbol, "ELEMENT": symbol}
        names = names_of(method, symbol)
        if names is not None:
            kind["BASIS_SET"], kind["POTENTIAL"] = names
        if masses is not None:
            kind["MASS"] = masses[symbol]
        kinds.append(kind)
    return kinds


def _dft(method: Method, scf: Scf, own_files: bool, eps_scf: float | None = None) -> Tree:
    eps = method.eps_scf if eps_scf is None else eps_scf
    scf_tree: Tree = {
        "MAX_SCF": scf.max_scf,
        "EPS_SCF": eps,
        "SCF_GUESS": "MOPAC" if method.is_xtb else "ATOMIC",
        "OT": {"_": "ON", "PRECONDITIONER": scf.preconditioner, "MINIMIZER": scf.minimizer},
        "PRINT": {"RESTART": {"_": "OFF"}},
    }
    if scf.outer_scf:
        scf_tree["OUTER_SCF"] = {"_": "ON", "MAX_SCF": scf.outer_scf, "EPS_SCF": eps}
    if method.is_xtb:
        files = {"DISPERSION_PARAMETER_FILE": "dftd3.dat", "PARAM_FILE_NAME": "xTB_parameters"}
        return {"SCF": scf_tree, "QS": {"METHOD": "xTB", "XTB": {"DO_EWALD": True, "CHECK_ATOMIC_CHARGES": False, "PARAMETER": files}}}
    dispersion = {
        "R_CUTOFF": method.dispersion_cutoff_angstrom,
        "TYPE": "DFTD3",
        "PARAMETER_FILE_NAME": "dftd3.dat",
        "REFERENCE_FUNCTIONAL": "PBE",
    }
    return {
        "BASIS_SET_FILE_NAME": [BASIS_SETS_FILE] if own_files else ["BASIS_SET", "BASIS_MOLOPT"],
        "POTENTIAL_FILE_NAME": POTENTIALS_FILE if own_files else "POTENTIAL",
        "SCF": scf_tree,
        "QS": {"EPS_DEFAULT": method.eps_default},
        "MGRID": {"NGRIDS": 4, "CUTOFF": method.cutoff_ry, "REL_CUTOFF": method.rel_cutoff_ry},
        "XC": {"XC_FUNCTIONAL": {"_": "PBE"}, "VDW_POTENTIAL": {"POTENTIAL_TYPE": "PAIR_POTENTIAL", "PAIR_POTENTIAL": dispersion}},
    }
