# SPDX-License-Identifier: MIT
"""``zif-frames DATASET.h5``: the frames of a dataset as extended XYZ, a file per split, for all trainings on a machine to read.

Needs numpy and h5py only; some MB of the frames are in memory at a time, whatever their number.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from aiida_zif import __version__
from aiida_zif.formats import dataset_file, extxyz
from aiida_zif.formats.dataset_file import CHECKSUMS, FACTS, file_of


def write(dataset: Path, folder: Path) -> dict[str, Any]:
    """Write the frames of each split to ``folder``, last of all the hashes, and return what was written.

    Raises ``ValueError`` for a file that is no dataset, ``OSError`` for one that is cut or a disk that is full.
    """
    began = time.perf_counter()
    counts: dict[str, int] = {}
    hashes: dict[str, str] = {}
    for split in dataset_file.SPLITS:
        path, counts[split] = folder / file_of(split), 0
        with path.open("w", encoding="utf-8") as handle:
            for frames in dataset_file.batches(dataset, split):
                extxyz.write(handle, frames)
                counts[split] += len(frames)
        with path.open("rb") as written:
            hashes[path.name] = hashlib.file_digest(written, "sha256").hexdigest()
    facts = {
        "program": "zif-frames", "version": __version__, "versions": {"numpy": np.__version__, "h5py": h5py.__version__},
        "counts": counts, "sha256": hashes, "written_mb": round(sum((folder / name).stat().st_size for name in hashes) / 1e6, 3),
        "host": socket.gethostname(), "wall_s": round(time.perf_counter() - began, 3),
        "memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }  # fmt: skip
    (folder / FACTS).write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n")
    (folder / CHECKSUMS).write_text("".join(f"{digest}  {name}\n" for name, digest in hashes.items()))
    return facts


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; return 0, or 1 with one sentence on standard error."""
    parser = argparse.ArgumentParser(prog="zif-frames", description="The frames of a dataset as extended XYZ, a file per split.")
    parser.add_argument("dataset", type=Path, metavar="DATASET.h5", help="the file of a dataset node")
    parser.add_argument("--out", default=Path(), type=Path, metavar="DIR", help="where to write (default: here)")
    given = parser.parse_args(arguments)
    try:
        facts = write(given.dataset, given.out)
    except (ValueError, OSError) as error:
        print(f"zif-frames: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    print(f"zif-frames: {', '.join(f'{count} {split}' for split, count in facts['counts'].items())}, {facts['written_mb']} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
