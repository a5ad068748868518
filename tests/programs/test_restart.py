# SPDX-License-Identifier: MIT
"""The best checkpoint over segments, by Lightning's own trainer; exact restarts by nequip are in integration/test_nequip_train."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from aiida_zif.programs.restart import BestCheckpoint

pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning has advice on loaders and folders


def train(folder: Path, errors: list[float], last: Path | None = None) -> Path | None:
    """Train one epoch for each of ``errors``, which are what is watched; return the best checkpoint there, if one was written."""
    import torch
    from lightning import Trainer
    from lightning.pytorch.callbacks import ModelCheckpoint
    from lightning.pytorch.demos.boring_classes import BoringModel

    class Told(BoringModel):
        def on_train_epoch_end(self) -> None:
            self.log("error", torch.tensor(errors[self.current_epoch]))

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    best = BestCheckpoint(monitor="error", dirpath=folder, filename="best")
    newest = ModelCheckpoint(dirpath=folder, filename="last", enable_version_counter=False)
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    limits = {"max_epochs": len(errors), "limit_train_batches": 1, "limit_val_batches": 0}
    Trainer(accelerator="cpu", callbacks=[best, newest], **limits, **quiet).fit(Told(), ckpt_path=last, weights_only=False)
    assert (folder / "last.ckpt").exists()
    found = folder / "best.ckpt"
    return found if found.exists() else None


def epoch_of(path: Path | None) -> int:
    import torch

    assert path is not None
    return int(torch.load(path, weights_only=False)["epoch"])


def test_an_error_that_is_not_a_number_is_never_the_best(tmp_path: Path) -> None:
    """What was the best before stays; the newest state is written all the same."""
    assert epoch_of(train(tmp_path, [2.0, 1.0, float("nan"), 3.0])) == 1
    assert epoch_of(tmp_path / "last.ckpt") == 3


def test_a_segment_in_another_folder_beats_all_before_or_writes_nothing(tmp_path: Path) -> None:
    """Lightning alone would call the first epoch of the second segment the best."""
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))
    assert epoch_of(train(first, [2.0, 1.0])) == 1
    assert train(second, [2.0, 1.0, 1.5, 1.2], first / "last.ckpt") is None
    assert epoch_of(train(third, [2.0, 1.0, 1.5, 1.2, 1.1, 0.5, 0.7], second / "last.ckpt")) == 5


def test_the_file_that_was_brought_along_is_replaced_in_place(tmp_path: Path) -> None:
    """No best-v1.ckpt beside it: one name, whichever segment it is from."""
    first, second = tmp_path / "first", tmp_path / "second"
    brought = train(first, [1.0])
    second.mkdir()
    assert brought is not None
    (second / "best.ckpt").write_bytes(brought.read_bytes())
    assert epoch_of(train(second, [1.0, 0.5], first / "last.ckpt")) == 1
    assert sorted(path.name for path in second.iterdir()) == ["best.ckpt", "last.ckpt"]
