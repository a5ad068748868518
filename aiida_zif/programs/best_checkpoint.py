# SPDX-License-Identifier: MIT
"""The best checkpoint of a training over all its segments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning.pytorch.callbacks import ModelCheckpoint


class BestCheckpoint(ModelCheckpoint):
    """Save the weights of the lowest error; a restart in another folder beats the error of the segments before, or saves nothing.

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
