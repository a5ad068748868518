# SPDX-License-Identifier: MIT
"""``zif-analysis TRAJECTORY.h5md analysis_job.json``: the structural analysis of a trajectory where it lies.

Needs numpy, scipy and h5py; pore volumes need pyzeo, too. Some MB of the frames are in memory at a time, whatever their number.
"""

from __future__ import annotations

import argparse
import resource
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import scipy

from aiida_zif import __version__
from aiida_zif.formats import analysis_run
from aiida_zif.formats.h5md import H5md


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; return 0, or 1 with one sentence on standard error."""
    parser = argparse.ArgumentParser(prog="zif-analysis", description="The structural analysis of a trajectory where it lies.")
    parser.add_argument("trajectory", type=Path, metavar="TRAJECTORY.h5md", help="the file of a trajectory node")
    parser.add_argument("job", type=Path, metavar="JOB.json", help="linkers, masses and plan, as the job zif.analysis writes them")
    parser.add_argument("--out", default=Path(), type=Path, metavar="DIR", help="where to write (default: here)")
    given = parser.parse_args(arguments)
    began = time.perf_counter()
    try:
        job = analysis_run.parse(given.job.read_text())
        with H5md(given.trajectory) as file:
            result = analysis_run.run(file, job)
        facts = {
            "program": "zif-analysis", "version": __version__,
            "versions": {"numpy": np.__version__, "scipy": scipy.__version__, "h5py": h5py.__version__},
            "host": socket.gethostname(), "wall_s": round(time.perf_counter() - began, 3),
            "memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        }  # fmt: skip
        analysis_run.write(result, given.out, facts)
    except (ValueError, OSError) as error:
        print(f"zif-analysis: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    print(f"zif-analysis: {result.summary['frames']} frames in {facts['wall_s']:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
