# SPDX-License-Identifier: MIT
"""What a CP2K run left in its folder → Frames in our units, whatever ended the run.

The ``.stress`` file of an MD is virial *plus kinetic* part, in bar, pressure positive: ``stress = -(file - Σ m v v / V)``
with the masses of the run. A restart in the same directory appends to every file, so that steps come twice; the later
one counts. A REFTRAJ run numbers its second frame 1 like its first, so there the time tells the frame.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aiida_zif.formats.cp2k_files import Log, Table, XyzFile, read_log, read_table, scan_xyz
from aiida_zif.science.frames import Frames, kinetic_stress, to_voigt
from aiida_zif.science.units import (
    ATOMIC_FORCE_IN_EV_PER_ANGSTROM,
    ATOMIC_VELOCITY_IN_ANGSTROM_PER_PS,
    BAR_IN_EV_PER_CUBIC_ANGSTROM,
    FS_IN_PS,
    HARTREE_IN_EV,
)


@dataclass(frozen=True)
class Cp2kRun:
    """One CP2K run as far as its files are whole."""

    frames: Frames
    """Unique by step, in order; of REFTRAJ one for each given frame, ``steps`` being its index in the input.
    Stresses are virial only, NaN where CP2K gave none or the velocities or masses that they need are unknown."""
    last_step: int
    """The last step of ``frames``; -1 without any."""
    unconverged_steps: tuple[int, ...]
    """Steps of ``frames`` whose SCF did not converge, by the log (of REFTRAJ: indices into the input)."""
    duplicates_dropped: int
    """Frames that a later run in the same folder wrote again."""
    cut_tail: bool
    """True if any file holds something that is not whole, or a frame lacks its part in one of the files."""
    reason_ended: str
    """``finished``, ``walltime``, ``exit file``, ``aborted`` or ``cut`` (the log just ends, or there is none)."""
    error: str | None
    """The sentence with which CP2K aborted."""
    converged: bool | None
    """Of a relaxation: did it converge? ``None`` for other runs."""
    conserved: NDArray[np.float64]
    """``(n_frames,)``, the conserved quantity, eV; NaN where unknown."""
    run_type: str | None
    """MD, REFTRAJ, GEO_OPT, CELL_OPT, … as the log says."""
    version: str | None
    """Of CP2K, e.g. 2023.1."""
    host: str | None
    ranks: int | None
    threads: int | None
    wall_s: float | None
    """CP2K's own count; ``None`` where the run did not reach its end."""


