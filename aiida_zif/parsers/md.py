# SPDX-License-Identifier: MIT
"""Parser of `zif.md`: every thermo table, the trajectory, the cells, what a restart needs."""

from __future__ import annotations

import json
import tempfile
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from aiida.engine import ExitCode
from aiida.orm import ArrayData, Dict, SinglefileData

from aiida_zif import __version__
from aiida_zif.calculations.functions.structure import to_structure
from aiida_zif.calculations.md import CELLS, DUMP, FINAL_DATA, FINAL_RESTART, LOG, RESTARTS
from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.formats import h5md, lammps_data, lammps_dump, lammps_log, lammps_restart, lammps_units, scheduler
from aiida_zif.formats.lammps_run import MdRun
from aiida_zif.formats.lammps_topology import COLUMNS
from aiida_zif.formats.lammps_units import Units
from aiida_zif.parsers.job import ZifParser, last_words
from aiida_zif.science import stability
from aiida_zif.science.units import FS_IN_PS

BLOWN_UP = ("lost atoms", "non-numeric", "missing on proc", "out of range atoms", "simulation unstable")
"""Words of LAMMPS, in lower case, for atoms that flew apart."""
RECORD = "zif-lmp: {"
"""How the last line of zif-lmp begins; a LAMMPS of a cluster prints none."""
SIGNALLED = 128
"""From this code on, a signal stopped it."""
ILLEGAL = "Illegal instruction"
"""What a LAMMPS that runs the model's code itself dies of where the processor lacks an instruction set."""
THERMO = {"step": "1", "time": "ps", "pe": "eV", "ke": "eV", "temp": "K", "press": "eV/angstrom^3", "vol": "angstrom^3"}
"""Columns kept, with their units."""
COLUMNS_OF_FRAMES = {"pe": "energies", "temp": "temperatures"}
DAY_IN_S = 86400
NAMES = {"pe": "potential_energy", "ke": "kinetic_energy", "temp": "temperature", "press": "pressure", "vol": "volume"}


@dataclass(frozen=True)
class Bad:
    """Where a run stopped being physics."""

    step: int
    """First step seen to be bad."""
    sound: int
    """Last step before it that was seen to be sound; −1 without one."""
    reason: str
    """In one sentence."""


def first_bad(log: lammps_log.LammpsLog, run: MdRun) -> Bad | None:
    """Return where energy, temperature or pressure became no number, or the temperature ran away, or atoms were lost; else ``None``."""
    limits, hottest = {}, 0.0
    for stage in run.stages:
        hottest = max(hottest, *(stage.temperatures if stage.kind != "minimise" else (0.0,)))
        limits[stage.label] = stability.hottest_allowed(hottest, run.velocity_factor)
    sound = -1
    for table in log.tables:
        columns = np.stack([table.columns[name] for name in ("pe", "temp", "press") if name in table.columns])
        kelvin, limit = table.columns.get("temp", np.zeros(len(table))), limits.get(table.label, np.inf)
        wrong = ~np.isfinite(columns).all(axis=0)
        bad = np.flatnonzero(wrong | (kelvin > limit))
        steps = table.columns["step"].astype(int)
        if len(bad):
            row = bad[0]
            reason = "an energy, temperature or pressure is not a number."
            if not wrong[row]:
                reason = f"the temperature is {kelvin[row]:.0f} K, above the {limit:.0f} K that the stage {table.label} can reach."
            return Bad(int(steps[row]), int(steps[row - 1]) if row else sound, reason)
        sound = int(steps[-1])
    if log.error and any(words in log.error.lower() for words in BLOWN_UP):
        return Bad(max(log.last_step or 0, sound), sound, log.error)
    return None


def bad_facts(bad: Bad | None) -> dict[str, int]:
    """Return what the results say of it."""
    return {} if bad is None else {"first_bad_step": bad.step, "last_sound_step": bad.sound}


def timesteps_of(run: MdRun, first: int, last: int | None) -> list[dict[str, float]]:
    """Return which time step was used from which step to which."""
    return [{"first_step": first, "last_step": max(first, last or first), "timestep_fs": run.timestep_fs}]


