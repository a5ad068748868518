# SPDX-License-Identifier: MIT
"""A dataset: the frames drawn, where each came from, how they were drawn, and for what."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import fields as fields_of
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from aiida.orm import SinglefileData
from numpy.typing import NDArray

from aiida_zif import __version__
from aiida_zif.data.trajectory import summarise
from aiida_zif.formats import dataset_file, h5md
from aiida_zif.formats.dataset_file import GROUP, SPLITS
from aiida_zif.science import soundness
from aiida_zif.science.frames import Frames
from aiida_zif.science.sampling import Histogram


@dataclass(frozen=True, eq=False)
class Origin:
    """Where each frame of a dataset came from."""

    trajectory: NDArray[np.int64]
    """``(n_frames,)``, index into the node's ``trajectories`` (uuids)."""
    step: NDArray[np.int64]
    """``(n_frames,)``, MD step in that trajectory."""


class ZifDatasetData(SinglefileData):
    """Frames for training, validation and held-out evaluation, in one H5MD file that also holds split, origin and histograms.

    Attributes: ``counts`` per split, ``trajectories`` (uuids), ``audits`` (the verdict on each), ``drawing`` (method, seeds, bins asked,
    filled, empty, gap in time, leakage), ``stress`` (``virial``, ``estimated``, ``total`` or ``none``), ``content_hash``, ``sha256`` of
    the file, and those of a trajectory.
    """

    FILENAME = "dataset.h5"

    @classmethod
    def from_frames(
        cls,
        frames: Frames,
        split: Sequence[str],
        origin: Origin,
        *,
        trajectories: Sequence[str],
        drawing: dict[str, Any],
        audits: Sequence[dict[str, Any]] = (),
        histograms: Mapping[str, Histogram] | None = None,
    ) -> ZifDatasetData:
        """Return an unstored node.

        Raises ``ValueError`` where a split is unknown or empty, energies or forces are missing or no numbers, or a frame comes twice.
        """
        codes = _codes(frames, split, origin)
        counts = {name: int((codes == code).sum()) for code, name in enumerate(SPLITS)}
        if not counts["train"] or not counts["validation"]:
            raise ValueError(f"a dataset needs frames to train on and to validate with, but has {counts}")
        has_stress = frames.stresses is not None and bool(np.isfinite(frames.stresses).any())
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / cls.FILENAME
            h5md.write(path, frames, creator_version=__version__)
            with h5py.File(path, "r+") as file:
                group = file.create_group(GROUP)
                for name, values in (("split", codes), ("trajectory", origin.trajectory), ("step", origin.step)):
                    group.create_dataset(name, data=values, track_times=False)
                for name, histogram in sorted((histograms or {}).items()):
                    for field in fields_of(Histogram):
                        group.create_dataset(f"histogram/{name}/{field.name}", data=getattr(histogram, field.name), track_times=False)
            with path.open("rb") as handle:
                digest = hashlib.file_digest(handle, "sha256").hexdigest()
            node = cls(file=path, filename=cls.FILENAME)
        facts = {
            "counts": counts,
            "trajectories": list(trajectories),
            "audits": list(audits),
            "drawing": drawing,
            "stress": frames.stress_content if has_stress else "none",
            "sha256": digest,
        }
        node.base.attributes.set_many({**summarise(frames), **facts})
        return node

    @contextmanager
    def _file(self) -> Iterator[tuple[h5md.H5md, h5py.Group]]:
        with self.open(mode="rb") as handle, h5py.File(handle, "r") as raw, h5md.H5md(raw) as file:
            yield file, raw[GROUP]

    def frames(self, split: str, fields: tuple[str, ...] | None = None) -> Frames:
        """Return the frames of one split: ``train``, ``validation`` or ``held_out``, with all fields or with these.

        Raises ``ValueError`` for another split.
        """
        with self._file() as (file, group):
            return file.read(dataset_file.rows(group.file, split), fields)

    def sample(self, split: str) -> Frames:
        """Return the few frames of one split on which a model is checked, spread over it; no others are read."""
        with self._file() as (file, group):
            rows = dataset_file.rows(group.file, split)
            return file.read(rows[soundness.spread(len(rows))])

    def batches(self, split: str) -> Iterator[Frames]:
        """Yield what ``frames`` returns, some MB at a time."""
        with self.open(mode="rb") as handle:
            yield from dataset_file.batches(handle, split)

    def all_frames(self) -> tuple[Frames, list[str], Origin]:
        """Return all frames with the split and the origin of each."""
        with self._file() as (file, group):
            origin = Origin(group["trajectory"][:], group["step"][:])
            return file.read(), [SPLITS[code] for code in group["split"][:]], origin

    def origin(self, split: str) -> Origin:
        """Return where the frames of one split came from."""
        with self._file() as (_, group):
            chosen = group["split"][:] == SPLITS.index(split)
            return Origin(group["trajectory"][:][chosen], group["step"][:][chosen])

    def measured_temperatures(self) -> NDArray[np.float64]:
        """Return ``(n_trajectories,)`` measured mean temperatures in K, by the audits of the trajectories; NaN where there is none."""
        attributes = self.base.attributes
        found = {audit["trajectory"]: audit.get("mean_temperature_k") for audit in attributes.get("audits", [])}
        return np.array([np.nan if found.get(uuid) is None else found[uuid] for uuid in attributes.get("trajectories")], dtype=float)

    def histogram(self, split: str) -> Histogram | None:
        """Return the bins from which ``train`` or ``validation`` were drawn; ``None`` where there were none."""
        with self._file() as (_, group):
            place = f"histogram/{split}"
            return Histogram(**{field.name: group[place][field.name][:] for field in fields_of(Histogram)}) if place in group else None

    @property
    def held_out_places(self) -> str:
        """The sha256 of trajectory and step of the held-out frames: equal where two datasets hold out the same frames."""
        origin, uuids = self.origin("held_out"), self.base.attributes.get("trajectories")
        places = sorted(f"{uuids[k]} {step}" for k, step in zip(origin.trajectory, origin.step, strict=True))
        return hashlib.sha256("\n".join(places).encode()).hexdigest()

    @property
    def n_without_stress(self) -> int:
        """Number of frames to train on and to validate with that lack their stress; only stresses are read."""
        with self._file() as (file, group):
            if "stresses" not in file.fields:
                return self.counts["train"] + self.counts["validation"]
            learned = np.union1d(*(dataset_file.rows(group.file, split) for split in ("train", "validation")))
            return int((~np.isfinite(file.array("stresses", learned)).all(axis=1)).sum())

    @property
    def counts(self) -> dict[str, int]:
        """Number of frames per split."""
        return dict(self.base.attributes.get("counts"))

    @property
    def elements(self) -> list[str]:
        """Elements in alphabetical order: the type names of a model trained on this."""
        return list(self.base.attributes.get("elements"))


def _codes(frames: Frames, split: Sequence[str], origin: Origin) -> NDArray[np.int8]:
    if unknown := sorted(set(split) - set(SPLITS)):
        raise ValueError(f"a frame is for {', '.join(SPLITS)}, but not for {', '.join(unknown)}")
    if not len(frames) == len(split) == len(origin.trajectory) == len(origin.step):
        raise ValueError(f"{len(frames)} frames have {len(split)} splits and {len(origin.step)} origins, but each needs one of both")
    if frames.energies is None or frames.forces is None:
        raise ValueError("a dataset needs the energy and the forces of each frame; one trajectory lacks them")
    bad = ~(np.isfinite(frames.energies) & np.isfinite(frames.forces).all(axis=(1, 2)))
    if bad.any():
        raise ValueError(f"{bad.sum()} frames have an energy or a force that is no number; leave them out")
    places = np.stack([origin.trajectory, origin.step])
    if np.unique(places, axis=1).shape[1] < len(split):
        raise ValueError("a frame of one trajectory and step stands in the dataset twice; every frame may be used once only")
    return np.array([SPLITS.index(name) for name in split], dtype=np.int8)