def read(folder: Path, project: str = "aiida", masses: Mapping[str, float] | None = None, output: str | None = None) -> Cp2kRun:
    """Read a run from the files that CP2K wrote into ``folder``.

    ``masses`` (amu, by symbol) are those of the run; if they are not given, those that the log prints (four decimals)
    are used. ``output`` names the log; else it is ``project.out`` or the only other file ``*.out``.
    Never raises for what the files hold. Raises ``ValueError`` if ``masses`` lack an element of the run.
    """
    folder = Path(folder)
    log = read_log(_log_path(folder, project, output))
    positions = scan_xyz(folder / f"{project}-pos-1.xyz")
    others = {name: scan_xyz(folder / f"{project}-{name}-1.xyz") for name in ("frc", "vel")}
    others = {name: file for name, file in others.items() if len(file.steps) and file.species == positions.species}
    tables = {name: read_table(folder / f"{project}-1.{name}", n) for name, n in (("cell", 12), ("ener", 7), ("stress", 11))}

    frame_step = _StepOf(log, positions)
    chosen, partners, incomplete = _join(positions, others, frame_step)
    steps = frame_step(positions)[chosen]
    rows = {name: _rows(table, frame_step(table), positions, frame_step(positions), chosen) for name, table in tables.items()}
    has_cell = rows["cell"] >= 0
    incomplete |= not has_cell.all()
    chosen, steps = chosen[has_cell], steps[has_cell]
    partners = {name: which[has_cell] for name, which in partners.items()}
    rows = {name: which[has_cell] for name, which in rows.items()}

    values = {name: others[name].read(which) for name, which in partners.items()}
    velocities = values["vel"] * ATOMIC_VELOCITY_IN_ANGSTROM_PER_PS if "vel" in values else None
    atom_masses = _masses(positions.species, masses, log)
    cells = tables["cell"].rows[rows["cell"], :9].reshape(-1, 3, 3)
    energy_rows = _take(tables["ener"], rows["ener"])
    times = positions.times_fs[chosen] * FS_IN_PS
    frames = Frames(
        species=positions.species,
        positions=positions.read(chosen),
        cells=cells,
        energies=np.array([float(positions.energies[i]) for i in chosen]) * HARTREE_IN_EV,
        forces=values["frc"] * ATOMIC_FORCE_IN_EV_PER_ANGSTROM if "frc" in values else None,
        stresses=_virial(_take(tables["stress"], rows["stress"]), velocities, atom_masses, cells, log),
        velocities=velocities,
        steps=steps,
        times=None if np.isnan(times).any() or frame_step.is_reftraj else times,
        temperatures=None if frame_step.is_reftraj or np.isnan(energy_rows[:, 1]).any() else energy_rows[:, 1],
        masses=atom_masses,
    )
    files: list[XyzFile | Table] = [positions, *others.values(), *tables.values()]
    failed = {step for step, bad in log.scf_failed.items() if bad}
    if len(steps) == 1 and log.start_failed:
        failed.add(int(steps[0]))
    return Cp2kRun(
        frames=frames,
        last_step=int(steps[-1]) if len(steps) else -1,
        unconverged_steps=tuple(int(step) for step in steps if int(step) in failed),
        duplicates_dropped=len(positions.steps) - len(np.unique(frame_step(positions))),
        cut_tail=bool(incomplete or any(file.cut for file in files)),
        reason_ended=log.reason_ended,
        error=log.error,
        converged=log.converged,
        conserved=np.full(len(steps), np.nan) if frame_step.is_reftraj else energy_rows[:, 3] * HARTREE_IN_EV,
        run_type=log.run_type,
        version=log.version,
        host=log.host,
        ranks=log.ranks,
        threads=log.threads,
        wall_s=log.wall_s,
    )


class _StepOf:
    """The step of each entry of a file: its number, or of REFTRAJ its time in steps, which is the index in the input."""

    def __init__(self, log: Log, positions: XyzFile) -> None:
        first = positions.times_fs[positions.steps == 1]
        # In an MD step 1 is never at time 0, so a folder without a log tells the two apart as well.
        self.is_reftraj = log.run_type == "REFTRAJ" or bool((first == 0).any())
        later = positions.times_fs[positions.times_fs > 0]
        self._timestep_fs = float(later.min()) if len(later) else 1.0

    def __call__(self, file: XyzFile | Table) -> NDArray[np.int64]:
        if not self.is_reftraj:
            return file.steps
        indices: NDArray[np.int64] = np.rint(np.nan_to_num(file.times_fs) / self._timestep_fs).astype(np.int64)
        return indices


def _join(
    positions: XyzFile, others: Mapping[str, XyzFile], frame_step: _StepOf
) -> tuple[NDArray[np.intp], dict[str, NDArray[np.intp]], bool]:
    """Return for each step, in order, the last frame of ``positions`` that has its partner in every other file.

    A partner has the same step and, to the last digit, the same energy in its header: after a crash and a restart the
    frames of the two runs must not be mixed.
    """
    keys = {
        name: {key: i for i, key in enumerate(zip(frame_step(file).tolist(), file.energies, strict=True))} for name, file in others.items()
    }
    found: dict[int, int] = {}
    for i, key in enumerate(zip(frame_step(positions).tolist(), positions.energies, strict=True)):
        if all(key in known for known in keys.values()):
            found[key[0]] = i
    order = sorted(found)
    chosen = np.array([found[step] for step in order], np.intp)
    partners = {name: np.array([known[step, positions.energies[found[step]]] for step in order], np.intp) for name, known in keys.items()}
    n_steps = len(np.unique(frame_step(positions)))
    incomplete = len(found) < n_steps or any(len(file.steps) != len(positions.steps) for file in others.values())
    return chosen, partners, incomplete


