# SPDX-License-Identifier: MIT
"""The training file and the learning curve of NequIP."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from aiida_zif.formats import nequip_config, nequip_log
from aiida_zif.formats.nequip_config import TrainRun, render

TYPES = ["C", "H", "N", "Zn"]
SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
METRICS = (Path(__file__).parent / "data" / "nequip_metrics.csv").read_text()
"""Three epochs of three steps each, written by nequip 0.19.1 for a file that ``render`` made."""


def rendered(start_file: str | None = None, **settings: object) -> dict:
    return yaml.safe_load(render(TrainRun.from_dict(settings), TYPES, "train.xyz", "val.xyz", start_file=start_file))


def flat(node: object, path: str = "") -> dict[str, object]:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else None
    if items is None:
        return {path: node}
    return {key: value for name, child in items for key, value in flat(child, f"{path}/{name}").items()}


def targets(node: object) -> set[str]:
    return {str(value) for key, value in flat(node).items() if key.endswith("/_target_")}


@pytest.mark.parametrize(
    ("settings", "recipe"),
    [
        ({}, "nR.yaml"),
        ({"architecture": "allegro", "epochs": 40, "learning_rate": 0.01, "energy_weight": 1.0}, "aAL.yaml"),
    ],
)
def test_the_settings_are_those_of_a_recipe_that_ran(settings: dict, recipe: str) -> None:
    """Whatever the recipe's file says of frames and network the rendered one says too, but for files and the metrics of the stress."""
    path = SHARED / "demo_recipe" / recipe
    if not path.exists():
        pytest.skip("needs shared/data/demo_recipe beside the project: the settings that survived a melt-quench")
    expected, found = flat(yaml.safe_load(path.read_text())), flat(rendered(**settings))
    aside = ("file_path", "/hydra", "metrics/_target_", "stress_mae", "/trainer/callbacks", "/trainer/max_time", "/trainer/log_every")
    differing = {key for key, value in expected.items() if found.get(key) != value and not any(word in key for word in aside)}
    assert differing == set()


def test_stresses_are_neither_read_nor_learned_without_a_weight() -> None:
    """Frames with a stress and frames without then share a batch."""
    tree = rendered()
    assert tree["data"]["exclude_keys"] == ["stress"]
    assert not any("stress" in str(key).lower() or "Stress" in str(value) for key, value in flat(tree["training_module"]).items())


def test_a_stress_weight_makes_the_loss_and_the_metrics_of_the_stress() -> None:
    """The three weights stand in the loss."""
    tree = rendered(stress_weight=100)
    assert tree["training_module"]["loss"]["_target_"] == "nequip.train.EnergyForceStressLoss"
    assert tree["training_module"]["loss"]["coeffs"] == {"total_energy": 20.0, "forces": 1.0, "stress": 100.0}
    assert "stress_mae" in tree["training_module"]["val_metrics"]["coeffs"]
    assert "exclude_keys" not in tree["data"]


@pytest.mark.parametrize(("patience", "asked"), [(7, 7), (None, 32)])
def test_training_stops_at_what_is_not_a_number(patience: int | None, asked: int) -> None:
    """EarlyStopping stands there without a patience too, which is then that of all epochs."""
    callbacks = {entry["_target_"].rsplit(".", 1)[-1]: entry for entry in rendered(patience=patience)["trainer"]["callbacks"]}
    assert (callbacks["EarlyStopping"]["patience"], callbacks["EarlyStopping"]["check_finite"]) == (asked, True)


@pytest.mark.parametrize("architecture", ["nequip", "allegro"])
@pytest.mark.parametrize("schedule", ["none", "cosine", "plateau"])
def test_only_classes_of_the_list_are_named(architecture: str, schedule: str) -> None:
    """``_target_`` calls what it names: nothing from outside may stand there."""
    tree = rendered(architecture=architecture, schedule=schedule, patience=3, stress_weight=1.0, ema_decay=None)
    assert targets(tree) <= nequip_config.TARGETS


def test_each_class_of_the_list_is_one_that_some_run_names() -> None:
    """The list is no longer than it must be."""
    some = [{"irreps": "so3", "pair_prior": "zbl", "devices": 2}, {"architecture": "allegro", "stress_weight": 1.0, "ema_decay": None}]
    some += [{"schedule": "plateau"}, {"schedule": "cosine"}, {"start_file": "start.nequip.zip"}]
    assert set[str]().union(*(targets(rendered(**settings)) for settings in some)) == nequip_config.TARGETS


