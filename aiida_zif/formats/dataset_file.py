# SPDX-License-Identifier: MIT
"""What a dataset's HDF5 file holds beside its frames: what each of them is for; and what the frames are called, written out by split."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO

import h5py
import numpy as np
from numpy.typing import NDArray

from aiida_zif.formats.h5md import H5md
from aiida_zif.science.frames import Frames

SPLITS: tuple[str, ...] = ("train", "validation", "held_out")
"""What a frame is for; its index is the code in the file."""
GROUP = "zif/dataset"
"""Where split and origin of the frames lie in the file."""
CHECKSUMS, FACTS = "frames.sha256", "frames.json"
"""What lies beside frames written out by split: their hashes, as ``sha256sum --check`` reads them, and what else there is to say."""


def file_of(split: str) -> str:
    """Return the name of the file of extended XYZ that holds the frames of one split."""
    return f"{split}.xyz"


def rows(file: h5py.File, split: str) -> NDArray[np.intp]:
    """Return the rows of the frames of one split.

    Raises ``ValueError`` for a split that there is not, and for a file that is no dataset.
    """
    if split not in SPLITS:
        raise ValueError(f"a dataset has {', '.join(SPLITS)}, but no {split}")
    codes = file.get(f"{GROUP}/split")
    if codes is None:
        raise ValueError("the file does not say what its frames are for: it is a trajectory, no dataset; draw one with zif.dataset")
    return np.flatnonzero(codes[:] == SPLITS.index(split))


def batches(source: str | Path | IO[bytes], split: str) -> Iterator[Frames]:
    """Yield the frames of one split, some MB at a time. Raises ``ValueError`` as ``rows`` does, ``OSError`` for a file that is cut."""
    with h5py.File(source, "r") as raw, H5md(raw) as file:
        yield from file.batches(rows(raw, split))
