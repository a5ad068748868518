# SPDX-License-Identifier: MIT
"""Parser of `zif.disagree`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from aiida.engine import ExitCode
from aiida.orm import ArrayData, Dict

from aiida_zif.calculations.disagree import ARRAYS, DOCUMENT
from aiida_zif.calculations.plain import plain
from aiida_zif.parsers.evaluate import REFUSED
from aiida_zif.parsers.job import ZifParser, last_words


class ZifDisagreeParser(ZifParser):
    """The numbers that zif-disagree wrote, of all frames and of each."""

    program = "zif-disagree"

    def read(self, folder: Path) -> ExitCode | None:
        """Two files, or the program's own sentence."""
        if not (folder / DOCUMENT).exists():
            if not self.stdout and not self.stderr:
                return self.verdict("ERROR_NO_OUTPUT", program=self.program)
            reason = last_words(self.stdout or self.stderr, 1)
            _, about_frames, why = reason.partition(REFUSED)
            return self.verdict("ERROR_INPUT_REFUSED", reason=why) if about_frames else self.verdict("ERROR_MODEL_UNUSABLE", reason=reason)
        document = plain({**self.cost, **json.loads((folder / DOCUMENT).read_text())})
        calibration = document.pop("calibration", None)
        self.out("results", Dict(document))
        node = ArrayData()
        with np.load(folder / ARRAYS, allow_pickle=False) as arrays:
            for name in arrays.files:
                node.set_array(name, arrays[name])
                node.base.attributes.set(f"units|{name}", "1" if name == "step" else "eV/angstrom")
        self.out("disagreement", node)
        if calibration is not None:
            self.out("calibration", Dict(calibration))
        return None
