# SPDX-License-Identifier: MIT
"""Frames made elsewhere become a trajectory that says where it came from, or one sentence says why not."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aiida_zif.data.imports import Source, load
from aiida_zif.formats import extxyz, npz
from aiida_zif.science.units import BOHR_IN_ANGSTROM, HARTREE_IN_EV


@pytest.fixture
def frames(make_frames: Callable[..., Any]) -> Any:
    """Sixty frames of a swinging crystal whose energies and forces belong together."""
    rng = np.random.default_rng(5)
    away = 0.02 * np.cos(0.3 * np.arange(60)[:, None, None] + rng.uniform(0, 7, (34, 3)))
    return make_frames(
        60, positions=make_frames(1).positions[0] + away, energies=-3000 + 10 * (away**2).sum(axis=(1, 2)), forces=-20 * away
    )


@pytest.mark.parametrize("kind", ["extxyz", "npz"])
def test_file_becomes_a_trajectory_with_origin(frames: Any, tmp_path: Path, kind: str, aiida_profile: Any) -> None:
    """Labels as they were; path, sha256 and reader in the attributes; the audit has looked at all."""
    path = tmp_path / f"a.{kind}"
    {"extxyz": extxyz.write, "npz": npz.write}[kind](path, frames)
    found = load(Source(path, temperature=300.0, timestep_fs=0.5, stress_content="total"))
    assert found.audit.consistency is not None
    assert found.audit.consistency.agrees
    node = found.node
    assert not node.is_stored
    for name in ("positions", "energies", "forces", "stresses"):
        np.testing.assert_allclose(getattr(node.frames(), name), getattr(frames, name), rtol=1e-11)
    attributes = node.base.attributes.all
    assert attributes["imported_from"] == str(path)
    assert attributes["source_sha256"] == {path.name: hashlib.sha256(path.read_bytes()).hexdigest()}
    assert (attributes["kind"], attributes["asked_temperature_k"], node.stress_content) == ("aimd", 300.0, "total")
    assert attributes["reader_version"]


def test_single_points_have_no_temperature(frames: Any, tmp_path: Path, aiida_profile: Any) -> None:
    """Frames labelled one by one are judged by their labels only, and are of the kind that all go into training."""
    extxyz.write(tmp_path / "a.xyz", frames)
    found = load(Source(tmp_path / "a.xyz"))
    assert found.audit.passed
    assert found.node.base.attributes.get("kind") == "label"


def test_run_folder_becomes_a_trajectory(repository: Path, aiida_profile: Any) -> None:
    """A CP2K folder by the same reader as our own jobs: energies of its files, version of its log, every file by its sha256."""
    folder = repository / "tests" / "formats" / "data" / "cp2k" / "md"
    found = load(Source(folder, temperature=300.0, timestep_fs=0.5))
    attributes = found.node.base.attributes
    assert attributes.get("program_version")
    assert {"aiida-pos-1.xyz", "aiida-frc-1.xyz", "aiida.out"} <= set(attributes.get("source_sha256"))
    assert found.node.frames().forces is not None
    assert found.node.stress_content == "virial"


def test_every_published_folder_is_imported_or_refused_in_a_sentence(shared_data: Path, aiida_profile: Any) -> None:
    """What CP2K really leaves behind: whole and cut runs come in, a run that never converged does not."""
    refused = {}
    for folder in sorted((shared_data / "cp2k_outputs").iterdir()):
        try:
            found = load(Source(folder, temperature=300.0, timestep_fs=0.5))
        except ValueError as problem:
            refused[folder.name] = str(problem)
        else:
            assert found.audit.usable.any()
    assert not any("\n" in sentence for sentence in refused.values())
    assert {"scf_not_converged", "walltime_in_step_0"} >= set(refused) >= {"scf_not_converged"}


def broken(frames: Any, tmp_path: Path, how: str) -> Path:
    """Write a file that is wrong in one way."""
    path = tmp_path / "a.xyz"
    changes: dict[str, Any] = {
        "hartree": {"energies": frames.energies / HARTREE_IN_EV},
        "atomic units": {"energies": frames.energies / HARTREE_IN_EV, "forces": frames.forces / (HARTREE_IN_EV / BOHR_IN_ANGSTROM)},
        "swapped": {"forces": frames.forces[:, ::-1]},
        "no forces": {"forces": None},
        "no energies": {"energies": None},
        "disorder": {"steps": frames.steps[::-1]},
        "symbols": {"species": frames.species[::-1]},
    }
    text = extxyz.text_of(replace(frames, **changes.get(how, {})))
    if how == "nan":
        text = text.replace(f" {frames.forces[5, 0, 0]:.12g}", " nan")
        assert " nan" in text
    if how == "position nan":
        text = text.replace(f" {frames.positions[5, 0, 0]:.12g}", " nan")
    if how == "cut":
        text = text[:-100]
    if how == "two systems":
        text += extxyz.text_of(replace(frames, species=frames.species[::-1]))
    path.write_text("" if how == "empty" else text)
    return path


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("hartree", "27.2114"), ("nan", "frame 6 of .* no number"), ("atomic units", "Hartree and Hartree/bohr"),
        ("swapped", "another order"),
        ("no forces", "holds no forces"),
        ("no energies", "holds no energies"), ("disorder", "sort the frames"), ("position nan", "not all numbers"), ("cut", "is cut"),
        ("symbols", "mixed up: only"), ("two systems", "one system per file"), ("empty", "no frame"),
    ],
)  # fmt: skip
def test_bad_files_are_refused_in_a_sentence(frames: Any, tmp_path: Path, how: str, said: str, aiida_profile: Any) -> None:
    """Truncated, mixed-up, empty, wrong-unit, wrong-order files, NaN, two systems."""
    with pytest.raises(ValueError, match=said) as caught:
        load(Source(broken(frames, tmp_path, how), temperature=300.0))
    assert "\n" not in str(caught.value)


def test_folder_without_forces_is_refused(repository: Path, tmp_path: Path, aiida_profile: Any) -> None:
    """The sentence says what CP2K should have printed."""
    shutil.copytree(repository / "tests" / "formats" / "data" / "cp2k" / "md", tmp_path / "run")
    (tmp_path / "run" / "aiida-frc-1.xyz").unlink()
    with pytest.raises(ValueError, match="there are no forces; let CP2K print them"):
        load(Source(tmp_path / "run", temperature=300.0))
    for path in (tmp_path / "run").glob("aiida*"):
        path.unlink()
    with pytest.raises(ValueError, match="PROJECT-pos-1"):
        load(Source(tmp_path / "run", temperature=300.0))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda folder: (folder / "aiida-1.cell").unlink(), "no cell in aiida-1.cell"),
        (lambda folder: swap_atoms(folder / "aiida-frc-1.xyz"), "in another order"),
        (lambda folder: other_energies(folder / "aiida-frc-1.xyz"), "of different runs"),
        (lambda folder: (folder / "aiida-frc-1.xyz").write_text(""), "aiida-frc-1.xyz holds no whole frame"),
    ],
    ids=["no cell", "atoms swapped", "another run's forces", "empty"],
)
def test_folder_whose_files_do_not_fit_is_refused(
    repository: Path, tmp_path: Path, aiida_profile: Any, change: Callable[[Path], Any], said: str
) -> None:
    """The sentence is that of the reader, which saw what is wrong, and not that frames are missing."""
    shutil.copytree(repository / "tests" / "formats" / "data" / "cp2k" / "md", tmp_path / "run")
    change(tmp_path / "run")
    with pytest.raises(ValueError, match=said):
        load(Source(tmp_path / "run", temperature=300.0))


def swap_atoms(path: Path) -> None:
    """Write the atoms of each frame the other way round."""
    lines = path.read_text().splitlines(keepends=True)
    size = int(lines[0]) + 2
    frames = [lines[k : k + size] for k in range(0, len(lines), size)]
    path.write_text("".join("".join(frame[:2] + frame[:1:-1]) for frame in frames))


def other_energies(path: Path) -> None:
    """Change the energy in each header but the first, as in a run from the same structure."""
    first, *others = path.read_text().split("E = ")
    path.write_text("E = ".join([first, others[0], *(re.sub(r"\d(?=\n)", "7", text, count=1) for text in others[1:])]))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("killed_9", "the log just ends"), ("walltime_mid_run", "ended at its time limit"), ("segment_1", None),
        ("walltime_restart", "give each as --mass"), ("xtb_300K_120_steps", "give each as --mass"),
    ],
)  # fmt: skip
def test_how_a_run_ended_is_noted(shared_data: Path, aiida_profile: Any, name: str, said: str | None) -> None:
    """What is imported of a run that was stopped is said to be that; and where only the masses are missing, how to give them."""
    notes = load(Source(shared_data / "cp2k_outputs" / name, temperature=300.0, timestep_fs=0.5)).notes
    assert [note for note in notes if said and said in note] == list(notes)
    assert bool(notes) == (said is not None)


def test_words_that_do_not_fit_are_refused(frames: Any, tmp_path: Path, aiida_profile: Any) -> None:
    """Absent, folder for file, units where there are some, stresses of which nothing is known."""
    path = tmp_path / "a.npz"
    npz.write(path, frames)
    (tmp_path / "a.xyz").write_text("")
    for given, said in (
        ({"path": tmp_path / "b"}, "there is no"),
        ({"path": tmp_path, "kind": "npz"}, "is a folder"),
        ({"path": path, "kind": "cp2k"}, "is a file"),
        ({"path": path, "kind": "vasp"}, "one of cp2k"),
        ({"path": tmp_path / "a.xyz", "units": "ev"}, "units of their own"),
        ({"path": path}, "does not say of what"),
        ({"path": path, "stress_content": "half"}, "one of virial"),
        ({"path": path, "stress_content": "total", "temperature": -3.0}, "must be positive"),
    ):
        with pytest.raises(ValueError, match=said):
            Source(**given)
