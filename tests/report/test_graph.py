# SPDX-License-Identifier: MIT
"""From a graph of nodes to facts, page and archive; the nodes are made by hand, by no program."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiida import orm
from aiida.engine import ProcessState

from aiida_zif.report import archive, cost, graph, page, table

Call = Callable[..., Any]


@pytest.fixture(scope="module")
def pipeline(aiida_profile: Any, process: Call, made: Call) -> orm.WorkChainNode:
    """A pipeline whose one replica broke a linker while it was held at Tmax; nothing after that. Made once, and only read."""
    aiida_profile.reset_storage()
    computer = orm.Computer("somewhere", "localhost", transport_type="core.local", scheduler_type="core.direct", workdir="/nowhere").store()
    structure = orm.StructureData(cell=np.diag([8.0, 9.0, 10.0]).tolist())
    structure.append_atom(symbols="Zn", position=(0.0, 0.0, 0.0))
    run = orm.Dict({"method": "gfn1-xtb", "temperature_k": 300.0, "steps": 200, "velocity_factor": 2.0})
    root = process(
        orm.WorkChainNode, "PipelineWorkChain", structure=structure, seed=orm.Int(3), parameters=orm.Dict({}), status=420, message="md"
    )
    aimd = process(orm.WorkChainNode, "AimdWorkChain", "aimd_300K_v100", root, structure=structure, run=run)
    job = process(orm.CalcJobNode, "Cp2kAimdCalculation", "segment_01", aimd, computer=computer, structure=structure, run=run)
    told = {"program": "CP2K", "version": "2023.1", "core_s": 12.5, "job_wall_s": 0.001, "host": "node7"}
    made(job, output_parameters=orm.Dict(told), retrieved=orm.FolderData())
    made(aimd, audit=orm.Dict({"mean_temperature_k": 291.0, "frames_used": 160, "unconverged": 0, "passed": True}))
    ensemble = process(orm.WorkChainNode, "GlassEnsembleWorkChain", "glasses", root, status=421)
    melt = process(
        orm.WorkChainNode, "MeltQuenchWorkChain", "replica_01", ensemble, status=530, message="Linker 4 broke", seed=orm.Int(3001)
    )
    wall = orm.Dict({"pair_style": "buck 3.0", "pair_coeffs": ["H H …"]})
    md = process(orm.WorkChainNode, "MdWorkChain", "melt", melt, status=530, message="Linker 4 broke", wall=wall)
    broken = {"linker": 4, "bond": [1, 2], "frame": 9, "step": 900, "temperature": 1401.0, "reason": "C–N bond of 2.10 Å"}
    watched = process(orm.CalcFunctionNode, "watch_linkers", caller=md)
    linkers = orm.Dict({"n_linkers": 32, "frames": 20, "transients": 1, "breaks": [broken], "whole": False})
    made(watched, result=linkers)
    made(md, linkers=linkers)
    for node in (job, watched, md, melt, ensemble, aimd, root):
        node.seal()
    return root


def test_facts_are_read_from_the_graph(pipeline: orm.WorkChainNode) -> None:
    """State points, verdicts, cost, versions, and each with the uuid of its node."""
    facts = table.collect(pipeline)
    (point,) = facts["aimd"]
    assert (point["asked_temperature_k"], point["mean_temperature_k"], point["volume_factor"]) == (300.0, 291.0, 1.0)
    assert point["uuid_chain"] == str(graph.child(pipeline, "aimd_300K_v100").uuid)  # type: ignore[union-attr]
    assert facts["cost"]["core_s"] == 12.5
    assert facts["versions"] == {"aiida-core": "2.9.4", "aiida-zif": "0.1.0", "CP2K": "2023.1"}
    assert [aid["name"] for aid in facts["aids"]] == ["velocities", "wall"]


def test_broken_replica_is_damaged(pipeline: orm.WorkChainNode) -> None:
    """A replica without a certificate is called by what stopped it, with linker, step and temperature."""
    (glass,) = table.collect(pipeline)["glasses"]
    assert glass["kind"] == "damaged"
    assert [(one["linker"], one["step"], one["temperature"]) for one in glass["linkers"]["breaks"]] == [(4, 900, 1401.0)]
    assert glass["verdict"] == "[530] Linker 4 broke"


def test_stage_of_a_job_is_that_of_its_chain(pipeline: orm.WorkChainNode) -> None:
    """An MD chain says by its caller what it is for."""
    stages = {step.label: step.stage for step in graph.walk(pipeline)}
    assert stages == {
        "pipeline": "pipeline", "aimd_300K_v100": "aimd", "segment_01": "aimd", "glasses": "melt_quench", "replica_01": "melt_quench",
        "melt": "melt_quench", "watch_linkers": "melt_quench",
    }  # fmt: skip


def test_partly_failed_pipeline_has_table_and_page(pipeline: orm.WorkChainNode, tmp_path: Path) -> None:
    """What there is gets shown."""
    facts = table.collect(pipeline)
    page.write(pipeline, facts, tmp_path / "report.html")
    assert "linker 4 broke" in " ".join(table.render(facts).split())
    assert "watch_linkers" in (tmp_path / "report.html").read_text()


def test_archive_of_a_running_pipeline_is_refused(pipeline: orm.WorkChainNode, tmp_path: Path) -> None:
    """An archive holds what has ended."""
    node = orm.WorkChainNode()
    node.set_process_state(ProcessState.RUNNING)
    node.store()
    with pytest.raises(ValueError, match="still at work"):
        archive.write(node, tmp_path / "demo.aiida")
    assert not (tmp_path / "demo.aiida").exists()


def test_archive_without_a_group_holds_the_pipeline(pipeline: orm.WorkChainNode, tmp_path: Path) -> None:
    """A pipeline that failed before it made its group can be shared, too."""
    assert archive.group_of(pipeline) is None
    assert archive.write(pipeline, tmp_path / "demo.aiida").stat().st_size > 0


def test_recorded_trajectories_take_the_place_of_aimd(pipeline: orm.WorkChainNode, process: Call) -> None:
    """Their facts are told, and that they are recorded."""
    from aiida_zif.data.trajectory import ZifTrajectoryData
    from aiida_zif.science.frames import Frames

    cells = np.tile(np.diag([8.0, 9.0, 10.0]), (6, 1, 1))
    frames = Frames(
        ("Zn",),
        np.zeros((6, 1, 3)),
        cells,
        np.zeros(6),
        np.zeros((6, 1, 3)),
        steps=np.arange(6),
        temperatures=np.array([0, 0, 290, 290, 310, 310.0]),
    )
    node = ZifTrajectoryData.from_frames(frames, kind="aimd", recorded=True, asked_temperature_k=300.0, first_used_step=2)
    structure = orm.StructureData(cell=np.diag([8.0, 9.0, 10.0]).tolist())
    structure.append_atom(symbols="Zn", position=(0.0, 0.0, 0.0))
    root = process(orm.WorkChainNode, "PipelineWorkChain", structure=structure, trajectories__cold=node, status=420, message="train")
    facts = table.collect(root)
    (point,) = facts["aimd"]
    assert facts["pipeline"]["recorded"]
    assert (point["recorded"], point["mean_temperature_k"], point["frames_used"]) == (True, 300.0, 4)


def test_covered_time_counts_once() -> None:
    """Jobs side by side do not add up; gaps do not count."""
    assert cost.covered([(0, 10), (2, 5), (8, 12), (20, 21)]) == 13
    assert cost.covered([]) == 0


def test_unfinished_process_says_its_state(pipeline: orm.WorkChainNode) -> None:
    """A process that excepted, and one that has not begun."""
    node = orm.WorkChainNode().store()
    assert graph.verdict(node) == "created"
    node.set_process_state(ProcessState.EXCEPTED)
    node.set_exception("Traceback\nValueError: no")
    assert graph.verdict(node) == "excepted: ValueError: no"


def test_archive_gives_equal_facts_elsewhere(
    pipeline: orm.WorkChainNode, aiida_profile: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table computed from an imported archive is equal, in an emptied profile whose pks differ; writing it says nothing. Comes last."""
    from aiida.tools.archive import import_archive

    uuid, facts = pipeline.uuid, table.collect(pipeline)
    group = orm.Group(label=f"zif/pipeline/{uuid}").store()
    group.add_nodes([pipeline])
    path = archive.write(pipeline, tmp_path / "demo.aiida")
    archive.write(pipeline, path)
    assert capsys.readouterr().out == ""
    aiida_profile.reset_storage()
    for number in range(5):
        orm.Int(number).store()
    import_archive(path)
    there = orm.load_node(uuid)
    assert there.pk != 1
    assert table.collect(there) == facts  # type: ignore[arg-type]
    assert archive.group_of(there) is not None  # type: ignore[arg-type]
