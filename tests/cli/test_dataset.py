# SPDX-License-Identifier: MIT
"""`aiida-zif import`, `audit` and `dataset`: from files to nodes and back, and every refusal a sentence with nothing stored."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiida.orm import load_node

from aiida_zif.formats import extxyz, npz

Call = Callable[..., Any]


@pytest.fixture
def frames(make_frames: Callable[..., Any]) -> Any:
    away = 0.02 * np.cos(0.3 * np.arange(60)[:, None, None] + np.arange(102).reshape(34, 3) ** 2)
    return make_frames(
        60, positions=make_frames(1).positions[0] + away, energies=-3000 + 10 * (away**2).sum(axis=(1, 2)), forces=-20 * away
    )


def node_of(output: str) -> Any:
    found = re.search(r"stored: \w+<(\d+)>", output)
    assert found, output
    return load_node(int(found[1]))


def test_frames_come_in_and_are_audited(call: Call, frames: Any, tmp_path: Path) -> None:
    """Imported, stored with its label, audited again with a figure: the same sentences."""
    extxyz.write(tmp_path / "liquid.xyz", frames)
    result = call("import", tmp_path / "liquid.xyz", "--temperature", 300, "--timestep", 0.5, "--figure", tmp_path / "a.svg")
    assert result.exit_code == 0, result.output
    node = node_of(result.output)
    assert node.label == "liquid.xyz"
    assert (tmp_path / "a.svg").read_bytes().startswith(b"<?xml")
    again = call("audit", node.pk, "--figure", tmp_path / "b.svg")
    assert again.exit_code == 0, again.output
    assert "Energies and forces belong together" in again.output
    assert (tmp_path / "b.svg").read_bytes() == (tmp_path / "a.svg").read_bytes().replace(b"\0", b"")


def test_an_audit_that_fails_ends_with_one(call: Call, make_trajectory: Callable[..., Any]) -> None:
    """A trajectory far from the asked temperature."""
    node = make_trajectory(20, asked_temperature_k=1500.0).store()
    result = call("audit", node.uuid)
    assert result.exit_code == 1
    assert "not passed: temperature" in result.output


def test_dry_run_stores_nothing(call: Call, frames: Any, tmp_path: Path, stored: Callable[[], int]) -> None:
    """What would come in is read and judged only."""
    npz.write(tmp_path / "a.npz", frames)
    before = stored()
    result = call("import", tmp_path / "a.npz", "--single-points", "--stress-content", "virial", "--dry-run")
    assert result.exit_code == 0, result.output
    assert "60 frames of 34 atoms (C H N Zn)" in result.output
    assert "nothing was stored" in result.output
    assert stored() == before


def test_models_come_in_with_their_origin(call: Call, repository: Path, shared_data: Path) -> None:
    """A package and the published TorchScript model: facts, path and sha256; neither is opened."""
    package = repository / "tests" / "programs" / "data" / "tiny_nequip.nequip.zip"
    legacy = shared_data / "castel2024" / "nequip_l2r6stress0.pth"
    for path, form, sentence in (
        (package, "package", "nequip model in the form package for C H N Zn, cutoff 4.0 Å"),
        (legacy, "torchscript", "nequip model in the form torchscript for H C N Zn, cutoff 6.0 Å, by e3nn 0.5.1, nequip 0.5.6"),
    ):
        result = call("import", path)
        assert result.exit_code == 0, result.output
        assert sentence in result.output
        node = node_of(result.output)
        facts = node.base.attributes
        assert (node.label, node.form, facts.get("imported_from")) == (path.name, form, str(path.resolve()))
        assert facts.get("source_sha256") == {path.name: hashlib.sha256(path.read_bytes()).hexdigest()}


def test_bad_models_store_nothing(refused: Callable[..., str], repository: Path, tmp_path: Path, stored: Callable[[], int]) -> None:
    """Cut, empty, absent, compiled for one machine, or no model at all: a sentence each."""
    content = (repository / "tests" / "programs" / "data" / "tiny_nequip.nequip.zip").read_bytes()
    before = stored()
    for name, part in (("cut.nequip.zip", content[:-500]), ("empty.pth", b""), ("m.nequip.pt2", content), ("m.txt", b"hello")):
        (tmp_path / name).write_bytes(part)
    assert "no whole model file" in refused("import", tmp_path / "cut.nequip.zip")
    assert "no whole model file" in refused("import", tmp_path / "empty.pth")
    assert "compiled for one machine" in refused("import", tmp_path / "m.nequip.pt2")
    assert "is no model: its name should end in" in refused("import", tmp_path / "m.txt", "--kind", "model")
    assert "there is no file" in refused("import", tmp_path / "absent.pth")
    assert stored() == before


def test_bad_imports_store_nothing(refused: Callable[..., str], frames: Any, tmp_path: Path, stored: Callable[[], int]) -> None:
    """Mixed-up labels, a cut file, no word of the temperature, no such file: a sentence each."""
    before = stored()
    good, swapped, cut = (tmp_path / name for name in ("good.xyz", "swapped.xyz", "cut.xyz"))
    extxyz.write(good, frames)
    extxyz.write(swapped, replace(frames, forces=frames.forces[:, ::-1]))
    cut.write_text(good.read_text()[:-50])
    assert "another order" in refused("import", swapped, "--temperature", 300)
    assert "is cut" in refused("import", cut, "--temperature", 300)
    assert "--single-points" in refused("import", good)
    assert "there is no" in refused("import", tmp_path / "none.xyz", "--temperature", 300)
    assert "is not like H=2.014101777" in refused("import", good, "--temperature", 300, "--mass", "H")
    assert "there is no folder" in refused("import", good, "--temperature", 300, "--figure", tmp_path / "x" / "y.svg")
    assert stored() == before


def test_dataset_is_shown_and_exported(call: Call, dataset: Any, tmp_path: Path) -> None:
    """Counts, hash and origin in words; the frames as a file."""
    node = dataset.store()
    result = call("dataset", "show", node.pk, "--figure", tmp_path / "d.svg")
    assert result.exit_code == 0, result.output
    assert "3 train, 1 validation, 2 held_out" in result.output
    assert node.base.attributes.get("sha256") in result.output
    assert (tmp_path / "d.svg").is_file()
    result = call("dataset", "export", node.uuid, tmp_path / "d.npz", "--split", "train")
    assert "3 frames" in result.output
    np.testing.assert_array_equal(npz.read(tmp_path / "d.npz").forces, node.frames("train").forces)


def test_datasets_are_merged_and_filtered_with_provenance(call: Call, dataset: Any) -> None:
    """Both leave a node that a calcfunction made."""
    node = dataset.store()
    merged = node_of(call("dataset", "merge", node.pk, node.pk).output)
    assert merged.counts == node.counts
    assert merged.creator.process_label == "merge_datasets"
    filtered = node_of(
        call(
            "dataset", "filter", node.pk, "--max-force", 100, "--element", "Zn", "--element", "N", "--element", "C", "--element", "H"
        ).output
    )
    assert filtered.creator.process_label == "filter_dataset"
    assert filtered.base.attributes.get("drawing")["filtered_from"] == node.uuid


def test_bad_requests_are_refused(
    refused: Callable[..., str], dataset: Any, make_trajectory: Callable[..., Any], tmp_path: Path, stored: Callable[[], int]
) -> None:
    """Another kind of node, another format, no criterion, nothing left."""
    node, trajectory = dataset.store(), make_trajectory().store()
    before = stored()
    assert "ZifDatasetData is needed" in refused("dataset", "show", trajectory.pk)
    assert "ZifTrajectoryData is needed" in refused("audit", node.pk)
    assert "does not end in one of" in refused("dataset", "export", node.pk, tmp_path / "a.csv")
    assert "at least one criterion" in refused("dataset", "filter", node.pk)
    assert "no frame of the dataset meets" in refused("dataset", "filter", node.pk, "--max-force", 0)
    assert "at least two" in refused("dataset", "merge", node.pk)
    assert stored() == before
