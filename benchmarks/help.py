# SPDX-License-Identifier: MIT
"""How long a user waits for ``aiida-zif --help``, beside ``verdi --help`` of the same environment."""

from __future__ import annotations

import os
import statistics
import subprocess
import sysconfig
import tempfile
import time
from pathlib import Path

REPEATS = 5


def run() -> dict[str, object]:
    """Return the median wall times and their ratio, the two commands called by turns."""
    scripts = Path(sysconfig.get_path("scripts"))
    times: dict[str, list[float]] = {"aiida-zif": [], "verdi": []}
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "AIIDA_PATH": folder}
        for repeat in range(REPEATS + 1):
            for name, seconds in times.items():
                start = time.perf_counter()
                subprocess.run([str(scripts / name), "--help"], env=environment, check=True, capture_output=True)
                if repeat:  # the first call of each fills the disk cache
                    seconds.append(time.perf_counter() - start)
    ours, theirs = (statistics.median(seconds) for seconds in times.values())
    return {"aiida_zif_help_s": ours, "verdi_help_s": theirs, "help_ratio": ours / theirs, "limits": {"aiida_zif_help_s": 0.5}}
