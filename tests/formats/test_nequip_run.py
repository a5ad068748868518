# SPDX-License-Identifier: MIT
"""What a training asks of the trainer and of the frames: segments, devices, restarts, and what is refused."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_zif.formats.nequip_config import TrainRun, frozen_hash, refuse, render

TYPES = ["C", "H", "N", "Zn"]
GOLDEN = Path(__file__).parent / "data" / "nequip_config"
RUNS = {
    "nequip": TrainRun(),
    "nequip_so3_two_gpus": TrainRun(
        irreps="so3", l_max=2, layers=3, pair_prior="zbl", stress_weight=100.0, patience=50, schedule="none", device="gpu", devices=2
    ),
    "allegro": TrainRun(architecture="allegro", parity=True, schedule="plateau", ema_decay=None, readout_nonlinearity="none"),
}
FREE = {"batch", "validation_batch", "device", "devices"}
"""What may change over a restart."""


@pytest.mark.parametrize("name", RUNS)
def test_rendered_settings_are_the_recorded_ones(name: str) -> None:
    """To the last letter; ZIF_WRITE_GOLDEN=1 records them anew."""
    path, text = GOLDEN / f"{name}.yaml", render(RUNS[name], TYPES, "train.xyz", "validation.xyz")
    if os.environ.get("ZIF_WRITE_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text()


def test_scheduler_is_never_asked_to_run_the_job_again() -> None:
    """The environment is named, so that SLURM is not looked for; one device or several."""
    for devices in (1, 2):
        trainer = yaml.safe_load(render(TrainRun(devices=devices), TYPES, "a", "b"))["trainer"]
        assert trainer["plugins"] == [{"_target_": "lightning.pytorch.plugins.environments.LightningEnvironment"}]
        assert trainer["devices"] == devices
        assert ("strategy" in trainer) == (devices > 1)


def test_devices_share_the_batch() -> None:
    """Frames per step of the optimiser are those of the run, whatever the number of devices."""
    loader = yaml.safe_load(render(TrainRun(batch=6, devices=3, device="gpu"), TYPES, "a", "b"))["data"]["train_dataloader"]
    assert loader["batch_size"] == 2


def test_so3_is_all_even() -> None:
    """Each order once, even, in every layer but the last, which leaves scalars."""
    model = yaml.safe_load(render(TrainRun(irreps="so3", l_max=2, layers=3, features=8), TYPES, "a", "b"))["training_module"]["model"]
    assert model["irreps_edge_sh"] == "1x0e+1x1e+1x2e"
    assert model["feature_irreps_hidden"] == ["8x0e+8x1e+8x2e", "8x0e+8x1e+8x2e", "8x0e"]


def other(value: Any, name: str) -> dict[str, Any]:
    """Return a change of one setting, and of what it needs."""
    if name == "irreps":
        return {"irreps": "so3"}
    if isinstance(value, bool):
        return {name: not value}
    if isinstance(value, str):
        choices = {"architecture": "allegro", "precision": "float64", "pair_prior": "zbl", "schedule": "none", "energy_scale": "forces_rms"}
        return {name: choices[name]}
    return {name: 0.5 if name in ("plateau_factor", "ema_decay") else (value or 0) + 1}


CHANGES = {
    field.name: other(field.default, field.name)
    for field in fields(TrainRun)
    if field.name not in FREE | {"readout_nonlinearity", "stress_content"}
}
ALLEGRO, PLATEAU = {"architecture": "allegro"}, {"schedule": "plateau", "plateau_factor": 0.3}
NEEDS = {
    "readout_width": ALLEGRO, "tensor_features": ALLEGRO, "allegro_depth": ALLEGRO, "allegro_width": ALLEGRO, "radial_embedding": ALLEGRO,
    "plateau_factor": PLATEAU, "plateau_patience": PLATEAU,
}  # fmt: skip
"""Settings that mean something only with others."""


@pytest.mark.parametrize("name", CHANGES)
def test_hash_changes_with_what_is_learned(name: str) -> None:
    """Another network, loss, schedule, seed or number of epochs is another training."""
    base = NEEDS.get(name, {})
    assert frozen_hash(TrainRun.from_dict({**base, **CHANGES[name]}), TYPES) != frozen_hash(TrainRun.from_dict(base), TYPES)


def test_hash_stays_where_the_batch_is_halved() -> None:
    """Out of memory on a GPU leads to half the batch, on as many devices as there are."""
    runs = [TrainRun(), TrainRun(batch=2), TrainRun(batch=2, devices=2, device="gpu", validation_batch=1)]
    assert len({frozen_hash(run, TYPES) for run in runs}) == 1
    assert frozen_hash(runs[0], TYPES[::-1]) != frozen_hash(runs[0], TYPES)


def test_frames_that_teach_all_elements_are_accepted() -> None:
    """Few frames may hold an element if all do."""
    refuse(TrainRun(), dict.fromkeys(TYPES, 3), 3, "none")
    refuse(TrainRun(), {"C": 100, "Zn": 10}, 100, "total")
    refuse(TrainRun(stress_weight=1.0, stress_content="total"), dict.fromkeys(TYPES, 3), 3, "total")


@pytest.mark.parametrize(
    ("asked", "counts", "stress", "without", "sentence"),
    [
        ({}, {"C": 100, "Zn": 9}, "virial", 0, "of 100 training frames Zn in 9 cannot be learned from: 10 of them"),
        ({}, {"C": 100, "Zn": 0}, "virial", 0, "Zn in 0"),
        ({"stress_weight": 1.0}, {"C": 100}, "none", 0, "stress_weight is 1.0, but no frame has stress"),
        ({"stress_weight": 1.0}, {"C": 100}, "virial", 7, "but 7 frames have no stress"),
        ({"stress_weight": 1.0}, {"C": 100}, "total", 0, "are 'total', but the run's stress_content is 'virial'"),
        ({"stress_weight": 1.0}, {"C": 100}, "estimated", 0, "or say stress_content: estimated to learn them"),
        ({"stress_weight": 1.0, "stress_content": "total"}, {"C": 100}, "virial", 0, "are 'virial', but the run's"),
    ],
)
def test_frames_that_cannot_teach_are_refused_in_one_sentence(
    asked: dict[str, Any], counts: dict[str, int], stress: str, without: int, sentence: str
) -> None:
    """Before anything runs, with the element or the kind of stress, and the remedy."""
    with pytest.raises(ValueError, match=sentence):
        refuse(TrainRun.from_dict(asked), counts, 100, stress, without)


NASTY = ["${oc.env:HOME}", "a b", "x\n_target_: os.system", "", "a: b", "- c", "'", '"', "!!python/object:os", "~"]
TEXT = st.text() | st.sampled_from(NASTY)


def outcome(make: Callable[[], Any]) -> Any:
    """Return what is made, or why it is refused."""
    try:
        return make()
    except ValueError as refusal:
        return str(refusal)


def tree(names: list[str], train: str = "train.xyz", folder: str = "out") -> Any:
    return yaml.safe_load(render(TrainRun(), names, train, "b.xyz", folder))


def leaves(node: Any) -> list[Any]:
    inside = node.values() if isinstance(node, dict) else node if isinstance(node, list) else None
    return [node] if inside is None else [leaf for child in inside for leaf in leaves(child)]


@given(st.sampled_from([field.name for field in fields(TrainRun) if field.type == "str"]), TEXT)
def test_no_text_of_a_run_reaches_the_file(name: str, text: str) -> None:
    """A setting that is text is one of a short list, or refused."""
    found = outcome(lambda: TrainRun.from_dict({name: text}))
    assert "must be one of" in found if isinstance(found, str) else text.replace("_", "").isalnum() and text.isascii()


@given(TEXT, TEXT)
@settings(max_examples=50)
def test_no_file_name_is_read_as_anything_else(train: str, folder: str) -> None:
    """Interpolations, line breaks and the signs of YAML are refused; what is accepted comes back as it was given."""
    found = outcome(lambda: tree(TYPES, train, folder))
    if isinstance(found, str):
        assert "rename it" in found
    else:
        given_names = {"train.xyz": train, "out": folder}
        assert leaves(found) == [given_names.get(leaf, leaf) if isinstance(leaf, str) else leaf for leaf in leaves(tree(TYPES))]


@given(st.lists(TEXT | st.sampled_from(TYPES), max_size=4))
@settings(max_examples=50)
def test_no_type_name_is_anything_but_an_element(names: list[str]) -> None:
    """The names come back in their order, or are refused."""
    found = outcome(lambda: tree(names))
    assert "chemical symbols" in found if isinstance(found, str) else found["model_type_names"] == names