def _rows(
    table: Table, table_steps: NDArray[np.int64], positions: XyzFile, steps: NDArray[np.int64], chosen: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Return the row of each chosen frame, -1 where there is none.

    Rows and frames of one run belong together. Where one file shows fewer runs than the other (a crash just between two
    rows leaves no trace), the later row of a step belongs to the later frame; only of the very last step may the end be missing.
    """
    rows = np.full(len(chosen), -1, np.intp)
    if not len(chosen) or not len(table_steps):
        return rows
    if table.segments[-1] == positions.segments[-1]:
        known = {key: row for row, key in enumerate(zip(table.segments.tolist(), table_steps.tolist(), strict=True))}
        return np.array([known.get((int(positions.segments[i]), int(steps[i])), -1) for i in chosen], np.intp)
    in_table: dict[int, list[int]] = defaultdict(list)
    for row, step in enumerate(table_steps.tolist()):
        in_table[step].append(row)
    in_frames: dict[int, list[int]] = defaultdict(list)
    for i, step in enumerate(steps.tolist()):
        in_frames[step].append(i)
    for k, i in enumerate(chosen.tolist()):
        step = int(steps[i])
        candidates, frames = in_table[step], in_frames[step]
        place = frames.index(i)
        if step != steps[-1]:
            place += len(candidates) - len(frames)
        if 0 <= place < len(candidates):
            rows[k] = candidates[place]
    return rows


def _take(table: Table, rows: NDArray[np.intp]) -> NDArray[np.float64]:
    values = np.full((len(rows), table.rows.shape[1]), np.nan)
    values[rows >= 0] = table.rows[rows[rows >= 0]]
    return values


def _masses(species: tuple[str, ...], masses: Mapping[str, float] | None, log: Log) -> NDArray[np.float64] | None:
    if masses is not None:
        missing = sorted(set(species) - set(masses))
        if missing:
            raise ValueError(f"masses were given for {', '.join(sorted(masses))}, but the run has {missing[0]} as well; give its mass, too")
        return np.array([masses[symbol] for symbol in species], float)
    if species and set(log.masses) == set(range(len(species))):
        return np.array([log.masses[i] for i in range(len(species))])
    return None


def _virial(
    file_bar: NDArray[np.float64], velocities: NDArray[np.float64] | None, masses: NDArray[np.float64] | None, cells: NDArray[np.float64],
    log: Log,
) -> NDArray[np.float64]:  # fmt: skip
    """Return ``(n_frames, 6)`` virial stress, eV/Å³, tension positive, of the nine columns of the file (pressure, bar)."""
    tensor = file_bar.reshape(-1, 3, 3) * BAR_IN_EV_PER_CUBIC_ANGSTROM
    pressure = to_voigt(np.where((tensor == 0).all(axis=(1, 2), keepdims=True), np.nan, tensor))
    if log.run_type in ("GEO_OPT", "CELL_OPT"):  # nothing moves
        return -pressure
    if velocities is None or masses is None:
        return np.full(pressure.shape, np.nan)
    return kinetic_stress(velocities, masses, np.abs(np.linalg.det(cells))) - pressure


def _log_path(folder: Path, project: str, output: str | None) -> Path | None:
    if output is not None:
        return folder / output
    named = folder / f"{project}.out"
    if named.is_file():
        return named
    candidates = sorted(folder.glob("*.out"))
    return candidates[0] if len(candidates) == 1 else None
