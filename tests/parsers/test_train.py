# SPDX-License-Identifier: MIT
"""`zif.train`: a package and the asked epochs, or what is needed to go on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiida.orm import Dict

METRICS = (Path(__file__).parents[1] / "formats" / "data" / "nequip_metrics.csv").read_bytes()
PACKAGE = (Path(__file__).parents[1] / "programs" / "data" / "tiny_nequip.nequip.zip").read_bytes()


@pytest.fixture
def read(parse: Callable[..., Any], dataset: Any) -> Callable[..., Any]:
    """Return ``read(epochs, files, …)``: the recorded curve of a training asked for ``epochs``."""

    def run(epochs: int, files: dict[str, bytes], stdout: bytes = b"", package: bytes = b"", **changes: Any) -> Any:
        settings = {"architecture": "nequip", "epochs": epochs, "seed": 5, **changes}
        return parse("zif.train", {"dataset": dataset, "run": Dict(settings)}, files, stdout, more={"package.out": package})

    return run


def epochs_in(content: bytes) -> int:
    """Return how many epochs the recorded curve has."""
    from aiida_zif.formats import nequip_log

    return int(nequip_log.read(content.decode()).epoch[-1]) + 1


N = epochs_in(METRICS)


def test_finished_training_is_ok(read: Callable[..., Any], dataset: Any) -> None:
    """Curve, package with its facts, cost; no checkpoint, since nothing is left to do."""
    found = read(N, {"metrics.csv": METRICS, "last.ckpt": b"x", "model.nequip.zip": PACKAGE})
    found.store()
    assert found.status == 0, found.message
    assert set(found.outputs) == {"results", "learning_curve", "model"}
    facts = found.outputs["model"].base.attributes.all
    assert (facts["architecture"], facts["epochs"], facts["seed"], facts["precision"]) == ("nequip", N, 5, "float32")
    assert facts["dataset_hash"] == dataset.base.attributes.get("content_hash")
    assert len(found.outputs["learning_curve"].get_array("step")) == N
    assert found.outputs["results"]["core_s"] == 63.0


def test_killed_training_can_go_on(read: Callable[..., Any]) -> None:
    """Epochs done of asked, and the checkpoint to go on from."""
    found = read(N + 10, {"metrics.csv": METRICS[:-40], "last.ckpt": b"checkpoint"})
    found.store()
    assert found.status == 410
    assert f"of {N + 10}" in found.message
    assert found.outputs["restart"].get_content(mode="rb") == b"checkpoint"


def test_early_stopping_is_the_end(read: Callable[..., Any]) -> None:
    """Fewer epochs than asked are enough where the validation error has not become better for as long as asked."""
    files = {"metrics.csv": METRICS, "last.ckpt": b"x", "model.nequip.zip": PACKAGE}
    assert read(N + 10, files).status == 410


def test_training_without_package_is_an_abort(read: Callable[..., Any]) -> None:
    """All epochs are done, so another segment would do nothing: nequip-package's own words."""
    found = read(N, {"metrics.csv": METRICS, "last.ckpt": b"x"}, package=b"Traceback\nModuleNotFoundError: No module named 'foo'\n")
    assert found.status == 331
    assert "nequip-package aborted: ModuleNotFoundError" in found.message


def test_program_that_never_began_gives_its_sentence(read: Callable[..., Any]) -> None:
    """No metrics: the last words of the output."""
    found = read(4, {}, stdout=b"Error executing job\nCould not override 'trainer'\n")
    assert found.status == 331
    assert "Could not override" in found.message


def test_loss_that_is_no_number_stops(read: Callable[..., Any]) -> None:
    """521: never restarted with the same learning rate; the curve is kept and can be stored."""
    text = METRICS.decode().splitlines()
    column = text[0].split(",").index(next(name for name in text[0].split(",") if name.startswith("val0_epoch/weighted_sum")))
    rows = [line.split(",") for line in text[1:]]
    last = max(k for k, row in enumerate(rows) if row[column])
    rows[last][column] = "nan"
    found = read(N + 10, {"metrics.csv": ("\n".join([text[0], *map(",".join, rows)]) + "\n").encode(), "last.ckpt": b"x"})
    found.store()
    assert found.status == 521, found.message


def test_cut_package_is_a_verdict(read: Callable[..., Any]) -> None:
    """A package cut by a full disk is unreadable, and said to be."""
    found = read(N, {"metrics.csv": METRICS, "model.nequip.zip": PACKAGE[:1000]})
    assert found.status == 332
    assert "no whole model file" in found.message
    assert "learning_curve" in found.outputs


def test_every_cut_of_the_metrics_is_read(read: Callable[..., Any], cuts: Callable[..., list[bytes]]) -> None:
    """Fewer epochs, never unreadable."""
    for cut in cuts(METRICS, 12):
        found = read(N + 10, {"metrics.csv": cut, "last.ckpt": b"x"})
        assert found.status == 410, found.message
