# SPDX-License-Identifier: MIT
"""Parser of `zif.label`: the frames whose labels converged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from aiida.engine import ExitCode
from aiida.orm import Dict

from aiida_zif.calculations.label import part_of
from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.formats import cp2k_output
from aiida_zif.parsers.aimd import facts_of
from aiida_zif.parsers.job import ZifParser


class Cp2kLabelParser(ZifParser):
    """Energies and forces of given configurations; CP2K's REFTRAJ prints no stress."""

    program = "CP2K"

    def read(self, folder: Path) -> ExitCode | None:
        """Leave out by name what did not converge."""
        if not self.stdout:
            return self.verdict("ERROR_NO_OUTPUT", program=self.program)
        wanted = part_of(self.node.inputs.run.get_dict(), self.node.inputs.frames.n_frames)
        asked = len(wanted)
        found = cp2k_output.read(folder)
        self.out("output_parameters", Dict({**self.cost, **facts_of(found, found.conserved), "frames_asked": asked}))
        if not len(found.frames):
            return self.verdict("ERROR_PROGRAM_ABORTED", program=self.program, reason=found.error or "it left no frame")
        steps = np.arange(len(found.frames)) if found.frames.steps is None else found.frames.steps
        good = ~np.isin(steps, found.unconverged_steps)
        if good.any():
            facts: dict[str, Any] = {
                "kind": "label",
                "unconverged_steps": [int(step) + wanted.start for step in found.unconverged_steps],
                "stress": "none",
            }
            facts["parent"] = str(self.node.inputs.frames.uuid)
            # the step of a labelled frame is its number among the frames given, in whatever part it was labelled
            frames = replace(found.frames, steps=steps + wanted.start).select(good)
            self.out("trajectory", ZifTrajectoryData.from_frames(frames, **facts))
        if len(found.frames) < asked:
            return self.verdict("ERROR_INTERRUPTED", done=len(found.frames), asked=asked)
        return None
