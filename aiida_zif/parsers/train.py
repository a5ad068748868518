# SPDX-License-Identifier: MIT
"""Parser of `zif.train`: learning curve, checkpoints to go on from, portable package."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from aiida.engine import ExitCode
from aiida.orm import ArrayData, Dict, FolderData

from aiida_zif.calculations.frames import GONE
from aiida_zif.calculations.plain import plain
from aiida_zif.calculations.train import BEST, LAST, MODEL, PACKAGE_OUTPUT, start_hash
from aiida_zif.data.model import ZifModelData
from aiida_zif.formats import nequip_checkpoint, nequip_config, nequip_log, nequip_model, scheduler
from aiida_zif.parsers.job import ZifParser, last_words

ALONE = "it finds no aiida-zif beside nequip; in its environment: pip install --no-deps aiida-zif"
"""What is wrong where the environment of nequip-train has no package that the settings name."""


class NequipTrainParser(ZifParser):
    """What nequip-train and nequip-package left."""

    program = "nequip-train"

    def read(self, folder: Path) -> ExitCode | None:
        """Keep curve and checkpoints of a run that died; success is a package and the asked epochs or early stopping."""
        if GONE in self.stdout:
            return self.verdict("ERROR_FRAMES_GONE")
        if not self.stdout and not self.stderr:
            return self.verdict("ERROR_NO_OUTPUT", program=self.program)
        inputs = self.node.inputs
        run = nequip_config.TrainRun.from_dict(inputs.run.get_dict())
        said = nequip_log.parse_output(self.stdout)
        if said.gpu_memory_full:
            self.ended_by = None  # it is not the memory of the machine
        before = inputs.restart.base.attributes.all if "restart" in inputs else {}
        metrics = folder / Path(nequip_config.METRICS_FILE).name
        curve = nequip_log.read(metrics.read_text() if metrics.exists() else "")
        if len(curve):
            self.out("learning_curve", array_of(curve))
        kept, saved = nequip_checkpoint.epochs_done(folder / LAST) or 0, nequip_checkpoint.epochs_done(folder / BEST)
        epochs = max(kept, before.get("epochs", 0), int(curve.epoch[-1]) + 1 if len(curve) else 0)
        reason = nequip_log.why_it_ended(said, curve, epochs, run.epochs)
        dataset, model = inputs.dataset, folder / MODEL
        best = best_of(curve, before, None if saved is None else saved - 1)
        weights = said.n_parameters or before.get("n_parameters")
        settings = nequip_config.frozen_hash(run, dataset.elements, start_hash(inputs.start if "start" in inputs else None))
        known = {"config_hash": settings, "n_parameters": weights, **best}
        versions = nequip_model.read_facts(model).versions if model.exists() else {}
        facts = {
            "program": self.program, "versions": versions, "epochs": epochs, "epochs_in_checkpoint": kept, "reason_ended": reason,
            "ended_by": self.ended_by, **known, **cost_of(curve, run, dataset.counts["train"], said, self.cost), **self.cost,
        }  # fmt: skip
        self.out("results", Dict(plain(facts)))
        if kept and saved:
            restart = FolderData()
            for name in (LAST, BEST):
                restart.base.repository.put_object_from_file(str(folder / name), name)
            restart.base.attributes.set_many(plain({**known, "epochs": kept}))
            self.out("restart", restart)
        if model.exists() and known["best_epoch"] is not None:
            stress = {"stress_content": run.stress_content if run.stress_weight is not None else "none"}
            maker = {"architecture": run.architecture, "precision": run.precision, "seed": run.seed, "epochs": epochs}
            data = {"dataset_hash": dataset.base.attributes.get("content_hash"), "dataset_uuid": str(dataset.uuid)}
            self.out("model", ZifModelData.from_file(model, MODEL, **plain({**known, **maker, **data, **stress})))
        return self._judge(run, said, curve, epochs, reason)

    def _judge(self, run: nequip_config.TrainRun, said: Any, curve: Any, epochs: int, reason: str) -> ExitCode | None:
        """Say how it went, the cause that explains the others first."""
        done = {"done": epochs, "asked": run.epochs}
        if said.no_gpu is not None:
            return self.verdict("ERROR_NO_GPU", reason=said.no_gpu)
        if said.gpu_memory_full:
            return self.verdict("ERROR_GPU_OUT_OF_MEMORY", batch=run.batch, **done)
        if reason == "not a number":
            return self.verdict("ERROR_LOSS_NOT_A_NUMBER", epoch=curve.not_a_number)
        if reason in ("asked epochs", "patience") and "model" in self.outputs:
            return None
        if self.ended_by == scheduler.DISK_FULL:
            return self.verdict("ERROR_DISK_FULL", **done)
        if reason in ("asked epochs", "patience") and self.ended_by is None:
            words = last_words(self._text(self.retrieved, PACKAGE_OUTPUT), 1)
            return self.verdict("ERROR_PROGRAM_ABORTED", program="nequip-package", reason=words)
        if reason == "aborted" and self.ended_by is None:
            alone = "Error locating target 'aiida_zif." in (said.error or "")
            return self.verdict("ERROR_PROGRAM_ABORTED", program=self.program, reason=ALONE if alone else said.error)
        return self.verdict("ERROR_INTERRUPTED", **done)


def array_of(curve: nequip_log.LearningCurve) -> ArrayData:
    """Return the curve as a node: ``step`` is the epoch, the other arrays are the metrics."""
    array = ArrayData()
    array.set_array("step", np.asarray(curve.epoch))
    for name, column in curve.columns.items():
        array.set_array(re.sub(r"\W", "_", name), np.asarray(column))
    return array


def best_of(curve: nequip_log.LearningCurve, before: dict[str, Any], saved: int | None) -> dict[str, Any]:
    """Return the best epoch, what was watched of it, and its errors on the validation frames, of this segment or of those ``before``.

    ``saved`` is the epoch whose weights the best checkpoint holds, where that came home: a job may be killed after it logged an epoch
    and before it saved it.
    """
    known = {name: before.get(name) for name in ("best_epoch", "best_error", "validation_errors")}
    epoch = curve.best_epoch if saved is None else saved
    if epoch is None or epoch not in curve.validated:
        return known
    errors = nequip_log.validation_errors(curve, epoch)
    error = errors.pop("weighted_sum")
    if saved is None and known["best_error"] is not None and known["best_error"] <= error:
        return known
    return {"best_epoch": epoch, "best_error": error, "validation_errors": errors}


def cost_of(
    curve: nequip_log.LearningCurve, run: nequip_config.TrainRun, n_train: int, said: nequip_log.TrainOutput, cost: dict[str, Any]
) -> dict[str, Any]:
    """Return device and ranks, seconds of an epoch, frames per second, and GPU seconds of the whole job."""
    seconds = curve.columns.get(nequip_log.EPOCH_SECONDS, np.empty(0))
    mean = float(np.nanmean(seconds)) if np.isfinite(seconds).any() else None
    wall = cost.get("job_wall_s")
    return {
        "device": said.device, "ranks": said.ranks, "seconds_per_epoch": mean, "frames_per_second": n_train / mean if mean else None,
        "gpu_s": wall * run.devices if wall is not None and run.device == "gpu" else None,
    }  # fmt: skip
