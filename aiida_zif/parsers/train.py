# SPDX-License-Identifier: MIT
"""Parser of `zif.train`: learning curve, checkpoint, portable package."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from aiida.engine import ExitCode
from aiida.orm import ArrayData, Dict, SinglefileData

from aiida_zif.calculations.train import MODEL, PACKAGE_OUTPUT
from aiida_zif.data.model import ZifModelData
from aiida_zif.formats import nequip_config, nequip_log, nequip_model
from aiida_zif.parsers.job import ZifParser, last_words


class NequipTrainParser(ZifParser):
    """What nequip-train and nequip-package left."""

    program = "nequip-train"

    def read(self, folder: Path) -> ExitCode | None:
        """Keep curve and checkpoint of a run that died; success is a package and the asked epochs or early stopping."""
        run = nequip_config.TrainRun.from_dict(self.node.inputs.run.get_dict())
        metrics, checkpoint, model = folder / "metrics.csv", folder / "last.ckpt", folder / MODEL
        if not metrics.exists():
            return self.verdict("ERROR_PROGRAM_ABORTED", program=self.program, reason=last_words(self.stdout or self.stderr))
        curve = nequip_log.read(metrics.read_text())
        array = ArrayData()
        array.set_array("step", np.asarray(curve.epoch))
        for name, column in curve.columns.items():
            array.set_array(re.sub(r"\W", "_", name), np.asarray(column))
        self.out("learning_curve", array)
        epochs = int(curve.epoch[-1]) + 1 if len(curve.epoch) else 0
        versions = nequip_model.read_facts(model).versions if model.exists() else {}
        results = {"program": self.program, "versions": versions, "epochs": epochs, "best_epoch": curve.best_epoch, **self.cost}
        self.out("results", Dict(results))
        if checkpoint.exists() and epochs < run.epochs:
            self.out("restart", SinglefileData(checkpoint, filename="last.ckpt"))
        if curve.not_a_number is not None:
            return self.verdict("ERROR_LOSS_NOT_A_NUMBER", epoch=curve.not_a_number)
        if not model.exists() and epochs >= run.epochs:
            reason = last_words(self._text(self.retrieved, PACKAGE_OUTPUT), 1)
            return self.verdict("ERROR_PROGRAM_ABORTED", program="nequip-package", reason=reason)
        if not model.exists():
            return self.verdict("ERROR_INTERRUPTED", done=epochs, asked=run.epochs)
        facts = {
            "architecture": run.architecture, "precision": run.precision, "seed": run.seed, "epochs": epochs,
            "dataset_hash": self.node.inputs.dataset.base.attributes.get("content_hash"),
        }  # fmt: skip
        stopped_early = run.patience is not None and curve.best_epoch is not None and epochs - 1 - curve.best_epoch >= run.patience
        self.out("model", ZifModelData.from_file(model, MODEL, **facts))
        if epochs < run.epochs and not stopped_early:
            return self.verdict("ERROR_INTERRUPTED", done=epochs, asked=run.epochs)
        return None
