# SPDX-License-Identifier: MIT
"""Parser of `zif.md`: every thermo table, the trajectory, the cells, what a restart needs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from aiida.engine import ExitCode
from aiida.orm import ArrayData, Dict, SinglefileData

from aiida_zif.calculations.functions.structure import to_structure
from aiida_zif.calculations.md import CELLS, DUMP, FINAL_DATA, FINAL_RESTART, LOG, RESTARTS
from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.formats import lammps_data, lammps_dump, lammps_log, lammps_restart
from aiida_zif.formats.lammps_run import MdRun
from aiida_zif.parsers.job import ZifParser, last_words
from aiida_zif.science.units import FS_IN_PS

RECORD = "zif-lmp: {"
"""How the last line of zif-lmp begins; a LAMMPS of a cluster prints none."""
THERMO = {"step": "1", "time": "ps", "pe": "eV", "ke": "eV", "temp": "K", "press": "eV/angstrom^3", "vol": "angstrom^3"}
"""Columns kept, with their units."""
NAMES = {"pe": "potential_energy", "ke": "kinetic_energy", "temp": "temperature", "press": "pressure", "vol": "volume"}


class LammpsMdParser(ZifParser):
    """Success is the last step reached, never a return code."""

    program = "LAMMPS"

    def read(self, folder: Path) -> ExitCode | None:
        """Put out what the job left, then judge."""
        path = folder / LOG
        if not path.exists():
            return self.verdict("ERROR_NO_OUTPUT", program=self.program)
        run = MdRun.from_dict(self.node.inputs.run.get_dict())
        log = lammps_log.parse(path.read_text(errors="replace"))
        restart, restart_step = self._restart(folder)
        self.out("results", Dict(self._facts(log, run, restart_step)))
        if restart is not None:
            self.out("restart", restart)
        types = self.node.inputs.potential.type_names
        if log.tables:
            self.out("thermo", self._thermo(log, run))
        frames = lammps_dump.read(folder / DUMP, types, run.timestep_fs * FS_IN_PS) if (folder / DUMP).exists() else None
        if frames is not None and len(frames):
            frames = self._with_thermo(frames, log)
            facts = {"kind": "md", "timestep_fs": run.timestep_fs, "stages": [stage.label for stage in run.stages]}
            self.out("trajectory", ZifTrajectoryData.from_frames(frames, unwrapped=True, **facts))
        if (folder / CELLS).exists():
            self.out("cells", self._cells(lammps_log.read_cells((folder / CELLS).read_text()), run))
        if log.finished:
            final = lammps_data.read((folder / FINAL_DATA).read_text(), types)
            self.out("structure", to_structure(final.species, final.positions[0], final.cells[0]))
        return self._judge(log, run)

    def _judge(self, log: lammps_log.LammpsLog, run: MdRun) -> ExitCode | None:
        bad = self._first_bad_step(log)
        if bad is not None:
            return self.verdict("ERROR_MODEL_UNSTABLE", step=bad, reason="an energy, temperature or pressure is not a number.")
        if log.error and "lost" in log.error.lower():
            return self.verdict("ERROR_MODEL_UNSTABLE", step=log.last_step or 0, reason=log.error)
        if log.finished:
            return None
        if not log.tables:
            refused = "zif-lmp:" in self.stdout + self.stderr
            reason = log.error or last_words(self.stderr or self.stdout, 1)
            return (
                self.verdict("ERROR_MODEL_UNUSABLE", reason=reason)
                if refused
                else self.verdict("ERROR_PROGRAM_ABORTED", program=self.program, reason=reason)
            )
        if log.error:
            return self.verdict("ERROR_PROGRAM_ABORTED", program=self.program, reason=log.error)
        return self.verdict("ERROR_INTERRUPTED", done=log.last_step or 0, asked=run.total_steps)

    @staticmethod
    def _first_bad_step(log: lammps_log.LammpsLog) -> int | None:
        for table in log.tables:
            columns = [table.columns[name] for name in ("pe", "temp", "press") if name in table.columns]
            bad = np.flatnonzero(~np.isfinite(columns).all(axis=0))
            if len(bad):
                return int(table.columns["step"][bad[0]])
        return None

    def _facts(self, log: lammps_log.LammpsLog, run: MdRun, restart_step: int) -> dict[str, Any]:
        record: dict[str, Any] = {}
        for line in self.stdout.splitlines():
            if line.startswith(RECORD):
                record = json.loads(line[len(RECORD) - 1 :])
        return {
            "program": "LAMMPS", "version": log.version, "last_step": log.last_step, "asked_step": run.total_steps, "wall_s": log.wall_s,
            "steps_per_second": log.steps_per_second, "ranks": log.ranks, "threads": log.threads, "warnings": list(log.warnings),
            "finished": log.finished, "restart_step": restart_step, **self.cost, **record,
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
    def _with_thermo(frames: Any, log: lammps_log.LammpsLog) -> Any:
        energies, temperatures = (log.at_steps(frames.steps, name) for name in ("pe", "temp"))
        known = {"energies": energies, "temperatures": temperatures}
        return replace(frames, **{name: values for name, values in known.items() if np.isfinite(values).all()})

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
    def _restart(folder: Path) -> tuple[SinglefileData | None, int]:
        """Return the newest restart file that is whole, and its step: the final one or one of the two in turn."""
        candidates = {name: (folder / name).read_bytes() for name in (*RESTARTS, FINAL_RESTART) if (folder / name).exists()}
        found = lammps_restart.newest(candidates)
        if found is None:
            return None, 0
        name, facts = found
        return SinglefileData(folder / name, filename="segment.restart"), facts.step
