# SPDX-License-Identifier: MIT
"""How far a checkpoint is, without opening it as a program."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from pathlib import Path

import pytest

from aiida_zif.formats.nequip_checkpoint import epochs_done


def checkpoint(path: Path, epoch: int, **more: object) -> Path:
    """Write what torch writes, as far as it matters: a zip with a pickled dictionary that begins with the epoch."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"epoch": epoch, "global_step": 99, **more}, protocol=2))
        archive.writestr("archive/data/0", os.urandom(1000))
    return path


@pytest.mark.parametrize("epoch", [0, 7, 255, 256, 70000])
def test_epochs_are_counted_from_one(tmp_path: Path, epoch: int) -> None:
    """Lightning counts the one that it has done from 0; whatever opcode the number takes."""
    assert epochs_done(checkpoint(tmp_path / "last.ckpt", epoch)) == epoch + 1


def test_torch_writes_such_a_file(tmp_path: Path) -> None:
    """Its own protocol, with a tensor."""
    torch = pytest.importorskip("torch")
    torch.save({"epoch": 11, "global_step": 3, "state_dict": {"w": torch.ones(5)}}, tmp_path / "last.ckpt")
    assert epochs_done(tmp_path / "last.ckpt") == 12


def test_every_cut_is_no_checkpoint(tmp_path: Path) -> None:
    """A job killed while it wrote: never raised, never taken for whole."""
    whole = checkpoint(tmp_path / "last.ckpt", 4).read_bytes()
    for end in range(len(whole)):
        (tmp_path / "cut.ckpt").write_bytes(whole[:end])
        assert epochs_done(tmp_path / "cut.ckpt") is None
    assert epochs_done(tmp_path / "absent.ckpt") is None


def test_nothing_in_it_is_called(tmp_path: Path) -> None:
    """A pickle that would write a file when opened does not."""

    class Canary:
        def __reduce__(self) -> tuple[object, tuple[str, ...]]:
            return os.mkdir, (str(tmp_path / "canary"),)

    assert epochs_done(checkpoint(tmp_path / "last.ckpt", 1, weights=Canary())) == 2
    assert not (tmp_path / "canary").exists()


def test_zip_of_something_else_is_no_checkpoint(tmp_path: Path) -> None:
    """No pickle in it, or one without an epoch."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a/b.txt", "text")
    assert epochs_done(tmp_path / "a.zip") is None
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a/data.pkl", pickle.dumps({"step": 3}, protocol=2))
    (tmp_path / "b.zip").write_bytes(buffer.getvalue())
    assert epochs_done(tmp_path / "b.zip") is None
