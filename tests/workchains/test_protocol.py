# SPDX-License-Identifier: MIT
"""Protocols: what ships fits the chains, differences are merged, what is unknown is refused."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from aiida_zif.formats.cp2k_run import AimdRun, RelaxRun
from aiida_zif.formats.nequip_run import TrainRun
from aiida_zif.science.drawing import Recipe
from aiida_zif.workchains import protocol
from aiida_zif.workchains.aimd import AimdWorkChain

CHAINS = sorted(entry.name for entry in importlib.metadata.entry_points(group="aiida.workflows") if entry.name.startswith("zif."))
MAPPINGS = st.recursive(
    st.dictionaries(st.sampled_from("abc"), st.integers() | st.lists(st.integers(), max_size=2), max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner | st.integers(), max_size=3),
    max_leaves=8,
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of two protocols, of which one is said as the difference from the other."""
    (tmp_path / "base.yaml").write_text("description: all\naimd: {run: {steps: 10, method: gfn1-xtb}}\neos: {volume_factors: [0.9, 1.0]}\n")
    (tmp_path / "long.yaml").write_text("description: more\ninherits: base\naimd: {run: {steps: 99}}\neos: {volume_factors: [1.0]}\n")
    monkeypatch.setattr(protocol, "FOLDER", tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", protocol.names())
def test_what_ships_is_accepted_by_the_programs_runs(name: str) -> None:
    """Every state point and every training of a protocol can be rendered; its draw asks for no more than AIMD makes."""
    plan = protocol.load(name)
    for point in plan["aimd"]["state_points"]:
        AimdRun.from_dict({**plan["aimd"]["run"], "temperature_k": point["temperature_k"], "seed": 1})
        assert 0.5 < point["volume"] < 2
    for run in plan["train"]["runs"].values():
        TrainRun.from_dict({**run, "seed": 1})
    assert plan["md"]["model"] in plan["train"]["runs"]
    RelaxRun.from_dict({"method": plan["aimd"]["run"]["method"], **plan["relax"]["run"]})
    recipe = Recipe.from_dict({**plan["dataset"], "seed": 1})
    used = len(plan["aimd"]["state_points"]) * (plan["aimd"]["run"]["steps"] - plan["aimd"]["run"]["equilibration_steps"])
    held_out = recipe.n_held_out if recipe.held_out_fraction is None else recipe.held_out_fraction * used
    assert recipe.n_train + recipe.n_validation < used - (held_out or 0)


@pytest.mark.parametrize(("run", "temperature_k"), [({}, 300), ({"temperature_k": 700}, 700)])
def test_single_run_has_the_temperature_that_it_is_given(run: dict[str, float], temperature_k: float) -> None:
    """Where none is given it is that of the first state point."""
    plan = protocol.load("smoke", {"aimd": {"run": run}})
    assert AimdWorkChain.protocol_inputs(plan)["run"]["temperature_k"] == temperature_k


@pytest.mark.parametrize("name", [name for name in protocol.names() if name != "smoke"])
def test_protocol_names_its_base_and_says_only_what_differs(name: str) -> None:
    """`smoke` is the base of all; whoever reads another sees what it changes, and nothing that it does not."""
    content = yaml.safe_load((protocol.FOLDER / f"{name}.yaml").read_text())
    base = protocol.load(content.pop("inherits"))
    assert len(content.pop("description")) > 80

    def same(part: Mapping[str, Any], below: Mapping[str, Any], path: str = "") -> list[str]:
        found = []
        for key, value in part.items():
            if isinstance(value, dict) and isinstance(below.get(key), dict):
                found += same(value, below[key], f"{path}.{key}")
            elif key in below and below[key] == value:
                found.append(f"{path}.{key}")
        return found

    assert not same(content, base)


def test_paper_is_the_published_protocol() -> None:
    """The numbers of the article, and of the files that its authors deposited where these differ."""
    paper, exact = protocol.load("paper"), protocol.load("paper-exact")
    run = AimdRun.from_dict({**paper["aimd"]["run"], "temperature_k": 300, "seed": 1})
    assert (run.method, run.timestep_fs, run.thermostat_time_fs, run.stress_tensor) == ("pbe-d3", 0.5, 1000.0, "ANALYTICAL")
    points = [(point["temperature_k"], point["volume"]) for point in paper["aimd"]["state_points"]]
    assert (300, 1.0) in points
    assert len({volume for kelvin, volume in points if kelvin == 1500}) == len({volume for kelvin, volume in points if kelvin == 1750}) == 4
    used = len(points) * (run.steps - run.equilibration_steps)
    assert used == pytest.approx(1189836, rel=0.01)
    assert (run.steps - run.equilibration_steps) * run.timestep_fs > 50e3
    assert (paper["dataset"]["n_train"], paper["dataset"]["n_validation"], paper["dataset"]["n_held_out"]) == (2500, 200, 10000)
    nequip = TrainRun.from_dict({**paper["train"]["runs"]["nequip"], "seed": 1})
    assert (nequip.layers, nequip.l_max, nequip.r_max, nequip.parity, nequip.learning_rate, nequip.epochs) == (
        5,
        2,
        6.0,
        False,
        0.005,
        1000,
    )
    melt = paper["melt_quench"]
    assert (melt["replicas"], melt["run"]["tmax_k"], melt["run"]["rate_k_per_ps"], melt["run"]["plateau_ps"]) == (10, 1500, 20, 50.0)
    assert "wall" not in paper["md"]
    exact_run = AimdRun.from_dict({**exact["aimd"]["run"], "temperature_k": 300, "seed": 1})
    assert (exact_run.hydrogen_mass_amu, exact_run.stress_tensor) == (2.014101777, "DIAGONAL_ANALYTICAL")
    allegro = TrainRun.from_dict({**exact["train"]["runs"]["allegro"], "seed": 1})
    assert (allegro.layers, allegro.learning_rate, allegro.tensor_features, allegro.patience) == (2, 0.001, 64, 100)


def test_demonstration_is_as_long_as_it_claims() -> None:
    """`smoke` has four state points and 800 frames, up to the melt-quench's own Tmax, 5 ps there, five volumes of 2 ps, two glasses."""
    plan = protocol.load("smoke")
    points, melt = plan["aimd"]["state_points"], plan["melt_quench"]
    assert len(points) >= 4
    assert len(points) * (plan["aimd"]["run"]["steps"] - plan["aimd"]["run"]["equilibration_steps"]) >= 800
    assert max(point["temperature_k"] for point in points) >= melt["run"]["tmax_k"]
    assert len({point["volume"] for point in points}) > 1
    assert melt["replicas"] >= 2
    assert melt["run"]["plateau_ps"] >= 5
    assert len(plan["eos"]["volume_factors"]) >= 5
    assert plan["eos"]["production_ps"] >= 2
    assert plan["strain_fluctuation"]["min_n_eff"] == 30
    assert plan["train"]["max_relative_force_mae"] <= 0.3


@pytest.mark.parametrize("which", ["smoke", "paper", "paper-exact", "balanced", "fast"])
@pytest.mark.parametrize("name", CHAINS)
def test_every_chain_takes_its_numbers_from_every_protocol(
    name: str, which: str, aiida_profile_clean: Any, codes: Any, crystal: Any, model: Any, dataset: Any, make_trajectory: Any
) -> None:
    """A builder needs only the nodes; what the protocol gives passes the chain's validators."""
    from aiida.plugins import WorkflowFactory

    chain = WorkflowFactory(name)
    ports = chain.spec().inputs
    trajectory = make_trajectory()
    nodes = {"structure": crystal, "potential": model, "dataset": dataset, "trajectory": trajectory}
    given_nodes = {port: node for port, node in nodes.items() if port in ports}
    if name in ("zif.dataset", "zif.scan", "zif.validation"):
        given_nodes["trajectories"] = {"a": trajectory}
    if name == "zif.analysis":
        given_nodes["reference"] = crystal
    builder = chain.get_builder_from_protocol(codes, which, **given_nodes)
    assert ports.validate(ports.pre_process(builder._inputs(prune=True))) is None


def test_protocol_is_said_as_a_difference(folder: Path) -> None:
    """Mappings are merged, lists are replaced, and the description is none of the stages."""
    assert protocol.names() == ["base", "long"]
    assert protocol.load("long") == {"aimd": {"run": {"steps": 99, "method": "gfn1-xtb"}}, "eos": {"volume_factors": [1.0]}}
    assert protocol.load("base")["aimd"]["run"]["steps"] == 10


def test_overrides_change_a_copy(folder: Path) -> None:
    """The protocol stays as it is."""
    assert protocol.load("base", {"aimd": {"run": {"steps": 3}}})["aimd"]["run"] == {"steps": 3, "method": "gfn1-xtb"}
    assert protocol.load("base")["aimd"]["run"]["steps"] == 10


def test_unknown_protocol_is_refused(folder: Path) -> None:
    """The sentence names those that there are."""
    with pytest.raises(ValueError, match="no protocol 'gold'; there are base, long"):
        protocol.load("gold")


def test_unknown_stage_is_refused(folder: Path) -> None:
    """The sentence names the stages that there are."""
    with pytest.raises(ValueError, match="unknown stages amid; protocol base has aimd, eos"):
        protocol.load("base", {"amid": {"run": {}}})


def test_one_training_takes_the_run_that_is_named() -> None:
    """A name that no run has is refused with those that there are."""
    plan = {"train": {"model": "allegro", "runs": {"nequip": {"l_max": 1}, "allegro": {"l_max": 2}}}}
    assert protocol.single_run(plan) == {"l_max": 2}
    with pytest.raises(ValueError, match=r"train\.model is 'mace', but must be one of train\.runs: nequip, allegro"):
        protocol.single_run({"train": {**plan["train"], "model": "mace"}})


@given(MAPPINGS, MAPPINGS)
def test_merge_takes_what_is_changed_and_keeps_the_rest(base: Mapping[str, Any], changes: Mapping[str, Any]) -> None:
    """Merging twice is merging once; nothing changes nothing; neither mapping is touched."""
    before = repr((base, changes))
    merged = protocol.merge(base, changes)
    assert protocol.merge(merged, changes) == merged
    assert protocol.merge(base, {}) == base
    assert set(merged) == set(base) | set(changes)
    assert repr((base, changes)) == before
