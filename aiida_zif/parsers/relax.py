# SPDX-License-Identifier: MIT
"""Parser of `zif.relax`: the last whole step becomes a structure; whether it is relaxed, the log says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from aiida.engine import ExitCode
from aiida.orm import Dict

from aiida_zif.calculations.functions.structure import to_structure
from aiida_zif.calculations.plain import plain
from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.formats import cp2k_output, scheduler
from aiida_zif.formats.cp2k_run import RelaxRun
from aiida_zif.parsers.aimd import facts_of
from aiida_zif.parsers.job import ZifParser
from aiida_zif.science.units import EV_PER_CUBIC_ANGSTROM_IN_GPA


class Cp2kRelaxParser(ZifParser):
    """The structure as far as it came, its energy, largest force and pressure."""

    program = "CP2K"

    def read(self, folder: Path) -> ExitCode | None:
        """Success is CP2K's own word that the optimisation is completed, never a return code."""
        run = RelaxRun.from_dict(self.node.inputs.run.get_dict())
        full = self.ended_by == scheduler.DISK_FULL
        if not self.stdout:
            if full:
                return self.verdict("ERROR_DISK_FULL", done=0, asked=run.max_steps)
            return self.verdict("ERROR_NO_OUTPUT", program=self.program)
        found = cp2k_output.read(folder)
        frames, done = found.frames, max(0, found.last_step)
        facts: dict[str, Any] = {"converged": bool(found.converged), "ended_by": self.ended_by, "method": run.method}
        force = float("nan")
        if len(frames):
            if frames.forces is not None:
                force = float(np.linalg.norm(frames.forces[-1], axis=1).max())
            facts |= {"energy_ev": frames.energies[-1] if frames.energies is not None else None, "max_force_ev_per_angstrom": force}
            if frames.stresses is not None:
                facts["pressure_gpa"] = -float(frames.stresses[-1, :3].mean()) * EV_PER_CUBIC_ANGSTROM_IN_GPA
            self.out("structure", to_structure(frames.species, frames.positions[-1], frames.cells[-1]))
            attributes: dict[str, Any] = {
                "kind": "relax",
                "method": run.method,
                "unconverged_steps": list(found.unconverged_steps),
                "stress": "virial",
            }
            self.out("trajectory", ZifTrajectoryData.from_frames(frames, **attributes))
        self.out("output_parameters", Dict({**self.cost, **facts_of(found, found.conserved), **plain(facts)}))

        if found.converged and len(frames):
            return None
        if full:
            return self.verdict("ERROR_DISK_FULL", done=done, asked=run.max_steps)
        stopped = self.ended_by is not None or found.reason_ended in ("walltime", "exit file")
        if found.reason_ended == "aborted" or not (len(frames) or stopped):
            return self.verdict("ERROR_PROGRAM_ABORTED", program=self.program, reason=found.error or "it left no frame")
        if found.reason_ended == "finished":
            return self.verdict("ERROR_NOT_RELAXED", done=done, force=force)
        return self.verdict("ERROR_INTERRUPTED", done=done, asked=run.max_steps)
