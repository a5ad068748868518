# SPDX-License-Identifier: MIT
"""`aiida-zif table` and `launch scan --table`: shipped tables with the published numbers beside ours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiida.orm import Dict

from aiida_zif.calculations.functions.glasses import tabulate_glasses
from aiida_zif.calculations.functions.scan import tabulate_scan
from aiida_zif.workchains import scan_table

Call = Callable[..., Any]


@pytest.fixture
def table(aiida_profile: Any) -> Any:
    """The table of two rows of the published screening."""
    trainings = {"l2_r6_seed_1": {"seed": 1, "exit_status": 0, "message": "done", "uuid": "u"}}
    frames = {"name": "random", "uuid": "u", "sampling": "random", "counts": {}, "held_out_places": None}
    rows = {"l2_r6": {"run": {"architecture": "nequip"}, "dataset": frames, "trainings": trainings}}
    plan = {"table": "paper-screening", "order": ["l2_r6"], "rows": rows}
    return tabulate_scan(Dict(plan), Dict({}), accuracy_l2_r6_seed_1=Dict({"forces_mae_mev_per_angstrom": 17.0, "cost_us_per_atom": 9.0}))


def test_published_numbers_stand_beside_ours(call: Call, table: Any, tmp_path: Path) -> None:
    """15.2 meV/Å of Table 1 under our 17, with the citation; the figure is written."""
    result = call("table", table.pk, "--figure", tmp_path / "front.svg")
    assert result.exit_code == 0, result.output
    ours, theirs = result.output.splitlines()[1:3]
    assert "17.0 ± –" in ours
    assert "15.2" in theirs
    assert "doi:10.1039/D3DD00236E" in result.output
    assert (tmp_path / "front.svg").read_bytes().startswith(b"<?xml")


@pytest.mark.parametrize(("form", "words"), [("csv", "l2_r6,nequip"), ("latex", r"\begin{tabular}")])
def test_other_formats(call: Call, table: Any, form: str, words: str) -> None:
    """For a spreadsheet, for an article."""
    assert words in call("table", table.uuid, "--format", form).output


def test_node_without_a_table_is_refused(refused: Callable[..., str], make_chain: Callable[..., Any], crystal: Any) -> None:
    """Another chain, a scan at work, another node, none."""
    assert "has no table" in refused("table", make_chain().pk)
    assert "still at work" in refused("table", make_chain("ScanWorkChain", None, name="scan").pk)
    assert "has no table" in refused("table", crystal.store().pk)
    assert "there is no node" in refused("table", 999999)


@pytest.mark.parametrize("name", ["paper-screening", "paper-production"])
def test_published_table_is_shown_in_full(name: str, call: Call, codes: Any, dataset: Any, make_trajectory: Any, stored: Any) -> None:
    """A dry run lists every row with its frames, and forecasts; nothing is stored."""
    node = make_trajectory(3000).store()
    before = stored()
    fewer = ("--override", "dataset.n_held_out=100")
    result = call("launch", "scan", "--table", name, "--trajectory", node.pk, *fewer, "--dry-run")
    assert result.exit_code == 0, result.output
    forecast = result.output.partition("Forecast")[2]
    for label in scan_table.load(name).published:
        assert f"{label}:" in forecast
    assert "1000 epochs" in forecast
    assert "; 100 are held out" in forecast
    assert stored() == before


def test_shipped_numbers_are_those_of_the_ledger(shared_data: Path) -> None:
    """Each published number stands in the ledger of the paper's numbers."""
    ledger = shared_data.parent / "design" / "castel2024.yaml"
    if not ledger.is_file():
        pytest.skip("the ledger is not here")
    known = yaml.safe_load(ledger.read_text())["models"]["table_1"]
    names = {"energy": "energy_mae_mev_per_atom", "forces": "forces_mae_mev_per_angstrom", "stress": "stress_mae_mpa"}
    names["cost"] = "cost_us_per_atom"
    found = {**scan_table.load("paper-screening").published, **scan_table.load("paper-production").published}
    assert found == {label: {names[key]: value for key, value in row.items()} for label, row in known.items()}


