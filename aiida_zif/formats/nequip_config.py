# SPDX-License-Identifier: MIT
"""One training of a NequIP or Allegro model as the YAML that ``nequip-train`` 0.19 reads."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import yaml

from aiida_zif.formats.nequip_network import network
from aiida_zif.formats.nequip_run import TrainRun, refuse

__all__ = ["BEST_CHECKPOINT", "LAST_CHECKPOINT", "METRICS_FILE", "SEGMENT_SECONDS", "TARGETS", "TrainRun"]
__all__ += ["frozen_hash", "refuse", "render"]

_NAMES = {
    "aiida_zif.programs": "restart.BestCheckpoint restart.ExactRestart segment_timer.SegmentTimer",
    "allegro": "model.AllegroModel nn.TwoBodyBesselScalarEmbed",
    "lightning": "Trainer pytorch.loggers.CSVLogger",
    "lightning.pytorch.callbacks": "EarlyStopping LearningRateMonitor ModelCheckpoint",
    "lightning.pytorch.plugins.environments": "LightningEnvironment",
    "nequip.data": "CommonDataStatisticsManager datamodule.ASEDataModule",
    "nequip.data.transforms": "ChemicalSpeciesToAtomTypeMapper NeighborListTransform",
    "nequip.model": "FullNequIPGNNModel ModelFromPackage NequIPGNNModel",
    "nequip.nn.pair_potential": "ZBL",
    "nequip.train": "EMALightningModule NequIPLightningModule EnergyForceLoss EnergyForceMetrics "
    "EnergyForceStressLoss EnergyForceStressMetrics SimpleDDPStrategy",
    "torch": "optim.Adam optim.lr_scheduler.CosineAnnealingLR optim.lr_scheduler.ReduceLROnPlateau utils.data.DataLoader",
}
TARGETS: frozenset[str] = frozenset(f"{module}.{name}" for module, names in _NAMES.items() for name in names.split())
"""Every class that a rendered file may name: ``_target_`` calls what it names, so nothing else is let through."""

METRICS_FILE = "csv/v0/metrics.csv"
"""Where the metrics lie below the output directory."""
BEST_CHECKPOINT = "best.ckpt"
"""The weights of the lowest validation error, below the output directory."""
LAST_CHECKPOINT = "last.ckpt"
"""The state after the last whole epoch, from which ``++ckpt_path=`` resumes, below the output directory."""
SEGMENT_SECONDS = "segment_seconds"
"""What limits one segment: ``++segment_seconds=3000`` on the command line, so that the file is the same for every segment."""

_PATH = re.compile(r"[A-Za-z0-9_./+-]+")
_SYMBOL = re.compile(r"[A-Z][a-z]?")


def render(
    run: TrainRun,
    type_names: Sequence[str],
    train_file: str,
    validation_file: str,
    output_dir: str = "outputs",
    start_file: str | None = None,
) -> str:
    """Return the YAML for ``nequip-train``; the same for a start and for a restart (``++ckpt_path=…/last.ckpt``).

    ``type_names`` are the elements in the order that the model keeps for ever; the files are extended XYZ. Below
    ``output_dir`` come to lie ``best.ckpt``, ``last.ckpt`` and ``csv/v0/metrics.csv``. A restart in another folder goes on from
    the best of all segments where it finds that ``best.ckpt`` below ``output_dir`` too. One process is started, whatever ``devices``.
    ``start_file`` is a package whose network and weights are gone on with, instead of new ones; it keeps the energy shifts and scales
    that it was made with. Whatever reads the checkpoints needs it at the same place.

    Raises ``ValueError`` for names that are no elements, and for paths with characters that YAML or Hydra would read.
    """
    if not type_names or len(set(type_names)) != len(type_names) or not all(_SYMBOL.fullmatch(name) for name in type_names):
        raise ValueError(f"the type names are {list(type_names)}, but they must be chemical symbols, each once")
    for path in (train_file, validation_file, output_dir, *([] if start_file is None else [start_file])):
        if not _PATH.fullmatch(path):
            raise ValueError(f"the path {path!r} holds a character outside letters, digits and _ . / + -: rename it")
    tree = {
        "run": ["train"],
        "cutoff_radius": float(run.r_max),
        "model_type_names": list(type_names),
        "chemical_species": "${model_type_names}",
        "monitored_metric": "val0_epoch/weighted_sum",
        SEGMENT_SECONDS: None,
        "data": _data(run, train_file, validation_file),
        "trainer": _trainer(run),
        "training_module": _training(run),
        "global_options": {"allow_tf32": False},
        "hydra": {"run": {"dir": output_dir}},
    }
    if start_file is not None:
        model = {"_target_": "nequip.model.ModelFromPackage", "package_path": start_file, "compile_mode": "eager"}
        tree["training_module"] = {**_training(run), "model": model}
    _allow(tree)
    text: str = yaml.safe_dump(tree, sort_keys=False, default_flow_style=None, width=140)
    return text


def frozen_hash(run: TrainRun, type_names: Sequence[str], start: str | None = None) -> str:
    """Return the sha256 of all that must not change over a restart: the YAML but for batches and devices, files and folder.

    ``start`` is the sha256 of the package that the training goes on with, where there is one.

    A batch too large for a GPU is halved between two segments, which is recorded; a restart with anything else changed is another
    training.
    """
    fixed = replace(run, batch=1, validation_batch=1, device="cpu", devices=1)
    return hashlib.sha256(render(fixed, type_names, "train", "validation", start_file=start).encode()).hexdigest()


def _data(run: TrainRun, train_file: str, validation_file: str) -> dict[str, Any]:
    loader = {"_target_": "torch.utils.data.DataLoader", "num_workers": 0}
    data: dict[str, Any] = {
        "_target_": "nequip.data.datamodule.ASEDataModule",
        "seed": run.seed,
        "train_file_path": train_file,
        "val_file_path": validation_file,
        "transforms": [
            {"_target_": "nequip.data.transforms.ChemicalSpeciesToAtomTypeMapper", "model_type_names": "${model_type_names}"},
            {"_target_": "nequip.data.transforms.NeighborListTransform", "r_max": "${cutoff_radius}"},
        ],
        "train_dataloader": {**loader, "batch_size": run.batch // run.devices, "shuffle": run.shuffle},
        "val_dataloader": {**loader, "batch_size": run.validation_batch},
        "stats_manager": {
            "_target_": "nequip.data.CommonDataStatisticsManager",
            "dataloader_kwargs": {"batch_size": run.validation_batch},
            "type_names": "${model_type_names}",
        },
    }
    if run.stress_weight is None:
        # frames with a stress and frames without cannot share a batch
        data["exclude_keys"] = ["stress"]
    return data


def _trainer(run: TrainRun) -> dict[str, Any]:
    callback, folder = "lightning.pytorch.callbacks", "${hydra:runtime.output_dir}"
    watched = {"monitor": "${monitored_metric}"}
    trainer: dict[str, Any] = {
        "_target_": "lightning.Trainer",
        "accelerator": run.device,
        "devices": run.devices,
        # Inside SLURM Lightning would find the scheduler, start no process itself, and requeue the job behind AiiDA's back.
        "plugins": [{"_target_": "lightning.pytorch.plugins.environments.LightningEnvironment"}],
        "enable_checkpointing": True,
        "enable_progress_bar": False,
        "max_epochs": run.epochs,
        # rows of epochs only, each written at once: a row per step would be 2.4 million for the published training
        "log_every_n_steps": 0,
        "logger": {
            "_target_": "lightning.pytorch.loggers.CSVLogger",
            "save_dir": folder,
            "name": "csv",
            "version": "v0",
            "flush_logs_every_n_steps": 1,
        },
        "callbacks": [
            # without a patience it still stops at an error that is not a number
            {
                "_target_": f"{callback}.EarlyStopping",
                **watched,
                "min_delta": 0.0,
                "check_finite": True,
                "patience": run.epochs if run.patience is None else run.patience,
            },
            {"_target_": "aiida_zif.programs.segment_timer.SegmentTimer", "seconds": f"${{{SEGMENT_SECONDS}}}"},
            {"_target_": f"{callback}.LearningRateMonitor", "logging_interval": "epoch"},
            {"_target_": "aiida_zif.programs.restart.ExactRestart", **watched},
            {"_target_": "aiida_zif.programs.restart.BestCheckpoint", **watched, "dirpath": folder, "filename": "best"},
            # `save_last` of the one above would write only when a better one is saved
            {"_target_": f"{callback}.ModelCheckpoint", "dirpath": folder, "filename": "last", "enable_version_counter": False},
        ],
    }
    if run.devices > 1:
        trainer["strategy"] = {"_target_": "nequip.train.SimpleDDPStrategy"}
    return trainer


def _training(run: TrainRun) -> dict[str, Any]:
    stress = run.stress_weight is not None
    coeffs = {"total_energy": float(run.energy_weight), "forces": float(run.forces_weight)}
    watched: dict[str, float | None] = {"per_atom_energy_mae": 1.0, "forces_mae": 1.0, "total_energy_mae": None, "forces_rmse": None}
    if run.stress_weight is not None:
        coeffs["stress"] = float(run.stress_weight)
        watched["stress_mae"] = None
    kind = "EnergyForceStress" if stress else "EnergyForce"
    training: dict[str, Any] = {
        "_target_": "nequip.train.EMALightningModule" if run.ema_decay is not None else "nequip.train.NequIPLightningModule",
        "loss": {"_target_": f"nequip.train.{kind}Loss", "per_atom_energy": True, "coeffs": coeffs},
        "val_metrics": {"_target_": f"nequip.train.{kind}Metrics", "coeffs": watched},
        "train_metrics": "${training_module.val_metrics}",
        "test_metrics": "${training_module.val_metrics}",
        "optimizer": {"_target_": "torch.optim.Adam", "lr": float(run.learning_rate), "amsgrad": run.amsgrad},
    }
    if run.ema_decay is not None:
        training["ema_decay"] = float(run.ema_decay)
    lowest = float(run.learning_rate_min)
    if run.schedule == "cosine":
        rate = {"_target_": "torch.optim.lr_scheduler.CosineAnnealingLR", "T_max": run.epochs, "eta_min": lowest}
        training["lr_scheduler"] = {"scheduler": rate, "interval": "epoch", "frequency": 1}
    elif run.schedule == "plateau":
        rate = {"_target_": "torch.optim.lr_scheduler.ReduceLROnPlateau", "factor": float(run.plateau_factor)}
        rate |= {"patience": run.plateau_patience, "min_lr": lowest}
        training["lr_scheduler"] = {"scheduler": rate, "monitor": "${monitored_metric}", "interval": "epoch", "frequency": 1}
    training["model"] = network(run)
    return training


def _allow(node: Any) -> None:
    """Raise ``ValueError`` for a ``_target_`` that is not in ``TARGETS``, at any depth."""
    if isinstance(node, Mapping):
        if "_target_" in node and node["_target_"] not in TARGETS:
            raise ValueError(f"{node['_target_']!r} is not among the classes that a training file may name")
        for value in node.values():
            _allow(value)
    elif isinstance(node, list):
        for value in node:
            _allow(value)
