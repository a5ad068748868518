# SPDX-License-Identifier: MIT
"""`zif.train`: a package and the asked epochs, or what is needed to go on, and why it ended."""

from __future__ import annotations

import hashlib
import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiida.orm import Dict, FolderData

from aiida_zif.formats.nequip_config import TrainRun, frozen_hash

METRICS = (Path(__file__).parents[1] / "formats" / "data" / "nequip_metrics.csv").read_bytes()
PACKAGE = (Path(__file__).parents[1] / "programs" / "data" / "tiny_nequip.nequip.zip").read_bytes()
N = 3
"""Epochs of the recorded curve."""
BEGUN = b"[INFO] - TRAIN RUN START\n[INFO] - Weights to learn: 8808 on 1 x CPU\n"
ENDED = BEGUN + b"[INFO] - TRAIN RUN END\n"
SEGMENT = BEGUN + b"Segment ends after epoch 2: 9.1 of 9 s used\n[INFO] - TRAIN RUN END\n"
TRACEBACK = BEGUN + b"Traceback (most recent call last):\n  File x\n"


def checkpoint(epochs: int) -> bytes:
    """Return a checkpoint after ``epochs`` epochs, as far as a parser looks into it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"epoch": epochs - 1, "global_step": 9}, protocol=2))
    return buffer.getvalue()


FILES = {"metrics.csv": METRICS, "last.ckpt": checkpoint(N), "best.ckpt": checkpoint(N)}
PACKED = {"metrics.csv": METRICS, "model.nequip.zip": PACKAGE}


@pytest.fixture
def read(parse: Callable[..., Any], dataset: Any) -> Callable[..., Any]:
    """Return ``read(epochs, files, …)``: the recorded curve of a training asked for ``epochs``."""

    def run(
        epochs: int, files: dict[str, bytes], stdout: bytes = BEGUN, stderr: bytes = b"", package: bytes = b"",
        restart: FolderData | None = None, start: Any = None, **changes: Any,
    ) -> Any:  # fmt: skip
        settings = {"architecture": "nequip", "epochs": epochs, "seed": 5, **changes}
        inputs = {"dataset": dataset, "run": Dict(settings), **({} if restart is None else {"restart": restart})}
        inputs |= {} if start is None else {"start": start}
        return parse("zif.train", inputs, files, stdout, stderr, more={"package.out": package})

    return run


def test_warm_start_is_another_training(read: Callable[..., Any], model: Any) -> None:
    """The checkpoint says by its hash which package it began with."""
    found = read(N, FILES, start=model).outputs["restart"].base.attributes.get("config_hash")
    run = TrainRun.from_dict({"architecture": "nequip", "epochs": N, "seed": 5})
    assert found == frozen_hash(run, model.type_names, hashlib.sha256(PACKAGE).hexdigest())
    assert found != frozen_hash(run, model.type_names)


def test_finished_training_is_ok(read: Callable[..., Any], dataset: Any) -> None:
    """Curve, package with its facts, cost; no checkpoint, since nothing is left to do."""
    found = read(N, PACKED, ENDED)
    found.store()
    assert found.status == 0, found.message
    assert set(found.outputs) == {"results", "learning_curve", "model"}
    facts = found.outputs["model"].base.attributes.all
    assert (facts["architecture"], facts["epochs"], facts["seed"], facts["precision"]) == ("nequip", N, 5, "float32")
    assert facts["dataset_hash"] == dataset.base.attributes.get("content_hash")
    assert (facts["n_parameters"], facts["stress_content"]) == (8808, "none")
    errors = facts["validation_errors"]
    assert facts["best_error"] == pytest.approx((errors["energy_mae_mev_per_atom"] + errors["forces_mae_mev_per_angstrom"]) / 2000)
    assert len(found.outputs["learning_curve"].get_array("step")) == N
    results = found.outputs["results"]
    assert (results["core_s"], results["reason_ended"], results["config_hash"]) == (63.0, "asked epochs", facts["config_hash"])
    assert (results["device"], results["ranks"], results["gpu_s"]) == ("CPU", 1, None)


def test_killed_training_can_go_on(read: Callable[..., Any]) -> None:
    """Epochs done of asked; the last and the best checkpoint, that know their epoch and their settings."""
    found = read(N + 10, {**FILES, "metrics.csv": METRICS[:-40]})
    found.store()
    assert found.status == 410
    assert f"of {N + 10}" in found.message
    restart = found.outputs["restart"]
    assert sorted(restart.base.repository.list_object_names()) == ["best.ckpt", "last.ckpt"]
    results = found.outputs["results"].get_dict()
    assert restart.base.attributes.get("epochs") == results["epochs_in_checkpoint"] == N
    assert restart.base.attributes.get("config_hash") == results["config_hash"]
    assert results["reason_ended"] == "killed"


def test_cut_checkpoint_is_left_aside(read: Callable[..., Any]) -> None:
    """What is not whole is nothing to go on from."""
    for name in ("last.ckpt", "best.ckpt"):
        found = read(N + 10, {**FILES, name: FILES[name][:-30]})
        assert found.status == 410
        assert "restart" not in found.outputs


def test_segment_that_ended_in_time_goes_on(read: Callable[..., Any]) -> None:
    """Not packaged, not done, no fault."""
    found = read(N + 10, FILES, SEGMENT)
    assert (found.status, found.outputs["results"]["reason_ended"]) == (410, "segment time")


def test_early_stopping_is_the_end(read: Callable[..., Any]) -> None:
    """Fewer epochs than asked are enough where nequip-train itself came to its end."""
    found = read(N + 10, PACKED, ENDED)
    assert (found.status, found.outputs["results"]["reason_ended"]) == (0, "patience")


def test_best_epoch_may_be_one_of_an_earlier_segment(read: Callable[..., Any]) -> None:
    """Its weights came along and were packaged; the model says which epoch it is of."""
    before = FolderData()
    known = {
        "best_epoch": 1,
        "best_error": 1e-6,
        "validation_errors": {"forces_mae_mev_per_angstrom": 1e-3},
        "n_parameters": 7,
        "epochs": 2,
    }
    before.base.attributes.set_many(known)
    facts = read(N, PACKED, ENDED, restart=before).outputs["model"].base.attributes.all
    assert (facts["best_epoch"], facts["best_error"], facts["validation_errors"]) == (1, 1e-6, {"forces_mae_mev_per_angstrom": 1e-3})


def test_training_without_package_is_an_abort(read: Callable[..., Any]) -> None:
    """All epochs are done, so another segment would do nothing: nequip-package's own words."""
    found = read(N, FILES, ENDED, package=b"Traceback\nModuleNotFoundError: No module named 'foo'\n")
    assert found.status == 331
    assert "nequip-package aborted: ModuleNotFoundError" in found.message


