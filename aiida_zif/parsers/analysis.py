# SPDX-License-Identifier: MIT
"""Parser of `zif.analysis`."""

from __future__ import annotations

from pathlib import Path

from aiida.engine import ExitCode
from aiida.orm import Dict

from aiida_zif.calculations.functions.analysis import to_nodes
from aiida_zif.calculations.plain import plain
from aiida_zif.formats import analysis_run, scheduler
from aiida_zif.parsers.job import ZifParser, last_words


class ZifAnalysisParser(ZifParser):
    """Summary and curves as nodes."""

    program = "zif-analysis"

    def read(self, folder: Path) -> ExitCode | None:
        """Two files, or the program's own sentence."""
        if not (folder / analysis_run.SUMMARY).exists():
            if self.ended_by == scheduler.DISK_FULL:
                return self.verdict("ERROR_DISK_FULL", done=0, asked=1)
            if self.ended_by is not None:
                return self.verdict("ERROR_INTERRUPTED", done=0, asked=1)
            if not self.stdout and not self.stderr:
                return self.verdict("ERROR_NO_OUTPUT", program=self.program)
            return self.verdict("ERROR_ANALYSIS_REFUSED", reason=last_words(self.stdout or self.stderr, 1))
        result, facts = analysis_run.read(folder)
        for name, node in to_nodes(result).items():
            self.out(name, node)
        self.out("cost", Dict(plain({**self.cost, **facts})))
        return None
