# SPDX-License-Identifier: MIT
"""What a CP2K run left in its folder → Frames in our units, whatever ended the run, a few MB at a time.

A restart in the same directory appends to every file, so that steps come twice; the later one counts. A REFTRAJ run
numbers its second frame 1 like its first, so there the time tells the frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_zif.formats.cp2k_files import Log, Table, read_log, read_table
from aiida_zif.formats.cp2k_join import StepOf, last_of_each, of_different_runs, partners, rows_of
from aiida_zif.formats.cp2k_stress import Content, is_diagonal, stress
from aiida_zif.formats.cp2k_xyz import XyzFile, scan_xyz
from aiida_zif.science.frames import Frames
from aiida_zif.science.kinetic import MAX_SPACING_FS, estimated_velocities, linked
from aiida_zif.science.units import ATOMIC_FORCE_IN_EV_PER_ANGSTROM, ATOMIC_VELOCITY_IN_ANGSTROM_PER_PS, FS_IN_PS, HARTREE_IN_EV

BATCH_BYTES = 16 * 1024 * 1024
"""Numbers of one batch, unless told otherwise."""
_ROWS = 4096
_SCALES = {"frc": ATOMIC_FORCE_IN_EV_PER_ANGSTROM, "vel": ATOMIC_VELOCITY_IN_ANGSTROM_PER_PS}
_WORDS = {"frc": "forces", "vel": "velocities"}


@dataclass(frozen=True)
class Cp2kFacts:
    """What one CP2K run says of itself, and how far its files are whole."""

    n_frames: int
    """Unique by step; of REFTRAJ one for each given frame."""
    last_step: int
    """The last step of the frames; -1 without any."""
    unconverged_steps: tuple[int, ...]
    """Steps of the frames whose SCF did not converge, by the log (of REFTRAJ: indices into the input)."""
    duplicates_dropped: int
    """Frames that a later run in the same folder wrote again."""
    cut_tail: bool
    """True if any file holds something that is not whole, or a frame lacks its part in one of the files."""
    problems: tuple[str, ...]
    """What does not fit together in the folder, a sentence each."""
    stress_content: Content
    """What the stresses of the frames hold, see Frames."""
    reason_ended: str
    """``finished``, ``walltime``, ``exit file``, ``aborted`` or ``cut`` (the log just ends, or there is none)."""
    error: str | None
    """The sentence with which CP2K aborted."""
    converged: bool | None
    """Of a relaxation: did it converge? ``None`` for other runs."""
    run_type: str | None
    """MD, REFTRAJ, GEO_OPT, CELL_OPT, … as the log says."""
    version: str | None
    """Of CP2K, e.g. 2023.1."""
    host: str | None
    ranks: int | None
    threads: int | None
    wall_s: float | None
    """CP2K's own count; ``None`` where the run did not reach its end."""


@dataclass(frozen=True, kw_only=True)
class Cp2kRun(Cp2kFacts):
    """One CP2K run as far as its files are whole."""

    frames: Frames
    """In order; ``steps`` of REFTRAJ are indices into its input. Stresses are NaN where CP2K gave none."""
    conserved: NDArray[np.float64]
    """``(n_frames,)``, the conserved quantity, eV; NaN where unknown."""


