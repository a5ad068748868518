# SPDX-License-Identifier: MIT
"""A trajectory: one H5MD file, and what a query wants to know of it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from aiida.common.exceptions import ValidationError
from aiida.orm import SinglefileData
from aiida.orm.nodes.caching import NodeCaching
from numpy.typing import NDArray

from aiida_zif import __version__
from aiida_zif.formats import h5md
from aiida_zif.science.frames import PER_FRAME, Frames

MEASURED: tuple[str, ...] = ("volume_angstrom3", "temperature_k", "energy_ev")
"""What is computed from the frames: the last digit may depend on the machine, the content hash does not."""


class ContentCaching(NodeCaching):
    """Equal content, equal hash: that of the arrays and not of the bytes of the file, which depend on library and compression."""

    def get_objects_to_hash(self) -> dict[str, Any]:
        """Return class, facts and content hash, without the file where the content hash stands for it."""
        objects = super().get_objects_to_hash()
        if "content_hash" in objects["attributes"]:
            objects.pop("repository_hash")
        return objects


class ZifTrajectoryData(SinglefileData):
    """Frames of one set of atoms, in one chunked H5MD file, with queryable scalars.

    Attributes: ``n_frames``, ``n_atoms``, ``elements``, ``fields``, ``volume_angstrom3`` (mean), ``temperature_k`` (mean, measured),
    ``energy_ev`` (min, mean, max), ``step_first``, ``step_last``, ``position_stride``, ``stress_content`` (virial, estimated, total),
    ``unwrapped``, ``content_hash``, and the facts given by whoever made it.
    """

    FILENAME = "trajectory.h5md"
    _CLS_NODE_CACHING = ContentCaching
    _hash_ignored_attributes = MEASURED

    @classmethod
    def from_frames(cls, frames: Frames, *, unwrapped: bool = False, position_stride: int = 1, **facts: Any) -> ZifTrajectoryData:
        """Return an unstored node of ``frames``; ``facts`` become attributes.

        Raises ``ValueError`` if there is not one frame, or a position or cell is no number.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / cls.FILENAME
            h5md.write(path, frames, unwrapped=unwrapped, creator_version=__version__, position_stride=position_stride)
            return cls.from_file(path, verify=False, **facts)

    @classmethod
    def from_file(cls, path: str | Path, *, verify: bool = True, **facts: Any) -> ZifTrajectoryData:
        """Return an unstored node of a trajectory file as ``formats.h5md`` writes it; ``facts`` become attributes.

        The file is read some MB at a time. Without ``verify`` the positions and forces are not read at all, and the content hash that
        the writer left in the file is believed: for a file that was written a moment before.
        Raises ``ValueError`` with one sentence where it is no such file, damaged, without a frame, or with a position that is no number.
        """
        path = Path(path).absolute()
        with h5md.H5md(path) as file:
            content_hash = file.content_hash
            if verify or content_hash is None:
                content_hash = file.verify()
            known = {
                **summarise(file),
                "content_hash": content_hash,
                "unwrapped": file.unwrapped,
                "position_stride": file.position_stride,
            }
        node = cls(file=path, filename=cls.FILENAME)
        node.base.attributes.set_many({**known, **facts})
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
        """Number of frames that have positions."""
        return int(self.base.attributes.get("n_frames"))

    @property
    def content_hash(self) -> str:
        """The sha256 over species and arrays: the same wherever the frames were parsed."""
        return str(self.base.attributes.get("content_hash"))

    @property
    def stress_content(self) -> str:
        """What the stresses hold: ``virial``, ``estimated``, ``total``, or ``none`` without stresses."""
        return str(self.base.attributes.get("stress_content", "none"))

    @property
    def first_used_step(self) -> int:
        """First step that is not equilibration."""
        return int(self.base.attributes.get("first_used_step", 0))

    def used_frames(self, fields: tuple[str, ...] | None = None) -> Frames:
        """Return the frames after equilibration. Raises ``ValueError`` for a field that there is not."""
        with self.h5md() as file:
            known = "steps" in file.fields
            which: Any = np.flatnonzero(file.array("steps") >= self.first_used_step) if known else slice(None)
            return file.read(which, fields)

    def _validate(self) -> bool:
        super()._validate()
        if missing := [name for name in ("n_frames", "content_hash") if name not in self.base.attributes.all]:
            raise ValidationError(f"the trajectory does not say its {missing[0]}; make it by `from_frames` or `from_file`")
        return True


def summarise(source: Frames | h5md.H5md) -> dict[str, Any]:
    """Return the queryable scalars of frames or of a file, of which no position or force is read.

    Raises ``ValueError`` without a frame.
    """
    if isinstance(source, Frames):
        series = {name: value for name in PER_FRAME if (value := getattr(source, name)) is not None}
        facts: dict[str, Any] = {"n_frames": len(source), "fields": sorted(series), "content_hash": h5md.content_hash(source)}
    else:
        series = {name: source.series(name) for name in ("energies", "temperatures", "steps") if name in source.fields}
        facts = {"n_frames": source.n_frames, "fields": sorted(source.fields)}
    if not facts["n_frames"]:
        raise ValueError("a trajectory node needs at least one frame, but there is none")
    facts |= {
        "n_atoms": len(source.species),
        "elements": sorted(set(source.species)),
        "volume_angstrom3": float(source.volumes.mean()),
    }
    if len(energies := _finite(series.get("energies"))):
        low, mean, high = energies.min(), energies.mean(), energies.max()
        facts["energy_ev"] = {"min": float(low), "mean": float(mean), "max": float(high)}
    if len(temperatures := _finite(series.get("temperatures"))):
        facts["temperature_k"] = float(temperatures.mean())
    if (steps := series.get("steps")) is not None:
        facts |= {"step_first": int(steps[0]), "step_last": int(steps[-1])}
    if "stresses" in facts["fields"]:
        facts["stress_content"] = source.stress_content
    return facts


def _finite(values: NDArray[np.float64] | None) -> NDArray[np.float64]:
    return np.empty(0) if values is None else values[np.isfinite(values)]
