# SPDX-License-Identifier: MIT
"""Labelled frames that were made elsewhere → a trajectory node that says from which files, through the same readers and audit; models.

A calcfunction would have to hold the source in the repository, gigabytes of text: the node says path, sha256 and reader instead.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from aiida_zif import __version__
from aiida_zif.data.audit import audit_node
from aiida_zif.data.model import ZifModelData
from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.formats import cp2k_output, extxyz, h5md, npz
from aiida_zif.science.audit import Audit
from aiida_zif.science.frames import Frames
from aiida_zif.science.topology import misplaced

KINDS: tuple[str, ...] = ("cp2k", "extxyz", "npz")
ONE_MACHINE = (".nequip.pt2", ".nequip.lmp.pt")
"""How files end that are made from a package where they run."""
STRESS_CONTENTS: tuple[str, ...] = ("virial", "estimated", "total")
LOOKED_AT = 20
"""So many frames tell whether symbols and positions are in one order."""
_ENDINGS: dict[str, str] = {
    "walltime": "the run ended at its time limit", "exit file": "the run was ended by a file EXIT", "aborted": "the run aborted",
    "cut": "the log just ends: the run was killed, or still goes on",
}  # fmt: skip


@dataclass(frozen=True)
class Source:
    """What is to be imported. Raises ``ValueError`` with one sentence where the words do not fit the files."""

    path: Path
    kind: str | None = None
    """One of ``KINDS``; told from the path where it is not given."""
    temperature: float | None = None
    """That of the thermostat, K; ``None`` for frames labelled one by one."""
    timestep_fs: float | None = None
    project: str | None = None
    """Of CP2K: how its files begin; found where there is one only."""
    masses: dict[str, float] = field(default_factory=dict)
    """Of a CP2K run, by symbol, amu; else those that its log prints."""
    units: str | None = None
    """Of an npz, which has none."""
    stress_content: str | None = None
    """Of extxyz and npz: what the stresses hold."""
    first_used_step: int = 0

    def __post_init__(self) -> None:
        if not self.path.exists():
            raise ValueError(f"there is no {self.path}; give a CP2K run folder, an extxyz or an npz file")
        if self.what not in KINDS:
            raise ValueError(f"kind is {self.what!r}, but must be one of {', '.join(KINDS)}")
        if (self.what == "cp2k") != self.path.is_dir():
            raise ValueError(f"{self.path} is {'a folder' if self.path.is_dir() else 'a file'}, but {self.what} is not read from one")
        if self.temperature is not None and not self.temperature > 0:
            raise ValueError(f"the temperature is {self.temperature} K, but must be positive")
        if self.units is not None and self.what != "npz":
            raise ValueError(f"{self.what} files have units of their own: --units is for npz, which has none")
        if self.stress_content is not None and (self.what == "cp2k" or self.stress_content not in STRESS_CONTENTS):
            raise ValueError(f"stress_content is {self.stress_content!r}; of extxyz and npz it is one of {', '.join(STRESS_CONTENTS)}")
        if self.what == "npz" and self.stress_content is None and npz.has_stress(self.path):
            raise ValueError(
                f"{self.path.name} holds stresses and does not say of what: give --stress-content virial, or total where the kinetic part "
                "is still inside, as CP2K prints them in dynamics"
            )

    @property
    def what(self) -> str:
        """The kind, as given or as the path tells."""
        if self.kind is not None:
            return self.kind
        return "cp2k" if self.path.is_dir() else "npz" if self.path.suffix == ".npz" else "extxyz"


@dataclass(frozen=True, eq=False)
class Imported:
    """A node that is not stored yet, and what was found."""

    node: ZifTrajectoryData
    audit: Audit
    notes: tuple[str, ...]
    """What the reader noticed: a cut tail, repeated frames."""


def load(source: Source) -> Imported:
    """Read, audit, and return the node. Raises ``ValueError`` with one sentence for whatever cannot be trained on; nothing is stored."""
    facts: dict[str, Any] = {
        "kind": "aimd" if source.temperature is not None else "label", "asked_temperature_k": source.temperature,
        "timestep_fs": source.timestep_fs, "first_used_step": source.first_used_step, "imported_as": source.what,
        "imported_from": str(source.path.resolve()), "reader_version": __version__,
    }  # fmt: skip
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    if source.what == "cp2k":
        frames, told, problems, notes, files = _cp2k(source)
        facts |= told
    else:
        frames, files = _file(source), [source.path]
    facts["source_sha256"] = {path.name: _sha256(path) for path in files}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ZifTrajectoryData.FILENAME
        with h5md.Writer(path, creator_version=__version__) as writer:
            for batch in frames:
                writer.append(_checked(batch, source, writer.n_frames, problems))
                if writer.n_frames == len(batch) and (strange := misplaced(batch.select(slice(LOOKED_AT)))):
                    raise ValueError(f"{source.path} is mixed up: {strange}")
            if not writer.n_frames:
                raise ValueError(_refusal(source, "no whole frame", problems))
        node = ZifTrajectoryData.from_file(path, verify=False, **{key: value for key, value in facts.items() if value is not None})
    found = audit_node(node)
    if found.labels_wrong or not found.usable.any():
        raise ValueError(f"{source.path} is not fit to train on: {' '.join(found.reasons)}")
    return Imported(node, found, notes)


def load_model(path: Path) -> ZifModelData:
    """Return an unstored node of a model that was made elsewhere, with path and sha256; nothing but members of the zip file is read.

    Raises ``ValueError`` with one sentence for what is no whole model, or was compiled for one machine.
    """
    if not path.is_file():
        raise ValueError(f"there is no file {path}; give a package (.nequip.zip) or a model of an older nequip (.pth)")
    if path.name.endswith(ONE_MACHINE):
        raise ValueError(f"{path.name} was compiled for one machine: import the package (.nequip.zip) that it was made from")
    origin = {"imported_from": str(path.resolve()), "source_sha256": {path.name: _sha256(path)}, "reader_version": __version__}
    return ZifModelData.from_file(path, path.name, **origin)


def _file(source: Source) -> Iterator[Frames]:
    if source.what == "npz":
        return npz.batches(source.path, source.units or "ev", source.stress_content or "virial")
    return _as_told(extxyz.batches(source.path), source.stress_content)


def _as_told(frames: Iterable[Frames], stress_content: Any) -> Iterator[Frames]:
    for batch in frames:
        yield batch if stress_content is None else replace(batch, stress_content=stress_content)


def _cp2k(source: Source) -> tuple[Iterator[Frames], dict[str, Any], tuple[str, ...], tuple[str, ...], list[Path]]:
    project = source.project or _project(source.path)
    folder = cp2k_output.open_run(source.path, project, source.masses or None)
    found = folder.facts
    notes = list(found.problems)
    if found.cut_tail:
        notes.append("a file ends in mid-frame, or frames lack their part in one of the files: these were left out")
    if found.duplicates_dropped:
        notes.append(f"{found.duplicates_dropped} frames that a later run in the folder wrote again were dropped")
    if found.version and found.reason_ended != "finished":
        notes.append(_ENDINGS[found.reason_ended] + (f": {found.error}" if found.error else ""))
    if found.stress_content == "total" and not folder.has_masses:
        notes.append("no log tells the masses, so that the kinetic part stays in the stress: give each as --mass, e.g. H=2.014101777")
    conserved = folder.conserved[(folder.steps >= source.first_used_step) & np.isfinite(folder.conserved)]
    told = {
        "conserved_drift_ev": float(conserved[-1] - conserved[0]) if len(conserved) > 1 else None,
        "unconverged_steps": list(found.unconverged_steps), "program": "CP2K", "program_version": found.version, "run_type": found.run_type,
        "reason_ended": found.reason_ended,
    }  # fmt: skip
    files = sorted(path for path in source.path.glob(f"{project}-*") if path.suffix in (".xyz", ".cell", ".stress", ".ener"))
    return folder.batches(), told, found.problems, tuple(notes), [*files, *sorted(source.path.glob("*.out"))]


def _project(folder: Path) -> str:
    names = sorted(path.name.removesuffix("-pos-1.xyz") for path in folder.glob("*-pos-1.xyz"))
    if len(names) != 1:
        found = f"those of {', '.join(names)}: name one by --project" if names else "none: print them (MOTION/PRINT/TRAJECTORY)"
        raise ValueError(f"{folder} should hold the positions of one CP2K run (PROJECT-pos-1.xyz), but holds {found}")
    return names[0]


def _checked(frames: Frames, source: Source, done: int, problems: tuple[str, ...]) -> Frames:
    """Return the frames, ``done`` of which are behind us, if they are labels."""
    if frames.forces is None:
        how = " (of CP2K FORCE_EVAL or MOTION/PRINT/FORCES, PROJECT-frc-1.xyz)" if source.what == "cp2k" else ""
        raise ValueError(_refusal(source, f"no forces, which a label needs: print them{how}", problems))
    if frames.energies is None:
        raise ValueError(f"{source.path} holds no energies, which a label needs")
    bad = np.flatnonzero(~(np.isfinite(frames.energies) & np.isfinite(frames.forces).all(axis=(1, 2))))
    if len(bad):
        raise ValueError(f"frame {done + bad[0] + 1} of {source.path} has an energy or a force that is no number; leave that frame out")
    return frames


def _refusal(source: Source, lack: str, problems: tuple[str, ...]) -> str:
    """Return what the reader saw wrong with the files first, else what they lack."""
    return f"{source.path} cannot be imported: {problems[0]}" if problems else f"{source.path} holds {lack}"


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
