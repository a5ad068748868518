# SPDX-License-Identifier: MIT
"""`zif.glass_ensemble`: rows and seeds side by side, each with its verdict; a certificate per solid, one table over all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from aiida.orm import Dict, Group, Int, List, QueryBuilder, StructureData

from aiida_zif.calculations.functions.structure import make_supercell, to_structure
from aiida_zif.calculations.job import structure_arrays
from aiida_zif.workchains.analysis import AnalysisWorkChain
from aiida_zif.workchains.glass_ensemble import GlassEnsembleWorkChain
from aiida_zif.workchains.md import MdWorkChain

from .conftest import Ending

BROKEN = Ending("ERROR_LINKER_BROKEN", values={"linker": 1, "bond": "C–N", "step": 7, "temperature": 900.0})
STAGES = [{"kind": "hold", "label": label, "steps": 10, "temperature_k": kelvin} for label, kelvin in
          (("prepare", 300.0), ("plateau", 1600.0), ("production", 300.0))]  # fmt: skip
RUN = {"stages": STAGES, "timestep_fs": 1.0}


@pytest.fixture
def inputs(codes: dict[str, Any], crystal: Any, make_compiled: Callable[..., Any], plan: dict[str, Any]) -> dict[str, Any]:
    given = {"codes": {"lammps": codes["lammps"]}, "structure": crystal, "potential": make_compiled(), "seeds": List([11, 12, 13])}
    run = Dict({**plan["md"]["run"], **plan["melt_quench"]["run"]})
    return {**given, "run": run, "analysis": Dict(plan["analysis"])}


@pytest.fixture
def glass(crystal: Any, make_trajectory: Callable[..., Any], make_thermo: Callable[..., Any]) -> Callable[..., Ending]:
    """Return ``glass(label, energy)``: a melt-quench that left a solid, ``energy`` meV per atom above the crystal."""

    def end(label: str | None = None, energy: float = 5.0) -> Ending:
        structure = to_structure(*structure_arrays(crystal))
        thermo = [make_thermo([stage["label"] for stage in STAGES]) for _ in range(2)]
        for node, value in zip(thermo, (0.0, energy * len(structure.sites) / 1000), strict=True):
            node.set_array("potential_energy", node.get_array("pressure") + value)
        molten = label is None
        melt = {"molten": molten, "exchanged_share": 0.5, "sentence": "…", "molten_ps": 4.0, "temperature_k": 1600.0}
        linkers = {"whole": True, "n_linkers": 4, "breaks": []}
        below = {"linkers": Dict(linkers), "trajectory": make_trajectory(2, first_step=29), "results": Dict({"timesteps_fs": [0.5]})}
        return Ending(
            label,
            {
                "glass": structure, "melt": Dict({**melt, "coordination_at_tmax": {"mean": 3.0}}), "reference": structure.clone(),
                "linkers": Dict(linkers), "run": Dict(RUN), "trajectory_glass": make_trajectory(40),
                "trajectory_melt": make_trajectory(4), "thermo_melt": thermo[0], "thermo_glass": thermo[1],
            },
            {} if molten else {"reason": "it did not melt"},
            calls={"quench": (MdWorkChain, Ending(outputs=below))},
        )  # fmt: skip

    return end


@pytest.fixture
def ensemble(run_chain: Callable[..., Any], inputs: dict[str, Any], md_inputs: None) -> Callable[..., Any]:
    """Return ``ensemble(endings, **more)``: the chain whose melt-quenches end so, in turn; its analyses are run."""

    def run(endings: list[Ending], **more: Any) -> Any:
        replicas = iter(endings)

        def end(process_class: Any, given: Mapping[str, Any], _: int) -> Ending:
            if process_class is AnalysisWorkChain:
                return Ending(outputs={"summary": Dict(SUMMARY)})
            return next(replicas)

        return run_chain(GlassEnsembleWorkChain, end, **{**inputs, **more})

    return run


SUMMARY = {
    "density_g_per_cm3": {"mean": 1.3}, "zn_n_coordination": {"mean": 3.9}, "n_zn_n_angle_deg": {"mean": 109.0, "std": 8.0},
    "rings_per_cell": {"8": {"mean": 1.0, "std": 0.0}},
}  # fmt: skip


@pytest.fixture
def md_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The MD below a replica is a node without inputs here: what is read of them is given."""
    from aiida_zif.workchains import glass_facts

    monkeypatch.setattr(glass_facts, "unwatched", lambda nodes: ["replica_02"])
    monkeypatch.setattr(glass_facts, "timesteps", lambda node: [1.0, 0.5])
    monkeypatch.setattr(glass_facts, "hazard", lambda nodes: [{"from_k": 1600.0, "to_k": 1700.0, "linker_ns": 2.0, "breaks": 1}])


def replicas_of(found: Any) -> list[Any]:
    return [child for child in found.children if child.process_class is not AnalysisWorkChain]


