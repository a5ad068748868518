# SPDX-License-Identifier: MIT
"""The figures of models: each is an image, equal for equal numbers; and the files with the numbers beside them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from aiida import orm

from aiida_zif.report import curves, export, page, training
from aiida_zif.report.trained import Trained, collect
from aiida_zif.science.parity import Parity

NAME = "model $01 <b>&"
"""A label may hold what mathtext, XML or HTML would trip over."""
EPOCHS: dict[str, Any] = {
    "step": np.arange(4),
    "train_loss_epoch_weighted_sum": np.array([9.0, 4.0, 2.0, 1.0]),
    "val0_epoch_weighted_sum": np.array([3.0, 1.0, 2.0, np.nan]),
    "val0_epoch_forces_mae": np.array([2.0, 1.0, 0.5, np.nan]),
    "val0_epoch_per_atom_energy_mae": np.ones(4),
}


def predictions(n: int = 30, stress: bool = True) -> dict[str, Any]:
    """Return what an evaluation of ``n`` frames puts out."""
    rng = np.random.default_rng(0)
    energies = rng.normal(-3000, 1, n)
    parity = Parity()
    parity.add(rng.normal(size=1000), rng.normal(size=1000))
    return {
        "trajectory": np.zeros(n, dtype=int), "step": np.arange(n), "temperature": np.full(n, np.nan), "n_atoms": np.full(n, 34),
        "energy_reference": energies, "energy_predicted": energies + 0.1, "forces_mae": np.ones(n), "forces_rmse": np.ones(n),
        "stress_reference": rng.normal(size=(n, 6)) if stress else np.full((n, 6), np.nan),
        "stress_predicted": rng.normal(size=(n, 6)), "parity_Zn": parity.counts, "parity_edges_Zn": parity.edges,
    }  # fmt: skip


def draw(name: str, facts: dict[str, Any], kind: str) -> bytes:
    by_temperature = {model["name"]: model["per_temperature"] for model in facts["models"]}
    drawings: dict[str, Callable[[], bytes]] = {
        "learning_curves": lambda: training.learning_curves({NAME: EPOCHS}, kind),
        "errors_by_element": lambda: training.errors_by_element(facts["models"], kind),
        "errors_by_temperature": lambda: training.errors_by_temperature(by_temperature, kind),
        "parity": lambda: training.parity(predictions(), kind),
    }
    return drawings[name]()


NAMES = ("learning_curves", "errors_by_element", "errors_by_temperature", "parity")


@pytest.mark.parametrize("name", NAMES)
def test_figure_is_svg_or_png(name: str, facts: dict[str, Any]) -> None:
    """A vector image with nothing in it that runs or comes from elsewhere, or a PNG."""
    root = ElementTree.fromstring(draw(name, facts, "svg"))
    assert root.tag.endswith("svg")
    assert not {element.tag.rpartition("}")[2] for element in root.iter()} & {"script", "foreignObject"}
    images = [element for element in root.iter() if element.tag.endswith("}image")]
    assert all(image.get("{http://www.w3.org/1999/xlink}href", "").startswith("data:image/png;base64,") for image in images)
    assert draw(name, facts, "png").startswith(b"\x89PNG")


@pytest.mark.parametrize("name", NAMES)
def test_equal_numbers_give_equal_bytes(name: str, facts: dict[str, Any]) -> None:
    """No date and no random ids."""
    assert draw(name, facts, "svg") == draw(name, facts, "svg")


def test_size_of_a_parity_is_bounded() -> None:
    """Ten thousand frames make no larger a figure than two thousand."""
    assert len(training.parity(predictions(10_000))) < 400_000


def test_best_epoch_is_that_of_the_lowest_watched_error() -> None:
    """Counted from 1; an epoch without a value is none."""
    assert training.best_epoch(EPOCHS) == 2
    assert training.best_epoch({"step": np.arange(2)}) is None


def test_curve_without_validation_is_drawn() -> None:
    """A training that was cut before its first validation."""
    assert b"<svg" in training.learning_curves({NAME: {"step": np.arange(1), "train_loss_epoch_weighted_sum": np.array([np.nan])}})


def test_parity_without_stress_has_no_such_panel() -> None:
    """A REFTRAJ label has none."""
    assert len(training.parity(predictions(stress=False))) < len(training.parity(predictions()))


def test_files_hold_what_the_figures_show(facts: dict[str, Any], tmp_path: Path) -> None:
    """Each figure as SVG and PNG, and its numbers as CSV; counts, which are no table, as JSON."""
    models = [Trained(NAME, EPOCHS, facts["models"][0] | {"per_element_rmse": {"C": 1.0}}, predictions()), Trained("other", EPOCHS)]
    written = export.write(models, tmp_path)
    assert {path.name for path in written} == {
        f"{name}.{kind}" for name in NAMES for kind in ("svg", "png", "csv")
    } | {"parity.json"}  # fmt: skip
    assert all(path.stat().st_size for path in written)
    rows = list(csv.DictReader((tmp_path / "learning_curves.csv").open()))
    assert [(row["model"], row["step"]) for row in rows][3:5] == [(NAME, "3"), ("other", "0")]
    assert next(csv.DictReader((tmp_path / "parity.csv").open()))["stress_predicted_xy"]
    counts = json.loads((tmp_path / "parity.json").read_text())["force_components"]["Zn"]["reference_predicted_count"]
    assert sum(count for _, _, count in counts) == 1000


def test_numbers_are_found_in_the_graph(aiida_profile: Any, process: Callable[..., Any], made: Callable[..., None], facts: Any) -> None:
    """From the chain, from its job, and from what the job put out; anything else is refused."""
    computer = orm.Computer("there", "localhost", transport_type="core.local", scheduler_type="core.direct", workdir="/nowhere").store()
    chain = process(orm.WorkChainNode, "TrainWorkChain", run=orm.Dict({"architecture": "allegro"}))
    job = process(orm.CalcJobNode, "NequipEvaluateCalculation", "evaluate", chain, computer=computer)
    predicted, curve = orm.ArrayData(predictions()), orm.ArrayData(EPOCHS)
    made(job, accuracy=orm.Dict({"n_frames": 30}), predictions=predicted)
    made(chain, learning_curve=curve)
    whole, part = collect(chain), collect(predicted)
    assert (whole.name, whole.accuracy, part.accuracy) == (f"allegro <{chain.pk}>", {"n_frames": 30}, {"n_frames": 30})
    assert whole.learning["step"].tolist() == [0, 1, 2, 3]
    assert part.learning == {}
    assert part.predictions["parity_Zn"].sum() == 1000
    with pytest.raises(ValueError, match="made by no process"):
        collect(orm.Int(1).store())
    with pytest.raises(ValueError, match="neither a learning curve nor an accuracy"):
        collect(process(orm.WorkChainNode, "MdWorkChain"))


def test_page_shows_curves_and_parity_of_every_model(facts: dict[str, Any]) -> None:
    """Both models of the demo; the page stays below a megabyte and a half."""
    trained = {name: Trained(name, EPOCHS, {}, predictions(84)) for name in ("nequip", "allegro")}
    html = page.render(facts, curves.Curves(trained=trained))
    assert html.count("model against reference on held-out frames") == 2 * 2  # caption and alternative text
    assert "upright lines: the epoch whose weights are the model" in html
    assert "251 ± 12 (15 %)" in html
    assert len(html) < 1_500_000


def test_curves_of_a_pipeline_hold_its_trainings(aiida_profile: Any, process: Callable[..., Any], made: Callable[..., None]) -> None:
    """Found by the label of the call; a training that left nothing is left out."""
    root = process(orm.WorkChainNode, "PipelineWorkChain")
    chain = process(orm.WorkChainNode, "TrainWorkChain", "train_nequip", root)
    process(orm.WorkChainNode, "TrainWorkChain", "train_allegro", root)
    made(chain, learning_curve=orm.ArrayData(EPOCHS))
    found = curves.collect(root, {"models": [{"name": "nequip"}, {"name": "allegro"}], "glasses": [], "aimd": []})
    assert list(found.trained) == ["nequip"]
    assert found.trained["nequip"].learning["step"].tolist() == [0, 1, 2, 3]
