# SPDX-License-Identifier: MIT
"""A trajectory: one H5MD file, and what a query wants to know of it."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from aiida.orm import SinglefileData

from aiida_zif import __version__
from aiida_zif.formats import h5md
from aiida_zif.science.frames import PER_FRAME, Frames


class ZifTrajectoryData(SinglefileData):
    """Frames of one set of atoms, in one chunked H5MD file, with queryable scalars.

    Attributes: ``n_frames``, ``n_atoms``, ``elements``, ``fields``, ``volume_angstrom3`` (mean), ``temperature_k`` (mean, measured),
    ``energy_ev`` (min, mean, max), ``step_first``, ``step_last``, ``content_hash``, and the facts given by whoever made it.
    """

    FILENAME = "trajectory.h5"

    @classmethod
    def from_frames(cls, frames: Frames, *, unwrapped: bool = False, **facts: Any) -> ZifTrajectoryData:
        """Return an unstored node of ``frames``; ``facts`` become attributes.

        Raises ``ValueError`` if there is not one frame.
        """
        if not len(frames):
            raise ValueError("a trajectory node needs at least one frame, but there is none")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / cls.FILENAME
            h5md.write(path, frames, unwrapped=unwrapped, creator_version=__version__)
            node = cls(file=io.BytesIO(path.read_bytes()), filename=cls.FILENAME)
        node.base.attributes.set_many({**summarise(frames), "unwrapped": unwrapped, **facts})
        return node

    @contextmanager
    def h5md(self) -> Iterator[h5md.H5md]:
        """Open the file where it lies; frames are read when asked for."""
        with self.open(mode="rb") as handle, h5md.H5md(handle) as file:
            yield file

    def frames(self, which: Any = slice(None), fields: tuple[str, ...] | None = None) -> Frames:
        """Return the frames that ``which`` (slice or indices) names; of ``fields``, where given, those that there are."""
        with self.h5md() as file:
            return file.read(which, None if fields is None else [name for name in fields if name in file.fields])

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return int(self.base.attributes.get("n_frames"))

    @property
    def first_used_step(self) -> int:
        """First step that is not equilibration."""
        return int(self.base.attributes.get("first_used_step", 0))

    def used_frames(self, fields: tuple[str, ...] | None = None) -> Frames:
        """Return the frames after equilibration."""
        with self.h5md() as file:
            known = "steps" in file.fields
            which: Any = np.flatnonzero(file.array("steps") >= self.first_used_step) if known else slice(None)
            return file.read(which, fields)


def summarise(frames: Frames) -> dict[str, Any]:
    """Return the queryable scalars of ``frames``."""
    facts: dict[str, Any] = {
        "n_frames": len(frames),
        "n_atoms": len(frames.species),
        "elements": sorted(set(frames.species)),
        "fields": sorted(name for name in PER_FRAME if getattr(frames, name) is not None),
        "volume_angstrom3": float(frames.volumes.mean()),
        "content_hash": h5md.content_hash(frames),
    }
    if frames.energies is not None:
        low, mean, high = frames.energies.min(), frames.energies.mean(), frames.energies.max()
        facts["energy_ev"] = {"min": float(low), "mean": float(mean), "max": float(high)}
    if frames.temperatures is not None:
        facts["temperature_k"] = float(frames.temperatures.mean())
    if frames.steps is not None:
        facts |= {"step_first": int(frames.steps[0]), "step_last": int(frames.steps[-1])}
    return facts