def test_each_seed_is_a_replica(ensemble: Callable[..., Any], glass: Callable[..., Ending]) -> None:
    """Three seeds, three chains at once, outputs by label; then their structure."""
    found = ensemble([glass(), glass(), glass()])
    names = ["replica_01", "replica_02", "replica_03"]
    assert (found.status, found.labels) == (0, [*names, *(f"analysis_{name}" for name in names)])
    assert [child.inputs["seed"].value for child in replicas_of(found)] == [11, 12, 13]
    assert set(found.outputs["glasses"]) == set(found.outputs["certificates"]) == set(names)
    assert {child.inputs["run"]["first_step"] for child in found.children if child.process_class is AnalysisWorkChain} == {20}


def test_failed_replica_leaves_the_others(ensemble: Callable[..., Any], glass: Callable[..., Ending]) -> None:
    """718 says that one failed; the table what became of each, and over which the mean was taken."""
    found = ensemble([BROKEN, glass("WARNING_NOT_MOLTEN"), glass()])
    assert found.status == 718
    assert "1 of 3 replicas failed (replica_01)" in found.message
    assert set(found.outputs["glasses"]) == {"replica_02", "replica_03"}
    verdicts = found.outputs["verdicts"].get_dict()
    assert [verdicts[label]["exit_status"] for label in sorted(verdicts)] == [530, 710, 0]
    assert "step 7" in verdicts["replica_01"]["message"]
    row = found.outputs["table"]["rows"]["replica"]
    assert (row["asked"], row["solids"], row["glasses"], row["broken"], row["over"]) == (3, 2, 1, 1, "glasses")
    assert row["verdict"].startswith("1 of 3 are glasses; replica_01: [530] Linker 1 broke")
    assert "replica_02: quenched solid, not molten" in row["verdict"]


def test_too_few_replicas_are_a_failure(ensemble: Callable[..., Any], glass: Callable[..., Ending]) -> None:
    """421 with the numbers; what there is is put out all the same."""
    found = ensemble([BROKEN, Ending(status=110), glass()], min_success=Int(2))
    assert found.status == 421
    assert "1 of 3 replicas" in found.message
    assert set(found.outputs["glasses"]) == {"replica_03"}


def test_certificate_says_how_a_glass_was_made(ensemble: Callable[..., Any], inputs: dict[str, Any], glass: Callable[..., Ending]) -> None:
    """Model, seed, schedule as run, time steps used, melt, structure, energy, cost; in the ensemble's group."""
    found = ensemble([glass(energy=7.0)], seeds=List([11]))
    node = found.outputs["certificates"]["replica_01"]
    told = node.get_dict()
    assert (told["kind"], told["linkers_whole"], told["molten_ps"], told["held_ps"]) == ("glass", True, 4.0, 0.01)
    assert told["model"]["uuid"] == str(inputs["potential"].uuid)
    assert told["melt_quench"]["stages"] == STAGES
    assert (told["seed"], told["start"], told["repeats"], told["timesteps_fs"]) == (11, "crystal", [1, 1, 1], [1.0, 0.5])
    assert told["energy_above_crystal_mev_per_atom"]["mean"] == pytest.approx(7.0)
    assert {"core_hours", "gpu_hours", "jobs", "versions"} <= set(told["cost"])
    group = Group.collection.get(label=f"zif/glass_ensemble/{found.node.uuid}")
    assert {node.uuid, found.outputs["glasses"]["replica_01"].uuid, found.outputs["table"].uuid} < {one.uuid for one in group.nodes}


def test_glasses_of_a_model_are_one_query(ensemble: Callable[..., Any], inputs: dict[str, Any], glass: Callable[..., Ending]) -> None:
    """Whole linkers, molten for so long: the call that the documentation shows."""
    ensemble([glass(), glass("WARNING_NOT_MOLTEN")], seeds=List([11, 12]))

    def query(least: float) -> list[Any]:
        filters = {
            "attributes.kind": "glass", "attributes.model.uuid": str(inputs["potential"].uuid), "attributes.linkers_whole": True,
            "attributes.molten_ps": {">=": least},
        }  # fmt: skip
        return QueryBuilder().append(Dict, filters=filters, project="attributes.structure").all(flat=True)

    assert len(query(3.5)) == 1
    assert not query(50.0)


