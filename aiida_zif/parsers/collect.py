# SPDX-License-Identifier: MIT
"""Parser of `zif.collect`."""

from __future__ import annotations

import json
from pathlib import Path

from aiida.engine import ExitCode
from aiida.orm import Dict

from aiida_zif.calculations.collect import FACTS, TRAJECTORY, asked_step, facts_of_run
from aiida_zif.calculations.plain import plain
from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.parsers.aimd import UNCONVERGED_SHARE_ALLOWED
from aiida_zif.parsers.job import ZifParser, last_words


class Cp2kCollectParser(ZifParser):
    """The trajectory that zif-collect wrote; the verdict is that on the run, as if its text had been parsed here."""

    program = "CP2K"

    def read(self, folder: Path) -> ExitCode | None:
        """One JSON file and the trajectory, which is not read here; or the program's own sentence."""
        if not (folder / FACTS).exists():
            if not self.stdout and not self.stderr:
                return self.verdict("ERROR_NO_OUTPUT", program="zif-collect")
            return self.verdict("ERROR_INPUT_REFUSED", reason=last_words(self.stdout or self.stderr, 1))
        facts = json.loads((folder / FACTS).read_text())
        run = self.node.inputs.run.get_dict() if "run" in self.node.inputs else {}
        self.out("output_parameters", Dict(plain({**self.cost, **facts})))
        if facts["n_frames"]:
            known = {**facts_of_run(run), "unconverged_steps": facts["unconverged_steps"]}
            trajectory = ZifTrajectoryData.from_file(folder / TRAJECTORY, verify=False, **known)
            if trajectory.content_hash != facts["content_hash"]:
                raise ValueError(f"{TRAJECTORY} is not the file that {FACTS} speaks of; collect again")
            self.out("trajectory", trajectory)

        done, asked = facts["last_step"], asked_step(run)
        if not facts["n_frames"] or facts["reason_ended"] == "aborted":
            return self.verdict("ERROR_PROGRAM_ABORTED", program=self.program, reason=facts["error"] or "it left no frame")
        if asked is not None and done < asked:
            return self.verdict("ERROR_INTERRUPTED", done=done, asked=asked)
        share = len(facts["unconverged_steps"]) / facts["n_frames"]
        if share > UNCONVERGED_SHARE_ALLOWED:
            return self.verdict("ERROR_LABELS_NOT_CONVERGED", share=share)
        return None
