# SPDX-License-Identifier: MIT
"""What a training that is resumed in another folder needs to be the one that was never stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning.pytorch.callbacks import Callback, ModelCheckpoint


class BestCheckpoint(ModelCheckpoint):
    """Save the weights of the lowest error; a resumed training beats the error of the segments before, or saves nothing.

    Lightning forgets the best error where the folder has changed, as it does from job to job, and would then take the first epoch
    of the new segment for the best. The file of the earlier best is for the job to bring along.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(save_top_k=1, enable_version_counter=False, **settings)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the score from ``state_dict``, and the file to be where this run would write it."""
        best = str(Path(self.dirpath or ".") / f"{self.filename}{self.FILE_EXTENSION}")
        score = state_dict["best_model_score"]
        here = {"dirpath": self.dirpath, "best_model_path": best, "kth_best_model_path": best, "best_k_models": {best: score}}
        super().load_state_dict({**state_dict, **here})


class ExactRestart(Callback):
    """Take up what Lightning and nequip leave behind: the step of a plateau schedule, and the order of the frames.

    The checkpoint of an epoch is written before a schedule that watches the error sees that of this epoch; a restart never shows it.
    nequip saves the generator that shuffles, but restores it only after it has been used.
    """

    def __init__(self, monitor: str) -> None:
        self.monitor = monitor
        self._watched: float | None = None
        self._unseen: float | None = None

    def on_train_epoch_end(self, trainer: Any, *_: Any) -> None:
        """Remember the error of this epoch."""
        self._watched = float(trainer.callback_metrics[self.monitor])

    def state_dict(self) -> dict[str, Any]:
        """What goes into the checkpoint."""
        return {"watched": self._watched}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keep the error that no schedule has seen."""
        self._unseen = state_dict["watched"]

    def on_load_checkpoint(self, trainer: Any, _: Any, checkpoint: dict[str, Any]) -> None:
        """Set the generator back before the first frame is drawn."""
        module = trainer.datamodule
        module.train_generator.set_state(checkpoint[type(module).__qualname__]["train_generator_state"])

    def on_train_start(self, trainer: Any, *_: Any) -> None:
        """Show the schedules what they have missed."""
        if self._unseen is None:
            return
        for config in trainer.lr_scheduler_configs:
            if config.reduce_on_plateau:
                config.scheduler.step(self._unseen)
        self._unseen = None
