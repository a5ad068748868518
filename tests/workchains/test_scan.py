# SPDX-License-Identifier: MIT
"""`zif.scan`: every row has its own trainings and verdicts; all are measured on the same frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from aiida.orm import Dict, Group, List, RemoteData

from aiida_zif.calculations.frames import ZifFramesCalculation
from aiida_zif.calculations.functions.dataset import draw_dataset
from aiida_zif.workchains.dataset import DatasetWorkChain
from aiida_zif.workchains.scan import ScanWorkChain
from aiida_zif.workchains.train import TrainWorkChain

from .conftest import Ending

ROWS = [
    {"label": "small", "seeds": [1, 2]},
    {"label": "large", "features": 32, "r_max": 5.0, "seeds": [1]},
    {"architecture": "allegro", "l_max": 2, "dataset": "other"},
]
RUN = {"epochs": 3}
SAMPLING = {"method": "random", "n_train": 8, "n_validation": 3, "seed": 4, "held_out_fraction": 0.25, "gap": 1}
ROLES = ("train", "package", "compile", "evaluate")


def errors_of(run: Mapping[str, Any]) -> dict[str, float]:
    """Return errors and cost that depend on size and seed only: 99 and 101 at cost 5, 79 at cost 10."""
    large = run.get("features", 16) > 16
    force = (80.0 if large else 100.0) + 2 * run["seed"] - 3
    return {"forces_mae_mev_per_angstrom": force, "energy_mae_mev_per_atom": force / 10, "cost_us_per_atom": 10.0 if large else 5.0}


@pytest.fixture
def codes_of_training(codes: dict[str, Any]) -> dict[str, Any]:
    return {role: codes[role] for role in ROLES}


@pytest.fixture
def inputs(codes_of_training: dict[str, Any], dataset: Any) -> dict[str, Any]:
    return {"codes": codes_of_training, "datasets": {"main": dataset, "other": dataset.clone()}, "run": Dict(RUN), "rows": List(
        [{"dataset": "main", **row} for row in ROWS]
    )}  # fmt: skip


@pytest.fixture
def endings(model: Any) -> Callable[..., Any]:
    """Return ``endings(failed)``: every training gives a model and its errors; those in ``failed`` end by the given label."""

    def make(failed: Mapping[str, str] = {}) -> Callable[..., Ending]:
        def end(process_class: Any, given: Any, _: int) -> Ending:
            if process_class is DatasetWorkChain:
                return Ending(outputs={"dataset": draw_dataset(parameters=given["parameters"], **given["trajectories"])})
            label = given["metadata"]["call_link_label"]
            if process_class is ZifFramesCalculation:
                return Ending(outputs={"remote_folder": RemoteData("/scratch", computer=given["code"].computer)})
            if label in failed:
                return Ending(failed[label], values={"epoch": 1, "stage": "train", "reason": "it is cut."})
            package = model.clone()
            package.base.attributes.set("n_parameters", 8800)
            return Ending(outputs={"model": package, "accuracy": Dict(errors_of(given["run"].get_dict()))})

        return end

    return make


def test_table_becomes_trainings(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Any) -> None:
    """A chain per row and seed, with what the row says and the dataset that it names."""
    found = run_chain(ScanWorkChain, endings(), **inputs)
    assert found.status == 0
    assert found.labels == ["small_seed_1", "small_seed_2", "large_seed_1", "allegro_l2_r4_other_seed_1"]
    runs = [child.inputs["run"].get_dict() for child in found.children]
    assert [run["seed"] for run in runs] == [1, 2, 1, 1]
    assert [run.get("features") for run in runs] == [None, None, 32, None]
    assert all(run["epochs"] == 3 for run in runs)
    assert found.children[3].inputs["dataset"].uuid == inputs["datasets"]["other"].uuid


def test_rows_have_mean_and_spread_over_seeds(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Any) -> None:
    """Sample standard deviation; of one seed none, and a sentence why."""
    table = run_chain(ScanWorkChain, endings(), **inputs).outputs["table"]
    small, allegro = table["rows"]["small"], table["rows"]["allegro_l2_r4_other"]
    assert (small["forces_mae_mev_per_angstrom"], small["forces_mae_mev_per_angstrom_spread"]) == pytest.approx((100, np.sqrt(2)))
    assert (small["seeds"], small["n_parameters"], small["stress_mae_mpa"]) == ([1, 2], 8800, None)
    assert (allegro["architecture"], allegro["l_max"], allegro["forces_mae_mev_per_angstrom_spread"]) == ("allegro", 2, None)
    assert table["notes"][0].startswith("No error bar for large, allegro_l2_r4_other: one seed")


def test_front_and_pick(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Any) -> None:
    """The lowest force error, or that of those cheap enough; its package is put out, of the seed with the lowest error."""
    found = run_chain(ScanWorkChain, endings(), **inputs)
    table = found.outputs["table"]
    assert table["front"] == ["allegro_l2_r4_other", "large"]
    assert (table["best"], table["best_training"]) == ("large", "large_seed_1")
    assert found.outputs["model"].uuid == found.children[2].node.outputs.model.uuid
    cheap = run_chain(ScanWorkChain, endings(), **inputs, rule={"max_cost_us_per_atom": 6.0}).outputs["table"]
    assert cheap["best"] == "allegro_l2_r4_other"
    assert "at most 6" in cheap["reason"]


def test_table_can_be_queried(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Any) -> None:
    """By row and number, with the group of the scan."""
    from aiida.orm import QueryBuilder

    found = run_chain(ScanWorkChain, endings(), **inputs)
    query = QueryBuilder().append(Group, filters={"label": f"zif/scan/{found.node.uuid}"}, tag="group")
    key = "attributes.rows.large.forces_mae_mev_per_angstrom"
    query.append(Dict, with_group="group", filters={"attributes.kind": "scan", key: {"<": 90}}, project=[key])
    assert query.all(flat=True) == [pytest.approx(79.0)]
    group = Group.collection.get(label=f"zif/scan/{found.node.uuid}")
    assert {node.uuid for node in group.nodes} >= {found.node.uuid, *(node.uuid for node in found.outputs["models"].values())}


def test_training_that_fails_leaves_the_others_alone(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Any) -> None:
    """713 names it, its verdict stands in words, its row has the numbers of its other seed and is not chosen."""
    found = run_chain(
        ScanWorkChain, endings({"small_seed_2": "ERROR_LOSS_NOT_A_NUMBER", "large_seed_1": "ERROR_LOSS_NOT_A_NUMBER"}), **inputs
    )
    assert found.status == 713
    assert "2 of 4 trainings failed (small_seed_2, large_seed_1)" in found.message
    table = found.outputs["table"]
    assert table["rows"]["small"]["verdict"].startswith("seed 2: [521] The loss became not a number in epoch 1")
    assert [table["rows"][label]["seeds_measured"] for label in ("small", "large")] == [1, 0]
    assert (table["best"], table["front"]) == ("allegro_l2_r4_other", ["allegro_l2_r4_other", "small"])
    assert set(found.outputs["models"]) == {"small_seed_1", "allegro_l2_r4_other_seed_1"}


def test_too_few_rows_is_a_failure(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Any) -> None:
    """Below `min_success`: 425, and the table all the same; without any row nothing is chosen."""
    labels = ("small_seed_1", "small_seed_2", "large_seed_1", "allegro_l2_r4_other_seed_1")
    found = run_chain(ScanWorkChain, endings(dict.fromkeys(labels, "ERROR_CHILD_FAILED")), **inputs)
    assert (found.status, found.outputs["table"]["best"]) == (425, None)
    assert "0 of 3 rows gave a model" in found.message
    assert found.outputs["table"]["front"] == []


@pytest.fixture
def trajectories(make_frames: Callable[..., Any]) -> dict[str, Any]:
    """Two of 30 frames, whose forces are those of springs, so that their audit is passed."""
    from aiida_zif.data.trajectory import ZifTrajectoryData

    def make(phase: float) -> ZifTrajectoryData:
        away = 0.02 * np.cos(0.3 * np.arange(30)[:, None, None] + phase + np.arange(102).reshape(34, 3) ** 2)
        fields = {"energies": -3000 + 10 * (away**2).sum(axis=(1, 2)), "forces": -20 * away}
        frames = make_frames(30, positions=make_frames(1).positions[0] + away, **fields)
        return ZifTrajectoryData.from_frames(frames, kind="aimd", timestep_fs=0.5, asked_temperature_k=300.0).store()

    return {"a": make(0.0), "b": make(1.0)}


def test_two_samplings_share_their_held_out_frames(
    run_chain: Callable[..., Any], codes_of_training: Any, endings: Any, trajectories: Any
) -> None:
    """Random and flat draws, of whatever size, from the same trajectories: other training frames, equal held-out frames, byte by byte."""
    random, flat = {"sampling": {"method": "random"}}, {"sampling": {"method": "flat_histogram", "n_train": 12}}
    rows = [random, flat, {**random, "features": 32, "label": "third"}]
    found = run_chain(
        ScanWorkChain,
        endings(),
        codes=codes_of_training,
        run=Dict(RUN),
        rows=List(rows),
        trajectories=trajectories,
        sampling=Dict(SAMPLING),
    )
    assert found.status == 0, found.message
    drawn = found.outputs["datasets"]
    assert sorted(drawn) == ["flat_histogram_12", "random"]
    assert found.labels[:2] == ["dataset_random", "dataset_flat_histogram_12"]
    held, trained = ([drawn[name].frames(split) for name in sorted(drawn)] for split in ("held_out", "train"))
    for field in ("positions", "energies", "forces", "stresses"):
        assert np.array_equal(getattr(held[0], field), getattr(held[1], field))
    assert len(held[0]) == 16
    assert not np.array_equal(trained[0].energies[:8], trained[1].energies[:8])
    assert found.children[2].inputs["dataset"].uuid == found.children[4].inputs["dataset"].uuid == drawn["random"].uuid
    rows_put_out = found.outputs["table"]["rows"]
    assert len({row["dataset"]["held_out_places"] for row in rows_put_out.values()}) == 1


def test_different_held_out_frames_are_told(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Any, trajectories: Any) -> None:
    """Datasets given may hold out what they like; the numbers then do not compare, which is the verdict."""
    other = draw_dataset(parameters=Dict(SAMPLING), a=trajectories["a"])
    found = run_chain(ScanWorkChain, endings(), **{**inputs, "datasets": {**inputs["datasets"], "other": other}})
    assert found.status == 714
    assert any("2 different sets of held-out frames" in note for note in found.outputs["table"]["notes"])


def test_frames_that_cannot_be_drawn_fail_their_rows_only(
    run_chain: Callable[..., Any], codes_of_training: Any, endings: Any, make_trajectory: Any, dataset: Any
) -> None:
    """The draw's verdict is reported, the other rows are trained."""

    def end(process_class: Any, given: Any, number: int) -> Ending:
        if process_class is DatasetWorkChain:
            return Ending("ERROR_CHILD_FAILED", values={"stage": "dataset", "reason": "900 frames are to be drawn."})
        return endings()(process_class, given, number)

    rows = [{"sampling": {"n_train": 900}, "label": "greedy"}, {"dataset": "main", "label": "modest"}]
    found = run_chain(
        ScanWorkChain, end, codes=codes_of_training, run=Dict(RUN), rows=List(rows), datasets={"main": dataset},
        trajectories={"a": make_trajectory().store()}, sampling=Dict(SAMPLING),
    )  # fmt: skip
    assert (found.status, found.outputs["table"]["best"]) == (713, "modest")
    assert "900 frames are to be drawn" in found.reports
    assert "could not be drawn" in found.outputs["table"]["rows"]["greedy"]["verdict"]


