# SPDX-License-Identifier: MIT
"""The end of a training segment: at the end of an epoch, while another one would no longer fit into the time."""

from __future__ import annotations

import time
from typing import Any

import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities.rank_zero import rank_zero_info

from aiida_zif.formats.nequip_log import EPOCH_SECONDS, SEGMENT_ENDED, WEIGHTS


class SegmentTimer(Callback):
    """Stop after the epoch that the slowest one so far, begun again, would take beyond ``seconds``; never where that is ``None``.

    The time counts from the making of this object: with the reading of the frames, without the import of the libraries. Lightning's
    own ``Timer`` restores the time of the segments before from the checkpoint, and would stop a resumed training at once.
    One epoch is always done, or a segment would bring nothing. How long each epoch took stands among the metrics.
    """

    def __init__(self, seconds: float | None = None) -> None:
        if seconds is not None and not seconds > 0:
            raise ValueError(f"segment_seconds is {seconds}, but it must be positive, or null for no limit")
        self.seconds = seconds
        self.slowest = 0.0
        self._begun = self._epoch_begun = time.monotonic()

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Say how many weights are learned, exactly, and on what: Lightning's own table rounds."""
        device = trainer.strategy.root_device
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
        n_weights = sum(weight.numel() for weight in pl_module.parameters() if weight.requires_grad)
        rank_zero_info(f"{WEIGHTS}{n_weights} on {trainer.world_size} x {name}")

    def on_train_epoch_start(self, *_: Any) -> None:
        """Remember when."""
        self._epoch_begun = time.monotonic()

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Ask for the end of the training, on all devices alike, where another epoch does not fit."""
        now = time.monotonic()
        pl_module.log(EPOCH_SECONDS, now - self._epoch_begun, on_epoch=True, sync_dist=True, reduce_fx="max")
        self.slowest = max(self.slowest, now - self._epoch_begun)
        is_last = trainer.should_stop or trainer.current_epoch + 1 == trainer.max_epochs
        if self.seconds is None or is_last:
            return
        if trainer.strategy.broadcast(now - self._begun + self.slowest > self.seconds):
            trainer.should_stop = True
            used = f"{now - self._begun:.1f} of {self.seconds:g} s used, an epoch takes {self.slowest:.1f} s"
            rank_zero_info(f"{SEGMENT_ENDED} {trainer.current_epoch}: {used}.")