@dataclass(frozen=True)
class Cp2kFolder:
    """One CP2K run, its frames found but not read: some 90 bytes a frame."""

    facts: Cp2kFacts
    steps: NDArray[np.int64]
    """``(n_frames,)``, unique, in order."""
    conserved: NDArray[np.float64]
    """``(n_frames,)``, the conserved quantity, eV; NaN where unknown."""
    _files: dict[str, XyzFile]
    """Positions ``pos``, where they are there forces ``frc`` and velocities ``vel``, a frame of each for each step."""
    _cells: Table
    _stresses: Table
    _energies: NDArray[np.float64]
    _temperatures: NDArray[np.float64] | None
    _times_ps: NDArray[np.float64] | None
    _masses: NDArray[np.float64] | None
    _diagonal: bool
    _still: bool
    """Whether nothing moves, as in a relaxation."""
    _links: NDArray[np.bool_]
    _spacing_ps: float

    def batches(self, max_bytes: int = BATCH_BYTES) -> Iterator[Frames]:
        """Yield the frames in order, so many at a time that their numbers take ``max_bytes``, but one at least.

        The batches carry the same fields. Raises ``ValueError`` if a file has become shorter since it was opened.
        """
        size = 24 * max(1, len(self._files["pos"].species)) * len(self._files)
        n = max(1, max_bytes // size)
        for begin in range(0, len(self.steps), n):
            yield self._frames(begin, min(begin + n, len(self.steps)))

    @property
    def has_masses(self) -> bool:
        """Whether the masses of the run are known."""
        return self._masses is not None

    def all(self) -> Frames:
        """Return all frames, none perhaps."""
        return self._frames(0, len(self.steps))

    def _frames(self, begin: int, end: int) -> Frames:
        which = slice(begin, end)
        positions = self._files["pos"]
        estimate = self.facts.stress_content == "estimated"
        wide = slice(max(begin - 1, 0), end + 1) if estimate else which
        inner = slice(begin - wide.start, end - wide.start)
        values = {
            name: file.read(wide if name == "pos" or (estimate and name == "frc") else which, _SCALES.get(name, 1.0))
            for name, file in self._files.items()
        }
        cells = self._cells.read(wide)[:, :9].reshape(-1, 3, 3)
        velocities = values.get("vel")
        if estimate and self._masses is not None:
            links = self._links[wide.start : max(wide.start, min(wide.stop, len(self.steps)) - 1)]
            velocities = estimated_velocities(values["pos"], cells, self._spacing_ps, links, self._masses, values.get("frc"))[inner]
            values = {name: value[inner] for name, value in values.items()}
        cells = cells[inner]
        return Frames(
            species=positions.species,
            positions=values["pos"],
            cells=cells,
            energies=self._energies[which],
            forces=values.get("frc"),
            stresses=stress(
                self._stresses.read(which),
                self.facts.stress_content,
                self._diagonal,
                cells,
                self._masses,
                None if self._still else velocities,
            ),
            velocities=values.get("vel"),
            steps=self.steps[which],
            times=None if self._times_ps is None else self._times_ps[which],
            temperatures=None if self._temperatures is None else self._temperatures[which],
            masses=self._masses,
            stress_content=self.facts.stress_content,
        )


def read(folder: Path, project: str = "aiida", masses: Mapping[str, float] | None = None, output: str | None = None) -> Cp2kRun:
    """Read all of a run into memory; see :func:`open_run`."""
    found = open_run(folder, project, masses, output)
    facts: dict[str, Any] = {field.name: getattr(found.facts, field.name) for field in fields(found.facts)}
    return Cp2kRun(**facts, frames=found.all(), conserved=found.conserved)


def open_run(folder: Path, project: str = "aiida", masses: Mapping[str, float] | None = None, output: str | None = None) -> Cp2kFolder:
    """Find the frames of a run in the files that CP2K wrote into ``folder``.

    ``masses`` (amu, by symbol) are those of the run; if they are not given, those that the log prints (four decimals)
    are used. ``output`` names the log; else it is ``project.out`` or the only other file ``*.out``.
    Never raises for what the files hold. Raises ``ValueError`` if ``masses`` lack an element of the run.
    """
    folder = Path(folder)
    log = read_log(_log_path(folder, project, output))
    positions = scan_xyz(folder / f"{project}-pos-1.xyz")
    step_of = StepOf(log, positions)
    in_file = step_of(positions)
    problems = [] if len(in_file) else _unread(positions, positions, "positions")
    cut = positions.cut
    usable = np.ones(len(in_file), np.bool_)
    others: dict[str, tuple[XyzFile, NDArray[np.intp]]] = {}
    for name in ("frc", "vel"):
        file = scan_xyz(folder / f"{project}-{name}-1.xyz")
        if not len(file.steps) or file.species != positions.species:
            problems += _unread(file, positions, _WORDS[name])
            continue
        place = partners(positions, file, step_of)
        if of_different_runs(positions, file, place, step_of):
            problems.append(
                f"{(place < 0).sum()} of {len(place)} frames of {positions.path.name} are not in {file.path.name} by step and energy: they "
                "are of different runs; give one folder to each run"
            )
            place = np.full_like(place, -1)
        cut |= file.cut or len(file.steps) != len(positions.steps)
        usable &= place >= 0
        others[name] = (file.places(), place)
    chosen = last_of_each(in_file, usable)
    n_steps = len(np.unique(in_file))
    cut |= len(chosen) < n_steps

    tables = {name: read_table(folder / f"{project}-1.{name}", n) for name, n in (("cell", 12), ("ener", 7), ("stress", 11))}
    cut |= any(table.cut for table in tables.values())
    rows = {name: rows_of(table, positions, step_of, chosen) for name, table in tables.items()}
    has_cell = rows["cell"] >= 0
    if not has_cell.all():
        cut = True
        problems.append(f"{(~has_cell).sum()} of {len(chosen)} frames have no cell in {tables['cell'].path.name} and were left out")
        chosen, rows = chosen[has_cell], {name: which[has_cell] for name, which in rows.items()}
    picked = {name: table.pick(rows[name]) for name, table in tables.items()}

    files = {"pos": _picked(positions.places(), chosen)} | {name: _picked(file, place[chosen]) for name, (file, place) in others.items()}
    steps, segments, times_fs = in_file[chosen], positions.segments[chosen], positions.times_fs[chosen]
    known = _masses(positions.species, masses, log)
    temperatures, conserved = _energies(picked["ener"], step_of.is_reftraj)
    timed = len(steps) > 0 and not step_of.is_reftraj and bool(np.isfinite(times_fs).all())
    still = log.run_type in ("GEO_OPT", "CELL_OPT") or not timed
    spacing_fs = _spacing_fs(steps, times_fs) if timed else np.inf
    near = linked(steps, segments)
    enough = near.any() if "frc" in files else (near[1:] & near[:-1]).any()
    content: Content = "total"
    if still or not (picked["stress"].starts >= 0).any() or ("vel" in files and known is not None):
        content = "virial"
    elif known is not None and "vel" not in files and spacing_fs <= MAX_SPACING_FS and enough:
        content = "estimated"
    failed = log.scf_failed | ({int(steps[0])} if len(steps) == 1 and log.start_failed else set())
    facts = Cp2kFacts(
        n_frames=len(steps),
        last_step=int(steps[-1]) if len(steps) else -1,
        unconverged_steps=tuple(steps[np.isin(steps, sorted(failed))].tolist()),
        duplicates_dropped=len(in_file) - n_steps,
        cut_tail=bool(cut),
        problems=tuple(problems),
        stress_content=content,
        reason_ended=log.reason_ended,
        error=log.error,
        converged=log.converged,
        run_type=log.run_type,
        version=log.version,
        host=log.host,
        ranks=log.ranks,
        threads=log.threads,
        wall_s=log.wall_s,
    )
    return Cp2kFolder(
        facts, steps, conserved, files, picked["cell"], picked["stress"], positions.energies[chosen] * HARTREE_IN_EV, temperatures,
        times_fs * FS_IN_PS if timed else None, known, is_diagonal(folder, project, picked["stress"]), still, near, spacing_fs * FS_IN_PS,
    )  # fmt: skip


def _unread(file: XyzFile, positions: XyzFile, what: str) -> list[str]:
    """Return why a file is not used; velocities need not be there at all."""
    name = file.path.name
    if len(file.steps) and positions.species:
        return [f"{name} has other atoms than {positions.path.name}, or in another order: its {what} were left out"]
    if file.path.is_file():
        return [f"{name} holds no whole frame: there are no {what}"]
    return [] if what == "velocities" else [f"there is no {name}, so that there are no {what}; let CP2K print them"]


def _picked(file: XyzFile, which: NDArray[np.intp]) -> XyzFile:
    return replace(file, starts=file.starts[which], small=file.small[which])


def _energies(table: Table, is_reftraj: bool) -> tuple[NDArray[np.float64] | None, NDArray[np.float64]]:
    """Return temperatures, K, of all frames or ``None``, and the conserved quantity, eV."""
    found = np.full((len(table.starts), 2), np.nan)
    for begin in range(0, 0 if is_reftraj else len(found), _ROWS):
        found[begin : begin + _ROWS] = table.read(slice(begin, begin + _ROWS))[:, [1, 3]]
    temperatures, conserved = found.T.copy()
    return None if is_reftraj or np.isnan(temperatures).any() else temperatures, conserved * HARTREE_IN_EV


def _spacing_fs(steps: NDArray[np.int64], times_fs: NDArray[np.float64]) -> float:
    """Return the time between two neighbouring frames, by the whole run: three decimals of one header are too few."""
    gaps = np.diff(steps)
    duration = float(times_fs[-1] - times_fs[0])
    return duration / float(steps[-1] - steps[0]) * float(gaps.min()) if len(gaps) and duration > 0 else np.inf


def _masses(species: tuple[str, ...], masses: Mapping[str, float] | None, log: Log) -> NDArray[np.float64] | None:
    if masses is not None:
        missing = sorted(set(species) - set(masses))
        if missing:
            raise ValueError(f"masses were given for {', '.join(sorted(masses))}, but the run has {missing[0]} as well; give its mass, too")
        return np.array([masses[symbol] for symbol in species], float)
    if species and set(log.masses) == set(range(len(species))):
        return np.array([log.masses[i] for i in range(len(species))])
    return None


def _log_path(folder: Path, project: str, output: str | None) -> Path | None:
    if output is not None:
        return folder / output
    named = folder / f"{project}.out"
    if named.is_file():
        return named
    candidates = sorted(folder.glob("*.out"))
    return candidates[0] if len(candidates) == 1 else None
