# SPDX-License-Identifier: MIT
"""Parser of `zif.frames`."""

from __future__ import annotations

import json
from pathlib import Path

from aiida.engine import ExitCode
from aiida.orm import Dict

from aiida_zif.calculations.plain import plain
from aiida_zif.formats import scheduler
from aiida_zif.formats.dataset_file import FACTS
from aiida_zif.parsers.job import ZifParser, last_words


class ZifFramesParser(ZifParser):
    """What zif-frames says it wrote."""

    program = "zif-frames"

    def read(self, folder: Path) -> ExitCode | None:
        """One JSON file, or the program's own sentence."""
        if not (folder / FACTS).exists():
            if self.ended_by == scheduler.DISK_FULL:
                return self.verdict("ERROR_DISK_FULL", done=0, asked=1)
            if not self.stdout and not self.stderr:
                return self.verdict("ERROR_NO_OUTPUT", program=self.program)
            return self.verdict("ERROR_INPUT_REFUSED", reason=last_words(self.stdout or self.stderr, 1))
        facts = json.loads((folder / FACTS).read_text())
        self.out("results", Dict(plain({**self.cost, **facts})))
        if facts["counts"] != self.node.inputs.dataset.counts:
            return self.verdict("ERROR_OUTPUT_UNREADABLE", program=self.program, reason=f"it wrote {facts['counts']} frames")
        return None
