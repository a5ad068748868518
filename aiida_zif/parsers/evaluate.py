# SPDX-License-Identifier: MIT
"""Parser of `zif.evaluate`."""

from __future__ import annotations

import json
from pathlib import Path

from aiida.engine import ExitCode
from aiida.orm import Dict

from aiida_zif.calculations.evaluate import ACCURACY
from aiida_zif.calculations.plain import plain
from aiida_zif.parsers.job import ZifParser, last_words


class NequipEvaluateParser(ZifParser):
    """The errors that zif-evaluate wrote."""

    program = "zif-evaluate"

    def read(self, folder: Path) -> ExitCode | None:
        """One JSON file, or the program's own sentence."""
        path = folder / ACCURACY
        if not path.exists():
            return self.verdict("ERROR_MODEL_UNUSABLE", reason=last_words(self.stdout or self.stderr, 1))
        self.out("accuracy", Dict(plain({**self.cost, **json.loads(path.read_text())})))
        return None