def test_outlier_is_named_and_counted(ensemble: Callable[..., Any], glass: Callable[..., Ending]) -> None:
    """Of five energies one is far off: by the stated rule; it stays in mean and spread."""
    found = ensemble([glass(energy=value) for value in (5.0, 5.2, 4.9, 5.1, 30.0)], seeds=List([1, 2, 3, 4, 5]))
    table = found.outputs["table"].get_dict()
    energy = table["rows"]["replica"]["observables"]["energy_above_crystal_mev_per_atom"]
    assert energy["outliers"] == ["replica_05"]
    assert (energy["n"], energy["mean"]) == (5, pytest.approx(10.04))
    assert energy["error"] == pytest.approx(energy["sd"] / 5**0.5)
    assert any("replica_05 (counted all the same)" in note for note in table["notes"])
    assert any("What broke in replica_02 is not counted" in note for note in table["notes"])
    (bin_of_tmax,) = table["hazard"]
    assert bin_of_tmax["rate_low_per_ns"] < bin_of_tmax["rate_per_ns"] == 0.5 < bin_of_tmax["rate_high_per_ns"]


def test_rows_differ_in_schedule_cell_and_start(
    ensemble: Callable[..., Any], inputs: dict[str, Any], glass: Callable[..., Ending], crystal: Any
) -> None:
    """A table: labels of its own, the common run changed, a supercell, a liquid to start from, its own seeds."""
    liquid = make_supercell(crystal, List([2, 1, 1]))
    rows = [{"tmax_k": 1900, "timestep_fs": 0.25}, {"label": "from_liquid", "repeats": [2, 1, 1], "start": "hot", "seeds": [7]}]
    found = ensemble([glass() for _ in range(3)], rows=List(rows), seeds=List([1, 2]), starts={"hot": liquid})
    assert found.labels[:3] == ["T1900_seed_1", "T1900_seed_2", "from_liquid_seed_7"]
    hot, _, cell = replicas_of(found)
    assert (hot.inputs["run"]["tmax_k"], hot.inputs["run"]["timestep_fs"]) == (1900, 0.25)
    assert cell.inputs["repeats"].get_list() == [2, 1, 1]
    assert cell.inputs["start"].uuid == liquid.uuid
    assert "start" not in hot.inputs
    assert found.outputs["table"]["rows"]["from_liquid"]["settings"]["repeats"] == [2, 1, 1]


def test_so_many_at_a_time(ensemble: Callable[..., Any], glass: Callable[..., Ending]) -> None:
    """All come to their end under a limit, too."""
    assert ensemble([glass(), glass(), glass()], max_concurrent=Int(1)).labels[:3] == ["replica_01", "replica_02", "replica_03"]


def test_options_by_stage_reach_the_replicas(ensemble: Callable[..., Any], glass: Callable[..., Ending]) -> None:
    """Of a mapping by stage they get the part of MD."""
    options = Dict({"md": {"account": "gpu"}, "aimd": {"account": "cpu"}})
    found = ensemble([glass() for _ in range(3)], options=options)
    assert {child.inputs["options"]["account"] for child in replicas_of(found)} == {"gpu"}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"seeds": []}, "each once"), ({"seeds": [1, 1]}, "each once"), ({"seeds": [0]}, "must be 1 or more"),
        ({"rows": []}, "no rows"), ({"rows": [{"tmax": 3}]}, "row 1: the run has no setting tmax"),
        ({"rows": [{"tmax_k": 200}]}, "a melt is hotter"), ({"rows": [{"rate_k_per_ps": 0}]}, "rate_k_per_ps is 0"),
        ({"rows": [{"repeats": [2, 2]}]}, "three whole numbers"), ({"rows": [{"start": "hot"}]}, "no start 'hot'"),
        ({"rows": [{"label": "a b"}]}, "must be a letter"), ({"rows": [{}, {}]}, "come twice"),
        ({"rows": [{"seed": 3}]}, "`seeds`, a list"), ({"rule": {"fewest": 2}}, "at least 3"),
        ({"min_success": 9}, "there are 3 replicas"), ({"rows": [{"ensemble": "nve"}]}, "one of nvt, npt"),
        ({"rows": [{"pressure_gpa": 1}]}, "constant volume"), ({"rows": ["T"]}, "must be a mapping"),
    ],
)  # fmt: skip
def test_bad_tables_are_refused(refusal: Callable[..., str], inputs: dict[str, Any], change: dict[str, Any], sentence: str) -> None:
    """In one sentence, before the first job."""
    assert sentence in refusal(GlassEnsembleWorkChain, **{**inputs, **change})


def test_start_of_other_atoms_is_refused(refusal: Callable[..., str], inputs: dict[str, Any], crystal: Any) -> None:
    """Bonds are followed by the numbers of the atoms: another cell, or another order, would be nonsense."""
    rows = List([{"start": "hot"}])
    assert "136 atoms" not in refusal(GlassEnsembleWorkChain, **inputs, rows=rows, starts={"hot": make_supercell(crystal, List([2, 1, 1]))})
    species, positions, cell = structure_arrays(crystal)
    turned = to_structure(species[::-1], positions[::-1], cell)
    assert "another order" in refusal(GlassEnsembleWorkChain, **inputs, rows=rows, starts={"hot": turned})
    assert isinstance(turned, StructureData)
