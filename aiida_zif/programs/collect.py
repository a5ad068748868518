# SPDX-License-Identifier: MIT
"""``zif-collect --run-folder DIR``: what a CP2K run left, finished or dead, as one trajectory file, made where it lies.

Only that file and a small JSON document of facts travel home. Needs numpy and h5py only; frames stream, so that a run of any length passes.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from aiida_zif import __version__
from aiida_zif.formats import cp2k_output, h5md

TRAJECTORY, FACTS = "trajectory.h5md", "collect.json"
"""The files written, unless told otherwise."""


def collect(
    folder: Path,
    out: Path,
    project: str = "aiida",
    log: str | None = None,
    position_stride: int = 1,
    masses: dict[str, float] | None = None,
) -> dict[str, Any]:
    """Write the whole frames of the run in ``folder`` to ``out`` and return what the run says of itself.

    ``masses`` by symbol are those of the run, amu; if they are not given, those that CP2K printed, with four decimals, are used.
    Without a whole frame no file is written. Raises ``ValueError`` with one sentence where there is no run or it cannot be used.
    """
    began = time.perf_counter()
    check_folder(folder, project, log)
    out.unlink(missing_ok=True)
    found = cp2k_output.open_run(folder, project, masses, log)
    drift = float(found.conserved[-1] - found.conserved[0]) if len(found.conserved) > 1 else math.nan
    facts = {"program": "CP2K", **asdict(found.facts), "conserved_drift_ev": drift if math.isfinite(drift) else None, "content_hash": None}
    if found.facts.n_frames:
        with h5md.Writer(out, creator_version=__version__, position_stride=position_stride) as writer:
            for frames in found.batches():
                writer.append(frames)
            facts["content_hash"] = writer.close()
    facts["collect"] = {
        "program": "zif-collect", "version": __version__, "versions": {"numpy": np.__version__, "h5py": h5py.__version__},
        "host": socket.gethostname(), "wall_s": round(time.perf_counter() - began, 3), "position_stride": position_stride,
        "memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "read_mb": round(sum(path.stat().st_size for path in folder.glob(f"{project}-*") if path.is_file()) / 1e6, 3),
        "written_mb": round(out.stat().st_size / 1e6, 3) if out.exists() else 0.0,
    }  # fmt: skip
    return facts


def check_folder(folder: Path, project: str, log: str | None) -> None:
    """Raise ``ValueError`` with one sentence unless ``folder`` holds something of a run called ``project``."""
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}: it was removed, or lies on another machine; give the folder of a run")
    if log is not None and not (folder / log).is_file():
        raise ValueError(f"{folder} holds no file {log}: give the name of CP2K's main output, or leave it out")
    if not (folder / f"{project}-pos-1.xyz").is_file() and not list(folder.glob("*.out")):
        found = sorted(path.name.removesuffix("-pos-1.xyz") for path in folder.glob("*-pos-1.xyz"))
        hint = f"the project is called {' or '.join(found)}" if found else "it is no folder of a CP2K run"
        raise ValueError(f"{folder} holds neither {project}-pos-1.xyz nor a main output: {hint}")


def _masses(texts: Sequence[str]) -> dict[str, float] | None:
    """Return the masses given as ``SYMBOL=AMU``, ``None`` without any. Raises ``ValueError`` for one that is none."""
    masses: dict[str, float] = {}
    for text in texts:
        symbol, _, number = text.partition("=")
        try:
            masses[symbol] = float(number)
        except ValueError:
            masses[symbol] = 0.0
        if not symbol.isalpha() or not 0 < masses[symbol] < math.inf:
            raise ValueError(f"--mass {text} is no mass: give SYMBOL=AMU, for instance H=2.014101777")
    return masses or None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; return 0, or 1 with one sentence on standard error."""
    parser = argparse.ArgumentParser(prog="zif-collect", description="A CP2K run, finished or dead, as one trajectory file.")
    parser.add_argument("--run-folder", required=True, type=Path, metavar="DIR", help="where the run lies; nothing in it is changed")
    parser.add_argument("--project", default="aiida", metavar="NAME", help="CP2K's PROJECT (default aiida)")
    parser.add_argument("--log", metavar="FILE", help="CP2K's main output in that folder (default: PROJECT.out, or the only *.out)")
    parser.add_argument("--out", default=TRAJECTORY, type=Path, metavar="FILE", help=f"trajectory to write (default {TRAJECTORY})")
    parser.add_argument("--facts", default=FACTS, type=Path, metavar="FILE", help=f"JSON document to write (default {FACTS})")
    parser.add_argument(
        "--position-stride", type=int, default=1, metavar="K", help="keep positions, velocities and forces of every K-th frame only"
    )
    parser.add_argument(
        "--mass", action="append", default=[], metavar="SYMBOL=AMU", help="of the run, for each element (default: those in the main output)"
    )
    given = parser.parse_args(arguments)
    try:
        facts = collect(given.run_folder, given.out, given.project, given.log, given.position_stride, _masses(given.mass))
        given.facts.write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n")
    except (ValueError, OSError) as error:
        print(f"zif-collect: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    print(f"zif-collect: {facts['n_frames']} frames up to step {facts['last_step']}, run {facts['reason_ended']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