def test_the_text_is_a_function_of_the_run() -> None:
    """Equal runs give equal bytes, and a run survives its way through a dictionary."""
    run = TrainRun(patience=4, stress_weight=2.0)
    assert TrainRun.from_dict(run.to_dict()) == run
    assert render(run, TYPES, "a.xyz", "b.xyz") == render(TrainRun.from_dict(run.to_dict()), TYPES, "a.xyz", "b.xyz")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"layer": 2}, "no setting layer: allowed are architecture"),
        ({"architecture": "mace"}, "must be one of nequip, allegro"),
        ({"r_max": -1.0}, "r_max is -1.0, but it must be positive"),
        ({"epochs": 2.5}, "epochs is 2.5, but it must be a whole number"),
        ({"seed": True}, "seed is True"),
        ({"parity": 1}, "parity is 1, but it must be true or false"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"ema_decay": 1.5}, "between 0 and 1"),
        ({"stress_weight": 0}, "stress_weight is 0"),
        ({"energy_weight": 0, "forces_weight": 0}, "both energy_weight and forces_weight are 0"),
        ({"irreps": "so3", "architecture": "allegro"}, "'so3' with allegro and parity False: it needs nequip and parity false"),
        ({"irreps": "so3", "parity": True}, "'so3' with nequip and parity True"),
        ({"pair_prior": "lj"}, "must be one of none, zbl"),
        ({"devices": 0}, "devices is 0, but it must be positive"),
        ({"batch": 4, "devices": 3}, "batch is 4, but its frames must be shared evenly by 3 devices"),
        ({"shuffle": False, "devices": 2}, "shuffle is false with 2 devices"),
        ({"max_time_s": 60}, "no setting max_time_s"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_in_one_sentence(settings: dict, sentence: str) -> None:
    """The sentence names the setting, its value and what is allowed."""
    with pytest.raises(ValueError, match=sentence):
        TrainRun.from_dict(settings)


def test_type_names_are_elements_each_once() -> None:
    """The order is the model's for ever; a name twice would shift it."""
    for names in (["C", "C"], [], ["${x}"]):
        with pytest.raises(ValueError, match="chemical symbols"):
            render(TrainRun(), names, "a.xyz", "b.xyz")


def test_sparse_rows_are_joined_on_the_epoch() -> None:
    """Each epoch has its learning rate, its loss and its validation, taken from different rows of the file."""
    curve = nequip_log.read(METRICS)
    assert curve.epoch.tolist() == [0, 1, 2]
    np.testing.assert_allclose(curve.columns["val0_epoch/forces_mae"], [2.3416086646, 2.2399111082, 2.2067887252])
    np.testing.assert_allclose(curve.columns["lr-Adam"], [0.015, 0.0112525, 0.0037575])
    assert np.isfinite(curve.columns["train_loss_epoch/weighted_sum"]).all()
    assert (curve.best_epoch, curve.not_a_number) == (2, None)


def test_metrics_cut_at_any_byte_give_the_epochs_that_were_whole() -> None:
    """No cut raises, and no number of a cut row is believed."""
    whole = nequip_log.read(METRICS)
    watched = whole.columns["val0_epoch/forces_mae"]
    for cut in range(0, len(METRICS), 7):
        curve = nequip_log.read(METRICS[:cut])
        values = curve.columns.get("val0_epoch/forces_mae", np.empty(0))
        known = np.isfinite(values)
        assert (values[known] == watched[: len(values)][known]).all()


def test_a_loss_that_is_not_a_number_is_named_by_its_epoch() -> None:
    """The first such epoch, in the loss or in the validation."""
    text = "epoch,step,train_loss_step/weighted_sum,val0_epoch/weighted_sum\n0,0,1.0,\n0,0,,0.5\n1,1,nan,\n1,1,,nan\n"
    curve = nequip_log.read(text)
    assert curve.not_a_number == 1
    assert curve.best_epoch == 0
    assert curve.validated.tolist() == [0]


def test_the_curves_of_a_restarted_training_are_one() -> None:
    """Epochs go on; one that was begun before and repeated after counts as the later run has it."""
    head = "epoch,step,val0_epoch/weighted_sum\n"
    joined = nequip_log.join([nequip_log.read(head + "0,0,3.0\n1,1,2.0\n"), nequip_log.read(head + "1,1,1.5\n2,2,1.0\n")])
    assert joined.epoch.tolist() == [0, 1, 2]
    assert joined.columns["val0_epoch/weighted_sum"].tolist() == [3.0, 1.5, 1.0]


def test_a_text_that_is_no_metrics_file_gives_an_empty_curve() -> None:
    """An empty or foreign file is nothing to raise about in a parser."""
    for text in ("", "\n", "hello\nworld\n"):
        assert len(nequip_log.read(text)) == 0
        assert nequip_log.read(text).best_epoch is None
