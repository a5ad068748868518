# SPDX-License-Identifier: MIT
"""Parser of `zif.aimd`: CP2K's files become one trajectory node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiida.engine import ExitCode
from aiida.orm import Dict, SinglefileData

from aiida_zif.calculations.aimd import RESTART_FILES
from aiida_zif.calculations.job import RESTART
from aiida_zif.calculations.plain import plain
from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.formats import cp2k_input, cp2k_output, cp2k_restart
from aiida_zif.parsers.job import ZifParser

UNCONVERGED_SHARE_ALLOWED = 0.05


def facts_of(found: cp2k_output.Cp2kRun) -> dict[str, Any]:
    """Return what a CP2K run says of itself, for a Dict node."""
    names = (
        "version", "host", "ranks", "threads", "wall_s", "run_type", "last_step", "reason_ended", "error", "unconverged_steps",
        "duplicates_dropped", "cut_tail",
    )  # fmt: skip
    facts = {name: plain(getattr(found, name)) for name in names}
    conserved = found.conserved
    drift = float(conserved[-1] - conserved[0]) if len(conserved) > 1 else None
    return plain({"program": "CP2K", **facts, "conserved_drift_ev": drift})


class Cp2kAimdParser(ZifParser):
    """Frames with energies, forces, velocities and virial stresses; the restart file; what it cost."""

    program = "CP2K"

    def read(self, folder: Path) -> ExitCode | None:
        """Success is the asked step reached and few frames unconverged, never a return code."""
        if not self.stdout:
            return self.verdict("ERROR_NO_OUTPUT", program=self.program)
        run = cp2k_input.AimdRun.from_dict(self.node.inputs.run.get_dict())
        found = cp2k_output.read(folder)

        restart, restart_step = self._restart(folder, before=None if found.last_step >= run.steps else run.steps)
        self.out("output_parameters", Dict({**self.cost, **facts_of(found), "restart_step": restart_step}))
        if restart is not None:
            self.out("restart", restart)
        if len(found.frames):
            facts: dict[str, Any] = {
                "kind": "aimd", "timestep_fs": run.timestep_fs, "asked_temperature_k": run.temperature_k, "method": run.method,
                "first_used_step": run.equilibration_steps, "unconverged_steps": list(found.unconverged_steps), "stress": "virial",
            }  # fmt: skip
            self.out("trajectory", ZifTrajectoryData.from_frames(found.frames, **facts))

        if not len(found.frames) or found.reason_ended == "aborted":
            return self.verdict("ERROR_PROGRAM_ABORTED", program=self.program, reason=found.error or "it left no frame")
        if found.last_step < run.steps:
            return self.verdict("ERROR_INTERRUPTED", done=found.last_step, asked=run.steps)
        share = len(found.unconverged_steps) / len(found.frames)
        if share > UNCONVERGED_SHARE_ALLOWED:
            return self.verdict("ERROR_LABELS_NOT_CONVERGED", share=share)
        return None

    @staticmethod
    def _restart(folder: Path, before: int | None) -> tuple[SinglefileData | None, int]:
        """Return the newest restart file that is whole, and its step: it may be older than the last frame.

        Of an unfinished run it is one ``before`` the last step, for else nothing would be left to run.
        """
        found = {name: cp2k_restart.restart_step(folder / name) for name in RESTART_FILES}
        steps = {name: step for name, step in found.items() if step is not None and (before is None or step < before)}
        if not steps:
            return None, 0
        name = max(steps, key=lambda name: steps[name])
        return SinglefileData(folder / name, filename=RESTART), steps[name]
