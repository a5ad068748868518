# SPDX-License-Identifier: MIT
"""The whole way in a few minutes by the real programs: CP2K, nequip, LAMMPS; numbers too short to mean anything, every room walked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SHORT: dict[str, Any] = {
    "aimd": {
        "run": {"steps": 30, "equilibration_steps": 6, "restart_every": 10},
        "state_points": [{"temperature_k": 300, "volume": 1.0}, {"temperature_k": 700, "volume": 1.04}],
        "min_state_points": 2,
        "temperature_tolerance": 0.7,
    },
    "dataset": {"n_train": 24, "n_validation": 4, "held_out_fraction": 0.1, "gap": 2},
    "train": {
        "max_relative_force_mae": 100.0,
        "runs": {
            "nequip": {"epochs": 8, "features": 8, "batch": 2, "ema_decay": 0.5, "learning_rate": 0.02},
            "allegro": {"epochs": 4, "features": 8, "batch": 4, "ema_decay": 0.5},
        },
    },
    "active_learning": {
        "run": {"temperature_k": 350, "picoseconds": 0.01, "skip_ps": 0.0001, "min_temperature_share": 0.01, "dump_fs": 1},
        "seeds": [1], "max_rounds": 0,
    },
    "md": {"repeats": [1, 1, 1], "run": {"timestep_fs": 0.25, "dump_fs": 2, "thermo_fs": 0.5}},
    "melt_quench": {
        "replicas": 1,
        "run": {
            "tmax_k": 350, "rate_k_per_ps": 5000, "prepare_ps": 0.005, "plateau_ps": 0.01, "equilibrate_ps": 0.005, "production_ps": 0.01,
            "max_plateau_extensions": 1,
        },
    },
    "eos": {"deform_ps": 0.005, "equilibrate_ps": 0.0025, "production_ps": 0.01},
    "strain_fluctuation": {"equilibrate_ps": 0.005, "production_ps": 0.01, "cells_fs": 1},
}  # fmt: skip


@pytest.fixture(scope="module")
def codes(tmp_path_factory: pytest.TempPathFactory, aiida_profile: Any) -> dict[str, Any]:
    """The programs of this machine; the test is skipped where one is missing."""
    from aiida_zif.cli import profile

    missing = [names[0] for role, (names, _) in profile.PROGRAMS.items() if profile.find_program(role) is None]
    if missing:
        pytest.skip(f"the whole way needs {', '.join(missing)} beside this Python or on the PATH")
    return profile.make_codes(profile.make_computer(tmp_path_factory.mktemp("work")))


@pytest.fixture(scope="module")
def pipeline(codes: dict[str, Any]) -> Any:
    """The pipeline, run in the foreground: its jobs run side by side all the same."""
    from importlib import resources

    from aiida.manage import get_manager
    from aiida.orm import Int

    from aiida_zif.calculations.functions.structure import read_structure
    from aiida_zif.data.trajectory import ZifTrajectoryData
    from aiida_zif.formats import extxyz
    from aiida_zif.workchains.pipeline import PipelineWorkChain

    structures = resources.files("aiida_zif") / "structures"
    harvested: Any = extxyz.read(str(structures / "dia-zn-im-2-harvested.xyz"))
    inputs = {
        "structure": read_structure(str(structures / "dia-zn-im-2.xyz")), "seed": Int(1),
        "harvested": ZifTrajectoryData.from_frames(harvested.select(slice(0, 5)), kind="harvested"),
    }  # fmt: skip
    builder = PipelineWorkChain.get_builder_from_protocol(codes, "smoke", SHORT, **inputs)
    # the runner of a test profile looks for the end of a child without a pause, and would take a whole core for it
    runner = get_manager().create_runner(poll_interval=0.5)
    _, node = runner.run_get_node(builder)
    return node


def reports(node: Any) -> str:
    """Return what the pipeline and all that it called reported and how they ended."""
    from aiida.orm import Log

    lines = [log.message for one in (node, *node.called_descendants) for log in Log.collection.get_logs_for(one)]
    ends = [f"{one.process_label}<{one.pk}> [{one.exit_status}] {one.exit_message}" for one in node.called_descendants]
    return "\n".join([*lines, *ends])


@pytest.mark.timeout(1500)
def test_pipeline_ends_well(pipeline: Any) -> None:
    """[0], and every job on the way is [0]."""
    from aiida.orm import CalcJobNode

    assert pipeline.exit_status == 0, reports(pipeline)
    jobs = [node for node in pipeline.called_descendants if isinstance(node, CalcJobNode)]
    labels = {node.process_label for node in jobs}
    assert labels == {
        "Cp2kAimdCalculation", "Cp2kLabelCalculation", "NequipTrainCalculation", "NequipCompileCalculation", "NequipEvaluateCalculation",
        "LammpsMdCalculation", "ZifFramesCalculation",
    }  # fmt: skip
    assert not [f"{node.process_label}<{node.pk}> {node.exit_message}" for node in jobs if node.exit_status != 0]


def test_what_did_not_melt_is_called_so(pipeline: Any) -> None:
    """A solid held at 350 K for 20 fs is no glass, and 10 fs of cells give no elastic constants."""
    verdicts = pipeline.outputs.verdicts.get_dict()
    assert verdicts["replica_01"]["exit_status"] == 710
    assert verdicts["strain_fluctuation_replica_01"]["exit_status"] == 711
    certificate = pipeline.outputs.certificates.replica_01
    assert certificate["kind"] == "quenched solid, not molten"
    assert certificate["elasticity"]["verdict"] == "not yet"
    assert certificate["density_g_per_cm3"]["mean"] == pytest.approx(1.05, abs=0.2)
    melt = certificate["melt_quench"]
    assert [stage["label"] for stage in melt["stages"]][:4] == ["prepare", "heat", "plateau", "plateau_1"]


def test_provenance_has_no_gap(pipeline: Any) -> None:
    """From the crystal to the certificate, through each trajectory, the dataset, the model, its compiled form and the solid."""
    from aiida.orm import Data, QueryBuilder, StructureData

    certificate = pipeline.outputs.certificates.replica_01
    query = QueryBuilder().append(StructureData, filters={"uuid": pipeline.inputs.structure.uuid}, tag="crystal")
    query.append(Data, with_ancestors="crystal", tag="between", project="uuid")
    query.append(Data, with_ancestors="between", filters={"uuid": certificate.uuid})
    between = set(query.all(flat=True))
    kinds = {node.node_type for node in QueryBuilder().append(Data, filters={"uuid": {"in": sorted(between)}}).all(flat=True)}
    assert {kind.split(".")[-2] for kind in kinds} >= {"ZifTrajectoryData", "ZifDatasetData", "ZifModelData", "StructureData"}
    model = pipeline.outputs.models.nequip
    potential = pipeline.outputs.verdicts["md_model"]["uuid"]
    for node in (pipeline.outputs.dataset, model, pipeline.outputs.glasses.replica_01):
        assert node.uuid in between, node
    assert potential in between
    trajectories = pipeline.outputs.dataset.base.attributes.get("trajectories")
    assert len(trajectories) == 4
    assert len(between & set(trajectories)) == 2, "the state points come from the crystal, the labels from harvested frames"


def test_every_job_says_what_it_cost(pipeline: Any) -> None:
    """Host, wall and core seconds, by every program's own output node."""
    from aiida.orm import CalcJobNode

    for node in pipeline.called_descendants:
        if isinstance(node, CalcJobNode):
            port = node.process_class.spec().default_output_node
            facts = (node.outputs[port] if port else node.outputs.results).get_dict()
            assert facts["host"], node.process_label
            assert facts["core_s"] > 0, node.process_label
            assert facts["job_wall_s"] > 0, node.process_label


def test_archive_gives_the_same_table(pipeline: Any, tmp_path: Path, aiida_config: Any, aiida_profile_factory: Callable[..., Any]) -> None:
    """Imported into a fresh profile in which no code is set up, the nodes give the same table."""
    from aiida.orm import load_node
    from aiida.tools.archive import import_archive

    from aiida_zif.report import archive, table

    before = table.render(table.collect(pipeline))
    uuid = pipeline.uuid
    archive.write(pipeline, tmp_path / "short.aiida")
    with aiida_profile_factory(aiida_config):
        import_archive(tmp_path / "short.aiida")
        after = table.render(table.collect(load_node(uuid)))
    assert after == before