def test_no_more_than_asked_at_a_time(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Any) -> None:
    """Two at a time: all four are run, in order."""
    found = run_chain(ScanWorkChain, endings(), **inputs, max_concurrent=2)
    assert (found.status, len(found.labels)) == (0, 4)


def test_options_and_cache_reach_each_training(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Any) -> None:
    """Said once for the scan."""
    found = run_chain(ScanWorkChain, endings(), **inputs, options={"train": {"account": "gpu"}}, use_cache=True)
    assert all(child.inputs["options"].get_dict() == {"train": {"account": "gpu"}} for child in found.children)
    assert all(child.inputs["use_cache"].value for child in found.children if child.process_class is TrainWorkChain)


def test_frames_are_written_once_per_dataset(
    run_chain: Callable[..., Any], codes: dict[str, Any], inputs: dict[str, Any], endings: Any
) -> None:
    """Two datasets, two jobs; every training links to the frames of its own, and compiles only where that is asked."""
    given = {**inputs, "codes": {**inputs["codes"], "frames": codes["frames"]}}
    found = run_chain(ScanWorkChain, endings(), **given, compile=False)
    assert (found.status, found.labels[:2]) == (0, ["frames_main", "frames_other"])
    main, other = (child.node.outputs.remote_folder.uuid for child in found.children[:2])
    assert [child.inputs["frames"].uuid for child in found.children[2:]] == [main, main, main, other]
    assert all("compile" not in child.inputs["codes"] for child in found.children[2:])


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([], "the table has no rows"),
        ([3], "row 1 is 3"),
        ([{"dataset": "main", "lmax": 1}], "row 1: a training has no setting lmax"),
        ([{"dataset": "main", "r_max": -1}], "r_max is -1"),
        ([{"dataset": "mine"}], "no dataset 'mine' in `datasets`, which has main, other"),
        ([{}], "name one of the datasets main, other"),
        ([{"sampling": {"method": "random"}}], "needs `trajectories` and `sampling`"),
        ([{"dataset": "main", "sampling": {"method": "random"}}], "give one of them"),
        ([{"dataset": "main", "seeds": [1, 1]}], "each once"),
        ([{"dataset": "main", "seeds": 3}], "must be a list"),
        ([{"dataset": "main", "seed": 3}], "`seeds`, a list"),
        ([{"dataset": "main", "label": "a b"}], "must be a letter, then"),
        ([{"dataset": "main"}, {"dataset": "main"}], "come twice"),
    ],
)
def test_bad_table_is_refused(refusal: Callable[..., str], inputs: dict[str, Any], rows: Any, sentence: str) -> None:
    """One sentence with the number of the row, before anything runs."""
    assert sentence in refusal(ScanWorkChain, **{**inputs, "rows": List(rows)})


def test_row_may_not_change_what_is_held_out(refusal: Callable[..., str], codes_of_training: Any, make_trajectory: Any) -> None:
    """Else the rows would be measured on different frames."""
    given = {"codes": codes_of_training, "run": Dict(RUN), "trajectories": {"a": make_trajectory()}, "sampling": Dict(SAMPLING)}
    assert "the same for all rows" in refusal(ScanWorkChain, **given, rows=List([{"sampling": {"held_out_fraction": 0.5}}]))
    assert "n_train is 0" in refusal(ScanWorkChain, **given, rows=List([{"sampling": {"n_train": 0}}]))


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"min_success": 4}, "give 1 to 3"),
        ({"run": {"seed": 1}}, "leave it out"),
        ({"rule": {"error": "beauty"}}, "goes by 'beauty'"),
        ({"rule": {"max_cost_us_per_atom": -1}}, "above 0"),
        ({"rule": {"cost": 1}}, "no cost"),
        ({"max_concurrent": -1}, "must be 0"),
    ],
)
def test_other_inputs_are_refused(refusal: Callable[..., str], inputs: dict[str, Any], more: dict[str, Any], sentence: str) -> None:
    """A sentence each."""
    assert sentence in refusal(ScanWorkChain, **{**inputs, **more})
