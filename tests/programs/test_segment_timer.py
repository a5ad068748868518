# SPDX-License-Identifier: MIT
"""A segment ends at the end of an epoch and in time: Lightning's own trainer, with a model of one layer."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import pytest

from aiida_zif.programs.segment_timer import SegmentTimer

pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning has advice on loaders and loggers


def train(timer: SegmentTimer, folder: Path, epochs: int = 6, checkpoint: Path | None = None) -> Any:
    """Return the trainer after at most ``epochs`` of 0.05 s or more, in two steps each; it leaves ``last.ckpt``."""
    from lightning import Trainer
    from lightning.pytorch.demos.boring_classes import BoringModel

    class Slow(BoringModel):
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            time.sleep(0.025)
            return super().training_step(batch, batch_idx)

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
    trainer = Trainer(accelerator="cpu", max_epochs=epochs, limit_train_batches=2, limit_val_batches=0, callbacks=[timer], **quiet)
    trainer.fit(Slow(), ckpt_path=checkpoint, weights_only=False)
    trainer.save_checkpoint(folder / "last.ckpt")
    return trainer


def test_without_a_limit_all_epochs_are_done(tmp_path: Path) -> None:
    """`segment_seconds: null` is what the file says where the command line says nothing."""
    assert train(SegmentTimer(), tmp_path).current_epoch == 6


def test_one_epoch_is_done_however_short_the_time(tmp_path: Path) -> None:
    """A segment that did nothing would be repeated for ever; it ends after whole epochs only."""
    trainer = train(SegmentTimer(1e-3), tmp_path)
    assert (trainer.current_epoch, trainer.global_step) == (1, 2)


def test_an_epoch_that_would_not_fit_is_not_begun(tmp_path: Path) -> None:
    """The slowest epoch so far is what the next one is expected to take: the end comes before the limit, not behind it."""
    timer = SegmentTimer(60)
    timer.slowest = 59.99
    assert train(timer, tmp_path).current_epoch == 1


def test_time_of_earlier_segments_does_not_count(tmp_path: Path) -> None:
    """A resumed training has its whole time again; Lightning's own timer would stop it at once."""
    train(SegmentTimer(1e-3), tmp_path)
    time.sleep(0.2)
    assert train(SegmentTimer(60), tmp_path, 4, tmp_path / "last.ckpt").current_epoch == 4


@pytest.mark.parametrize("seconds", [0, -5, float("nan")])
def test_a_time_that_is_none_is_refused(seconds: float) -> None:
    """In a sentence with the name that stands on the command line."""
    with pytest.raises(ValueError, match=r"segment_seconds is .*, but it must be positive"):
        SegmentTimer(seconds)