class LammpsMdParser(ZifParser):
    """Success is the last step reached, never a return code."""

    program = "LAMMPS"

    def read(self, folder: Path) -> ExitCode | None:
        """Put out what the job left, then judge."""
        path = folder / LOG
        if not path.exists():
            return self.verdict("ERROR_NO_OUTPUT", program=self.program)
        run = MdRun.from_dict(self.node.inputs.run.get_dict())
        potential = self.node.inputs.potential
        units = lammps_units.of(potential.base.attributes.get("units", "metal"))
        log = lammps_log.parse(path.read_text(errors="replace"), units)
        bad = first_bad(log, run)
        restart, restart_step = self._restart(folder, log, run, bad)
        size = 0 if restart is None else len(restart.get_content("rb"))
        self.out("results", Dict({**self._facts(log, run, restart_step), "restart_bytes": size, **bad_facts(bad)}))
        if restart is not None:
            self.out("restart", restart)
        types = potential.type_names
        if log.tables:
            self.out("thermo", self._thermo(log, run))
        if (trajectory := self._trajectory(folder / DUMP, run, log, units)) is not None:
            self.out("trajectory", trajectory)
        if (folder / CELLS).exists():
            self.out("cells", self._cells(lammps_log.read_cells((folder / CELLS).read_text(), units), run))
        if log.finished:
            columns = COLUMNS[potential.base.attributes.get("atom_style", "atomic")]
            final = lammps_data.read((folder / FINAL_DATA).read_text(), types, columns)
            self.out("structure", to_structure(final.species, final.positions[0], final.cells[0]))
        return self._judge(log, run, bad)

    @property
    def _begun(self) -> int:
        """The steps that were done before."""
        return int(self.node.inputs.finished_steps.value) if "finished_steps" in self.node.inputs else 0

    def _trajectory(self, path: Path, run: MdRun, log: lammps_log.LammpsLog, units: Units) -> ZifTrajectoryData | None:
        """Return the frames with what the log says of them, written some MB at a time: a dump may be larger than the memory here."""
        if not path.exists():
            return None
        types, timestep_ps = self.node.inputs.potential.type_names, run.timestep_fs * FS_IN_PS
        facts: dict[str, Any] = {"kind": "md", "timestep_fs": run.timestep_fs, "stages": [stage.label for stage in run.stages]}
        try:
            known = {column: log.at_steps(lammps_dump.steps(path), column) for column in ("pe", "temp")}
            known = {column: values for column, values in known.items() if np.isfinite(values).all()}
            with tempfile.TemporaryDirectory() as place:
                target = Path(place) / ZifTrajectoryData.FILENAME
                done = 0
                with h5md.Writer(target, unwrapped=True, creator_version=__version__) as writer:
                    for frames in lammps_dump.batches(path, types, timestep_ps, units=units):
                        here = {COLUMNS_OF_FRAMES[column]: values[done : done + len(frames)] for column, values in known.items()}
                        writer.append(replace(frames, **here))  # type: ignore[arg-type]
                        done += len(frames)
                return ZifTrajectoryData.from_file(target, verify=False, **facts)
        except ValueError:
            if log.finished:
                raise
            return None  # killed before the first frame was whole

    def _judge(self, log: lammps_log.LammpsLog, run: MdRun, bad: Bad | None) -> ExitCode | None:
        if bad is not None:
            return self.verdict("ERROR_MODEL_UNSTABLE", step=bad.step, reason=bad.reason)
        if log.finished:
            return None
        done = log.last_step or self._begun
        if self.ended_by == scheduler.DISK_FULL:
            return self.verdict("ERROR_DISK_FULL", done=done, asked=run.total_steps)
        if self.ended_by is not None:
            return self.verdict("ERROR_INTERRUPTED", done=done, asked=run.total_steps)
        if not log.tables:
            return self._judge_start(log, run)
        if log.error:
            return self.verdict("ERROR_PROGRAM_ABORTED", program=self.program, reason=log.error)
        return self.verdict("ERROR_INTERRUPTED", done=done, asked=run.total_steps)

    def _judge_start(self, log: lammps_log.LammpsLog, run: MdRun) -> ExitCode:
        """Judge a run without one row of a table: stopped, refused by zif-lmp in a sentence of its own, or LAMMPS's error."""
        record = self._record()
        if record.get("code", 0) >= SIGNALLED:
            return self.verdict("ERROR_INTERRUPTED", done=0, asked=run.total_steps)
        said = [line for line in self.stdout.splitlines() if not line.startswith(RECORD)]
        ours = [line.removeprefix("zif-lmp: ") for line in said if line.startswith("zif-lmp: ") and "warning:" not in line]
        sentence = record.get("error") or (ours[-1] if ours and not record else "")
        if record.get("unfit"):
            return self.verdict("ERROR_MODEL_UNFIT", reason=sentence)
        if sentence and not sentence.startswith("ERROR"):
            return self.verdict("ERROR_MODEL_UNUSABLE", reason=sentence)
        if ILLEGAL in self.stderr or ILLEGAL in self.stdout:
            return self.verdict("ERROR_MODEL_UNFIT", reason=f"the program ended with '{ILLEGAL}'")
        reason = log.error or last_words("\n".join(said) or self.stderr, 1)
        return self.verdict("ERROR_PROGRAM_ABORTED", program=self.program, reason=reason)

    def _record(self) -> dict[str, Any]:
        """Return what zif-lmp says of itself at its end; empty for a LAMMPS of a cluster, or one that was killed."""
        for line in reversed(self.stdout.splitlines()):
            if line.startswith(RECORD):
                with suppress(json.JSONDecodeError):  # a full disk cuts it
                    return dict(json.loads(line[len(RECORD) - 1 :]))
        return {}

    def _facts(self, log: lammps_log.LammpsLog, run: MdRun, restart_step: int) -> dict[str, Any]:
        rate = log.steps_per_second
        return {
            "ns_per_day": None if rate is None else rate * run.timestep_fs * FS_IN_PS * 1e-3 * DAY_IN_S,
            "program": "LAMMPS", "version": log.version, "last_step": log.last_step, "asked_step": run.total_steps, "wall_s": log.wall_s,
            "steps_per_second": rate, "ranks": log.ranks, "threads": log.threads, "warnings": list(log.warnings),
            "finished": log.finished, "restart_step": restart_step, **self.cost, **self._record(), "ended_by": self.ended_by,
            "reason_ended": "asked steps" if log.finished else "time limit of its own" if log.timeout else "cut",
            "timesteps": timesteps_of(run, self._begun, log.last_step),
        }  # fmt: skip

    def _thermo(self, log: lammps_log.LammpsLog, run: MdRun) -> ArrayData:
        labels = [stage.label for stage in run.stages]
        tables = [table for table in lammps_log.join([log]) if table.label in labels]
        node = ArrayData()
        for column, unit in THERMO.items():
            name = NAMES.get(column, column)
            node.set_array(name, np.concatenate([table.columns[column] for table in tables]))
            node.base.attributes.set(f"units|{name}", unit)
        node.set_array("stage", np.concatenate([np.full(len(table), labels.index(table.label)) for table in tables]))
        node.base.attributes.set("stages", labels)
        return node

    @staticmethod
    def _cells(log: lammps_log.CellLog, run: MdRun) -> ArrayData:
        node = ArrayData()
        ends = np.array([end for _, end in run.spans])
        # a row at the very step at which a stage ends belongs to that stage
        stage = np.searchsorted(ends, log.steps, side="left")
        for name, values, unit in (("step", log.steps, "1"), ("cell", log.cells, "angstrom"), ("stage", stage, "1")):
            node.set_array(name, values)
            node.base.attributes.set(f"units|{name}", unit)
        node.base.attributes.set("stages", [stage.label for stage in run.stages])
        return node

    @staticmethod
    def _restart(folder: Path, log: lammps_log.LammpsLog, run: MdRun, bad: Bad | None) -> tuple[SinglefileData | None, int]:
        """Return the newest restart file that is whole, and its step: the final one or one of the two in turn.

        Of an unfinished run it is one before the last step: killed while it writes the end, a run has to come to it again. Of one that
        blew up it is one no later than a row that was seen to be sound.
        """
        before = bad.sound + 1 if bad is not None else None if log.finished else run.total_steps
        candidates = {name: (folder / name).read_bytes() for name in (*RESTARTS, FINAL_RESTART) if (folder / name).exists()}
        found = lammps_restart.newest(candidates)
        while found is not None and before is not None and found[1].step >= before:
            candidates.pop(found[0])
            found = lammps_restart.newest(candidates)
        if found is None:
            return None, 0
        name, facts = found
        return SinglefileData(folder / name, filename="segment.restart"), facts.step
