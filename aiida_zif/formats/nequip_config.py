# SPDX-License-Identifier: MIT
"""One training of a NequIP or Allegro model as the YAML that ``nequip-train`` 0.19 reads."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from aiida_zif.formats.nequip_run import TrainRun

__all__ = ["BEST_CHECKPOINT", "LAST_CHECKPOINT", "METRICS_FILE", "TARGETS", "TrainRun", "render"]

_NAMES = {
    "allegro": "model.AllegroModel nn.TwoBodyBesselScalarEmbed",
    "lightning": "Trainer pytorch.loggers.CSVLogger",
    "lightning.pytorch.callbacks": "EarlyStopping LearningRateMonitor ModelCheckpoint",
    "nequip.data": "CommonDataStatisticsManager datamodule.ASEDataModule",
    "nequip.data.transforms": "ChemicalSpeciesToAtomTypeMapper NeighborListTransform",
    "nequip.model": "NequIPGNNModel",
    "nequip.train": "EMALightningModule NequIPLightningModule EnergyForceLoss EnergyForceMetrics "
    "EnergyForceStressLoss EnergyForceStressMetrics",
    "torch": "optim.Adam optim.lr_scheduler.CosineAnnealingLR optim.lr_scheduler.ReduceLROnPlateau utils.data.DataLoader",
}
TARGETS: frozenset[str] = frozenset(f"{module}.{name}" for module, names in _NAMES.items() for name in names.split())
"""Every class that a rendered file may name: ``_target_`` calls what it names, so nothing else is let through."""

METRICS_FILE = "csv/v0/metrics.csv"
"""Where the metrics lie below the output directory."""
BEST_CHECKPOINT = "best.ckpt"
"""The weights of the lowest validation error, below the output directory."""
LAST_CHECKPOINT = "last.ckpt"
"""The newest state, from which ``++ckpt_path=`` resumes, below the output directory."""

_PATH = re.compile(r"[A-Za-z0-9_./+-]+")
_SYMBOL = re.compile(r"[A-Z][a-z]?")


def render(run: TrainRun, type_names: Sequence[str], train_file: str, validation_file: str, output_dir: str = "outputs") -> str:
    """Return the YAML for ``nequip-train``; the same for a start and for a restart (``++ckpt_path=…/last.ckpt``).

    ``type_names`` are the elements in the order that the model keeps for ever; the files are extended XYZ. Below
    ``output_dir`` come to lie ``best.ckpt``, ``last.ckpt`` and ``csv/v0/metrics.csv``.

    Raises ``ValueError`` for names that are no elements, and for paths with characters that YAML or Hydra would read.
    """
    if not type_names or len(set(type_names)) != len(type_names) or not all(_SYMBOL.fullmatch(name) for name in type_names):
        raise ValueError(f"the type names are {list(type_names)}, but they must be chemical symbols, each once")
    for path in (train_file, validation_file, output_dir):
        if not _PATH.fullmatch(path):
            raise ValueError(f"the path {path!r} holds a character outside letters, digits and _ . / + -: rename it")
    tree = {
        "run": ["train"],
        "cutoff_radius": float(run.r_max),
        "model_type_names": list(type_names),
        "chemical_species": "${model_type_names}",
        "monitored_metric": "val0_epoch/weighted_sum",
        "data": _data(run, train_file, validation_file),
        "trainer": _trainer(run),
        "training_module": _training(run),
        "global_options": {"allow_tf32": False},
        "hydra": {"run": {"dir": output_dir}},
    }
    _allow(tree)
    text: str = yaml.safe_dump(tree, sort_keys=False, default_flow_style=None, width=140)
    return text


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
        "train_dataloader": {**loader, "batch_size": run.batch, "shuffle": run.shuffle},
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
    callbacks: list[dict[str, Any]] = [
        {
            "_target_": "lightning.pytorch.callbacks.ModelCheckpoint",
            "monitor": "${monitored_metric}",
            "dirpath": "${hydra:runtime.output_dir}",
            "filename": "best",
            "save_last": True,
        },
        {"_target_": "lightning.pytorch.callbacks.LearningRateMonitor", "logging_interval": "epoch"},
    ]
    if run.patience is not None:
        stop = {"_target_": "lightning.pytorch.callbacks.EarlyStopping", "monitor": "${monitored_metric}", "min_delta": 0.0}
        callbacks.insert(0, {**stop, "patience": run.patience})
    trainer: dict[str, Any] = {
        "_target_": "lightning.Trainer",
        "accelerator": run.device,
        "devices": 1,
        "enable_checkpointing": True,
        "enable_progress_bar": False,
        "max_epochs": run.epochs,
        "log_every_n_steps": 1,
        "logger": {
            "_target_": "lightning.pytorch.loggers.CSVLogger",
            "save_dir": "${hydra:runtime.output_dir}",
            "name": "csv",
            "version": "v0",
        },
        "callbacks": callbacks,
    }
    if run.max_time_s is not None:
        minutes, seconds = divmod(run.max_time_s, 60)
        hours, minutes = divmod(minutes, 60)
        trainer["max_time"] = f"{hours // 24:02d}:{hours % 24:02d}:{minutes:02d}:{seconds:02d}"
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
    training["model"] = _model(run)
    return training


def _model(run: TrainRun) -> dict[str, Any]:
    common: dict[str, Any] = {
        "compile_mode": "eager",
        "seed": run.seed,
        "model_dtype": run.precision,
        "type_names": "${model_type_names}",
        "r_max": "${cutoff_radius}",
        "l_max": run.l_max,
        "num_layers": run.layers,
        "parity": run.parity,
        "avg_num_neighbors": "${training_data_stats:num_neighbors_mean}",
        "per_type_energy_scales": f"${{training_data_stats:{run.energy_scale}}}",
        "per_type_energy_shifts": "${training_data_stats:per_atom_energy_mean}",
    }
    radial = {"num_bessels": run.bessels, "bessel_trainable": run.bessels_trainable, "polynomial_cutoff_p": run.polynomial_cutoff}
    readout = {"readout_mlp_hidden_layers_depth": run.readout_depth, "readout_mlp_hidden_layers_width": run.readout_width}
    if run.architecture == "nequip":
        own = {"num_features": run.features, "radial_mlp_depth": run.radial_depth, "radial_mlp_width": run.radial_width}
        asked = {**readout, "readout_mlp_nonlinearity": None} if run.readout_depth is not None else {}
        return {"_target_": "nequip.model.NequIPGNNModel", **common, **radial, **own, **asked}
    return {
        "_target_": "allegro.model.AllegroModel",
        **common,
        "radial_chemical_embed": {"_target_": "allegro.nn.TwoBodyBesselScalarEmbed", **radial},
        "radial_chemical_embed_dim": run.radial_embedding,
        "scalar_embed_mlp_hidden_layers_depth": run.radial_depth,
        "scalar_embed_mlp_hidden_layers_width": run.radial_width,
        "scalar_embed_mlp_nonlinearity": "silu",
        "num_scalar_features": run.features,
        "num_tensor_features": run.tensor_features,
        "allegro_mlp_hidden_layers_depth": run.allegro_depth,
        "allegro_mlp_hidden_layers_width": run.allegro_width,
        "allegro_mlp_nonlinearity": "silu",
        "tp_path_channel_coupling": True,
        **(readout | {"readout_mlp_hidden_layers_depth": 1 if run.readout_depth is None else run.readout_depth}),
        "readout_mlp_nonlinearity": "silu",
    }


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
