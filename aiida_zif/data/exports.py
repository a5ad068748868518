# SPDX-License-Identifier: MIT
"""Datasets → files that other programs read. The frames of a dataset stay where they are: nothing becomes a node."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aiida_zif import __version__
from aiida_zif.data.dataset import ZifDatasetData
from aiida_zif.formats import extxyz, h5md, npz
from aiida_zif.science.frames import concatenate


def write(node: ZifDatasetData, path: Path, splits: Sequence[str]) -> int:
    """Write the frames of ``splits``, one after the other, in the format that the suffix names; return how many.

    Raises ``ValueError`` for an unknown suffix, or where there is no such frame.
    """
    if path.suffix not in WRITERS:
        raise ValueError(f"{path.name} does not end in one of {', '.join(WRITERS)}")
    n_frames = sum(node.counts[split] for split in splits)
    if not n_frames:
        raise ValueError(f"the dataset has no frame of {', '.join(splits)}")
    WRITERS[path.suffix](node, path, [split for split in splits if node.counts[split]])
    return n_frames


def _extxyz(node: ZifDatasetData, path: Path, splits: Sequence[str]) -> None:
    uuids = node.base.attributes.get("trajectories")
    with path.open("w", encoding="utf-8") as handle:
        for split in splits:
            origin, done = node.origin(split), 0
            for batch in node.batches(split):
                rows = range(done, done + len(batch))
                words = [{"split": split, "trajectory": uuids[origin.trajectory[k]], "step": int(origin.step[k])} for k in rows]
                extxyz.write(handle, batch, words)
                done += len(batch)


def _npz(node: ZifDatasetData, path: Path, splits: Sequence[str]) -> None:
    """As published: training frames first, then those to validate with; ``split``, ``trajectory`` and ``step`` stand beside."""
    uuids = np.array(node.base.attributes.get("trajectories"))
    origins = [node.origin(split) for split in splits]
    more: dict[str, Any] = {
        "split": np.concatenate([np.full(node.counts[split], split, dtype="U10") for split in splits]),
        "trajectory": uuids[np.concatenate([origin.trajectory for origin in origins])],
        "step": np.concatenate([origin.step for origin in origins]),
    }
    npz.write(path, concatenate([node.frames(split) for split in splits]), more)


def _h5md(node: ZifDatasetData, path: Path, splits: Sequence[str]) -> None:
    with h5md.Writer(path, creator_version=__version__) as writer:
        for split in splits:
            for batch in node.batches(split):
                writer.append(batch)


WRITERS: dict[str, Callable[[ZifDatasetData, Path, Sequence[str]], None]] = {
    ".extxyz": _extxyz, ".xyz": _extxyz, ".npz": _npz, ".h5": _h5md, ".h5md": _h5md,
}  # fmt: skip
"""By suffix."""
