# SPDX-License-Identifier: MIT
"""Frames ⇄ extended XYZ, as nequip and ASE read it: energy eV, forces eV/Å, stress eV/Å³ (tension positive, nine numbers).

Carried: species, positions, cells, energies, forces, stresses, steps, times, temperatures. Not carried: velocities and
masses, which no training reads; a trajectory with all it knows is an H5MD file.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from aiida_zif.science.frames import PER_FRAME, Frames, concatenate, from_voigt, to_voigt

_WORD = re.compile(r'([A-Za-z_][\w\-]*)\s*=\s*(?:"([^"]*)"|(\S+))')
_INFO: dict[str, str] = {"step": "steps", "time_ps": "times", "temperature_k": "temperatures"}
"""Key in the comment line → field of Frames, beside energy and stress."""


def write(path: str | Path | IO[str], frames: Frames, per_frame_info: Sequence[Mapping[str, Any]] | None = None) -> None:
    """Write ``frames`` to ``path`` (or a text handle); an energy, force or stress that is not finite is left out.

    ``per_frame_info`` holds more words of each frame's comment line, such as ``config_type``. Numbers have 12 significant
    digits. Raises ``ValueError`` if there is not one mapping per frame.
    """
    if per_frame_info is not None and len(per_frame_info) != len(frames):
        raise ValueError(f"{len(per_frame_info)} mappings of information were given for {len(frames)} frames; give one for each frame")
    if isinstance(path, str | Path):
        with Path(path).open("w", encoding="utf-8") as handle:
            write(handle, frames, per_frame_info)
        return
    for i in range(len(frames)):
        forces = None if frames.forces is None or not np.isfinite(frames.forces[i]).all() else frames.forces[i]
        properties = "species:S:1:pos:R:3" + ("" if forces is None else ":forces:R:3")
        words = {"Lattice": _vector(frames.cells[i]), "Properties": properties, **_info(frames, i), "pbc": "T T T"}
        words.update({} if per_frame_info is None else per_frame_info[i])
        columns = frames.positions[i] if forces is None else np.hstack([frames.positions[i], forces])
        line = " %.12g" * columns.shape[1] + "\n"
        path.write(f"{len(frames.species)}\n{' '.join(f'{key}={_quoted(value)}' for key, value in words.items())}\n")
        path.write("".join(symbol + line for symbol in frames.species) % tuple(columns.ravel().tolist()))


def read(path: str | Path | IO[str]) -> Frames | list[Frames]:
    """Read all frames: as one ``Frames`` if all have the same atoms in the same order, else as ``read_groups`` does.

    Raises ``ValueError`` for a file that is cut or no extended XYZ.
    """
    groups = read_groups(path)
    return groups[0] if len(groups) == 1 else groups


def read_groups(path: str | Path | IO[str]) -> list[Frames]:
    """Read all frames, each run of consecutive frames with the same atoms as one ``Frames``.

    A field that only some frames of a group have is dropped, except stresses, which are NaN there.
    Raises ``ValueError`` for a file that is cut or no extended XYZ, or one without any frame.
    """
    if isinstance(path, str | Path):
        with Path(path).open(encoding="utf-8") as handle:
            return read_groups(handle)
    groups: list[list[Frames]] = []
    for frame in _frames(path):
        if not groups or groups[-1][0].species != frame.species:
            groups.append([])
        groups[-1].append(frame)
    if not groups:
        raise ValueError("the file holds no frame; give an extended XYZ file with at least one")
    return [_joined(group) for group in groups]


def batches(path: str | Path, frames_per_batch: int = 256, *, mixed: bool = False) -> Iterator[Frames]:
    """Yield the frames of a file in order, some at a time; where ``mixed`` are allowed, a batch ends where other atoms begin.

    Raises ``ValueError`` as ``read_groups`` does, and where a frame is of other atoms than the first, or has other fields.
    """
    waiting: list[Frames] = []
    number, first = 0, None
    with Path(path).open(encoding="utf-8") as handle:
        try:
            for number, frame in enumerate(_frames(handle), 1):
                first = frame if first is None else first
                if frame.species != first.species and not mixed:
                    raise ValueError(f"frame {number} is of other atoms than the first, or in another order: give one system per file")
                if lost := sorted(_fields(first) ^ _fields(frame)):
                    raise ValueError(f"only some frames have {lost[0]} (the first, or frame {number}): give files with the same words")
                if waiting and frame.species != waiting[0].species:
                    yield _joined(waiting, first)
                    waiting = []
                waiting.append(frame)
                if len(waiting) == frames_per_batch:
                    yield _joined(waiting, first)
                    waiting = []
        except UnicodeDecodeError as error:
            raise ValueError(f"{Path(path).name} is no text behind frame {number}; give an extended XYZ file") from error
    if first is None:
        raise ValueError("the file holds no frame; give an extended XYZ file with at least one")
    if waiting:
        yield _joined(waiting, first)


def _fields(frame: Frames) -> set[str]:
    """Return the fields that a frame has; a stress may be missing."""
    return {name for name in PER_FRAME if getattr(frame, name) is not None} - {"stresses"}


def _joined(group: list[Frames], first: Frames | None = None) -> Frames:
    """Return one ``Frames``; where any frame, or the ``first`` of the file, has a stress, the others have NaN."""
    told = next((frame for frame in (first, *group) if frame is not None and frame.stresses is not None), None)
    if told is not None:
        unknown = {"stresses": np.full((1, 6), np.nan), "stress_content": told.stress_content}
        group = [frame if frame.stresses is not None else replace(frame, **unknown) for frame in group]  # type: ignore[arg-type]
    return concatenate(group)


def _frames(handle: IO[str]) -> Iterator[Frames]:
    number = 0
    while (first := handle.readline()).strip():
        number += 1
        if not first.strip().isdigit():
            raise ValueError(f"frame {number} begins with {first.strip()[:40]!r} instead of a number of atoms; give an extended XYZ file")
        comment = handle.readline()
        lines = [handle.readline() for _ in range(int(first))]
        if not lines or not lines[-1].endswith("\n"):
            raise ValueError(f"frame {number} is cut: it announces {first.strip()} atoms; give a whole file")
        words = {key: quoted or bare for key, quoted, bare in _WORD.findall(comment)}
        try:
            yield _frame(words, lines)
        except (KeyError, ValueError, IndexError) as error:
            reason = f"it has no {error}" if isinstance(error, KeyError) else str(error)
            raise ValueError(f"frame {number} cannot be read as extended XYZ ({reason}); it needs Lattice, species and pos") from error


def _frame(words: Mapping[str, str], lines: list[str]) -> Frames:
    columns = _columns(words.get("Properties", "species:S:1:pos:R:3"))
    rows = [line.split() for line in lines]
    width = max(stop for _, stop in columns.values())
    if any(len(row) != width for row in rows):
        raise ValueError(f"an atom does not have {width} columns")
    energy = words.get("energy")
    known: dict[str, Any] = {
        field: np.array([words[key]]).astype(np.int64 if field == "steps" else float) for key, field in _INFO.items() if key in words
    }
    if "stress" in words:
        known["stress_content"] = words.get("stress_content", "virial")
        stress = np.array(words["stress"].split(), float)
        known["stresses"] = stress[None] if stress.size == 6 else to_voigt(stress.reshape(1, 3, 3))
    if "forces" in columns:
        known["forces"] = _block(rows, columns["forces"])
    if energy is not None:
        known["energies"] = np.array([float(energy)])
    return Frames(
        species=tuple(row[columns["species"][0]] for row in rows),
        positions=_block(rows, columns["pos"]),
        cells=np.array(words["Lattice"].split(), float).reshape(1, 3, 3),
        **known,
    )


def _columns(properties: str) -> dict[str, tuple[int, int]]:
    words = properties.split(":")
    columns, start = {}, 0
    for name, count in zip(words[::3], words[2::3], strict=True):
        columns[name] = (start, start + int(count))
        start += int(count)
    return columns


def _block(rows: list[list[str]], columns: tuple[int, int]) -> NDArray[np.float64]:
    return np.array([row[slice(*columns)] for row in rows]).astype(float)[None]


def _info(frames: Frames, i: int) -> dict[str, Any]:
    info: dict[str, Any] = {}
    if frames.energies is not None and np.isfinite(frames.energies[i]):
        info["energy"] = f"{frames.energies[i]:.12g}"
    if frames.stresses is not None and np.isfinite(frames.stresses[i]).all():
        info["stress"] = _vector(from_voigt(frames.stresses[i]))
        if frames.stress_content != "virial":
            info["stress_content"] = frames.stress_content
    for key, field in _INFO.items():
        values = getattr(frames, field)
        if values is not None:
            info[key] = f"{values[i]:.12g}" if field != "steps" else str(values[i])
    return info


def _vector(values: NDArray[np.float64]) -> str:
    return " ".join(f"{value:.12g}" for value in values.ravel())


def _quoted(value: Any) -> str:
    text = str(value)
    if '"' in text or "\n" in text:
        raise ValueError(f"{text!r} cannot stand in a comment line of extended XYZ; leave out quotes and line ends")
    return f'"{text}"' if re.search(r"[\s=]", text) or not text else text


def text_of(frames: Frames, per_frame_info: Sequence[Mapping[str, Any]] | None = None) -> str:
    """Return what ``write`` writes."""
    handle = io.StringIO()
    write(handle, frames, per_frame_info)
    return handle.getvalue()