def test_own_table_is_a_file(call: Call, codes: Any, dataset: Any, tmp_path: Path) -> None:
    """Rows on the dataset given, by its name; settings of the protocol where a row says nothing."""
    dataset.store()
    path = tmp_path / "mine.yaml"
    path.write_text("rows:\n  - {label: a, epochs: 2, dataset: best}\n  - {label: b, base: allegro, dataset: best, seeds: [4, 5]}\n")
    result = call("launch", "scan", "--table", path, "--dataset", f"best={dataset.pk}", "--dry-run")
    assert result.exit_code == 0, result.output
    assert "3 trainings" in result.output
    assert "b: allegro" in result.output
    assert "max_epochs: 2" in result.output


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("rows: 3", "must be a mapping with rows"),
        ("rowz: []", "must be a mapping with rows"),
        ("{rows: [], colour: red}", "a table has no colour"),
        ("rows: [", "is no YAML"),
        ("rows: [{base: gold}]", "no training 'gold'"),
        ("rows: [{label: a, epochs: -1}]", "epochs is -1"),
        ("rows: []", "the table has no rows"),
    ],
)
def test_bad_table_is_refused(text: str, sentence: str, refused: Any, codes: Any, dataset: Any, tmp_path: Path) -> None:
    """In one sentence."""
    dataset.store()
    (tmp_path / "bad.yaml").write_text(text)
    assert sentence in refused("launch", "scan", "--table", tmp_path / "bad.yaml", "--dataset", dataset.pk, "--dry-run")


def test_unknown_table_is_refused(refused: Any, codes: Any, dataset: Any) -> None:
    """With the names of those that ship."""
    dataset.store()
    assert "paper-screening" in refused("launch", "scan", "--table", "nonsense", "--dataset", dataset.pk)


@pytest.fixture
def glasses(aiida_profile: Any) -> Any:
    """The table of a melt map with one row of two replicas, one of which broke."""
    replicas = {
        "T1500_rate20_plateau50_seed_1": {"seed": 1, "molten": True, "exit_status": 0, "message": "done", "uuid": "u"},
        "T1500_rate20_plateau50_seed_2": {"seed": 2, "molten": None, "exit_status": 530, "message": "Linker 3 broke.", "uuid": "v"},
    }
    settings = {"tmax_k": 1500, "rate_k_per_ps": 20, "plateau_ps": 50.0, "repeats": [1, 1, 1], "start": "crystal"}
    label = "T1500_rate20_plateau50"
    hazard = [
        {"from_k": 1500.0, "to_k": 1600.0, "linker_ns": 2.0, "breaks": 1},
        {"from_k": 300.0, "to_k": 400.0, "linker_ns": 3.0, "breaks": 0},
    ]
    plan = {"table": "paper-melt-map", "order": [label], "rows": {label: {"settings": settings, "replicas": replicas}}, "hazard": hazard}
    told = {"kind": "glass", "density_g_per_cm3": {"mean": 1.25}, "zn_n_coordination": {"mean": 3.93}, "repeats": [1, 1, 1]}
    return tabulate_glasses(Dict(plan), Dict({}), T1500_rate20_plateau50_seed_1=Dict(told))


def test_table_of_glasses(call: Call, glasses: Any) -> None:
    """Verdicts, what broke, published beside ours; no error bar of one glass; CSV in full and LaTeX."""
    result = call("table", glasses.pk)
    assert result.exit_code == 0, result.output
    for words in ("1 of 1", "1 of 2", "1.250 ± –", "[530] Linker 3 broke", "1 linker broke in 2 linker ns", "none broke in 3 linker ns"):
        assert words in result.output
    assert "Published of T1500_rate20_plateau50: molten 1" in result.output
    assert "published_molten" in call("table", glasses.pk, "--format", "csv").output
    assert r"\begin{tabular}" in call("table", glasses.pk, "--format", "latex").output


def test_figure_of_a_table_without_its_ensemble_is_refused(refused: Callable[..., str], glasses: Any, tmp_path: Path) -> None:
    """The replicas in time are those of the ensemble's nodes."""
    assert "chain of this table is not here" in refused("table", glasses.pk, "--figure", tmp_path / "a.svg")


@pytest.mark.parametrize("name", ["paper-melt-map", "paper-finite-size", "demo-melt-map"])
def test_tables_of_glasses_ship(name: str, call: Call, codes: Any, model: Any, stored: Any) -> None:
    """A dry run prints each row with its steps and atoms, and the cost as far as it is known."""
    model.store()
    before = stored()
    result = call("launch", "ensemble-of-glasses", "--table", name, "--structure", "dia-zn-im-2", "--model", model.pk, "--dry-run")
    assert result.exit_code == 0, result.output
    forecast = result.output.partition("Forecast")[2]
    for row in scan_table.load(name, "glass_ensemble").rows:
        assert f"{row['label']}: " in forecast
    assert "replicas, " in forecast
    assert stored() == before


def test_table_of_another_stage_is_refused(refused: Callable[..., str], codes: Any, model: Any) -> None:
    """A scan is no melt map."""
    given = ("--structure", "dia-zn-im-2", "--model", model.store().pk, "--dry-run")
    assert "there is no table 'paper-screening'" in refused("launch", "ensemble-of-glasses", "--table", "paper-screening", *given)