@pytest.mark.parametrize(
    ("stdout", "stderr", "status", "said"),
    [
        (TRACEBACK + b"ValueError: bad\nhint\n", b"", 331, "nequip-train aborted: ValueError: bad"),
        (TRACEBACK + b"InstantiationException: Error locating target 'aiida_zif.programs.x'\n", b"", 331, "pip install --no-deps"),
        (TRACEBACK + b"hydra.errors.InstantiationException: MisconfigurationException('No supported gpu backend found!')\n", b"", 223,
         "No supported gpu backend found"),
        (TRACEBACK + b"torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB\n", b"", 423, "with 4 frames a step"),
        (TRACEBACK + b"MemoryError: Cannot allocate memory\n", b"", 333, "ask for more memory"),
        (TRACEBACK + b"OSError: [Errno 28] No space left on device\n", b"", 412, "make room"),
        (TRACEBACK + b"lightning.pytorch.utilities.exceptions.SIGTERMException\n", b"", 410, "submit again"),
        (BEGUN, b"slurmstepd: error: *** JOB 7 ON n1 CANCELLED AT 2026-01-01T00:00:00 DUE TO TIME LIMIT ***", 410, "submit again"),
        (b"zif: the linked frames are not whole\n", b"", 222, "write them again"),
        (b"", b"", 330, "left no output"),
    ],
    ids=["aborted", "alone", "no gpu", "gpu memory", "memory", "disk", "sigterm", "walltime", "frames gone", "nothing"],
)  # fmt: skip
def test_cause_of_an_early_end_is_its_verdict(read: Callable[..., Any], stdout: bytes, stderr: bytes, status: int, said: str) -> None:
    """What the next person can do differs."""
    found = read(N + 10, FILES, stdout, stderr)
    assert found.status == status, found.message
    assert said in found.message


def test_program_that_never_began_gives_its_sentence(read: Callable[..., Any]) -> None:
    """No metrics: what was raised."""
    found = read(4, {}, stdout=b"Traceback (most recent call last):\nConfigError: Could not override 'trainer'\n")
    assert (found.status, set(found.outputs)) == (331, {"results"})
    assert "Could not override" in found.message


def test_loss_that_is_no_number_stops(read: Callable[..., Any]) -> None:
    """521: never restarted with the same learning rate; curve and best checkpoint are kept and can be stored."""
    text = METRICS.decode().splitlines()
    column = text[0].split(",").index(next(name for name in text[0].split(",") if name.startswith("val0_epoch/weighted_sum")))
    rows = [line.split(",") for line in text[1:]]
    last = max(k for k, row in enumerate(rows) if row[column])
    rows[last][column] = "nan"
    metrics = ("\n".join([text[0], *map(",".join, rows)]) + "\n").encode()
    found = read(N + 10, {**FILES, "metrics.csv": metrics}, ENDED)
    found.store()
    assert found.status == 521, found.message
    assert {"learning_curve", "restart"} <= set(found.outputs)
    assert found.outputs["results"]["reason_ended"] == "not a number"
    assert "model" in read(N + 10, {"metrics.csv": metrics, "model.nequip.zip": PACKAGE}, ENDED).outputs


def test_cut_package_is_a_verdict(read: Callable[..., Any]) -> None:
    """A package cut by a full disk is unreadable, and said to be."""
    found = read(N, {**PACKED, "model.nequip.zip": PACKAGE[:1000]}, ENDED)
    assert found.status == 332
    assert "no whole model file" in found.message
    assert "learning_curve" in found.outputs


def test_every_cut_of_the_metrics_is_read(read: Callable[..., Any], cuts: Callable[..., list[bytes]]) -> None:
    """Fewer epochs, never unreadable."""
    for cut in cuts(METRICS, 12):
        found = read(N + 10, {**FILES, "metrics.csv": cut})
        assert found.status == 410, found.message


def test_gpu_seconds_are_those_of_all_devices(read: Callable[..., Any]) -> None:
    """Two GPUs for ten seconds."""
    said = ENDED.replace(b"1 x CPU", b"2 x NVIDIA H100")
    results = read(N, PACKED, said, device="gpu", devices=2).outputs["results"]
    assert (results["gpu_s"], results["ranks"], results["device"]) == (20.0, 2, "NVIDIA H100")
