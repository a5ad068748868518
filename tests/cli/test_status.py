# SPDX-License-Identifier: MIT
"""`aiida-zif status`, `report` and the progress they show."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import Result

from aiida_zif.cli.progress import Job, last_lines, line_of

pytestmark = pytest.mark.usefixtures("aiida_profile_clean")
Call = Callable[..., Result]


def test_newest_chain_that_nobody_called_is_shown(call: Call, make_chain: Any) -> None:
    """A child is newer, but belongs to its caller."""
    make_chain()
    root = make_chain("PipelineWorkChain", None, name="pipeline")
    child = make_chain("EquationOfStateWorkChain", 540, "P(V) gives no physical equation of state: noise", caller=root)
    output = call("status").output
    assert f"PipelineWorkChain<{root.pk}>  running" in output
    assert f"EquationOfStateWorkChain<{child.pk}>" in output
    assert "[540] P(V) gives no physical equation of state: noise" in output
    assert "verdi daemon start" in output


def test_chain_that_failed_says_where_to_read_more(call: Call, make_chain: Any) -> None:
    """Exit code and message, and the next command."""
    node = make_chain(status=530, message="Linker 3 broke")
    output = call("status", node.pk).output
    assert f"EquationOfStateWorkChain<{node.pk}>  [530] Linker 3 broke" in output
    assert f"verdi process report {node.pk}" in output


def test_failure_deep_below_is_shown(call: Call, make_chain: Any) -> None:
    """What ended well below a child is left out, what failed is not."""
    root = make_chain("PipelineWorkChain", None, name="pipeline")
    ensemble = make_chain("GlassEnsembleWorkChain", None, caller=root, name="glass_ensemble")
    make_chain("MeltQuenchWorkChain", 0, caller=ensemble, name="good")
    make_chain("MeltQuenchWorkChain", 530, "Linker 3 broke", caller=ensemble, name="bad")
    output = call("status").output
    assert "child_glass_ensemble/child_bad" in output
    assert "child_good" not in output


def test_profile_without_chains_says_so(refused: Callable[..., str]) -> None:
    """One sentence, and where to begin."""
    assert "nothing was launched in this profile yet" in refused("status")


@pytest.mark.parametrize("command", ["status", "report"])
def test_what_is_no_chain_is_refused(command: str, refused: Callable[..., str], make_trajectory: Any) -> None:
    """The sentence says what it is, or that it is not there."""
    assert "WorkChainNode is needed" in refused(command, make_trajectory().store().pk)
    assert "there is no node '4711'" in refused(command, 4711)


def test_report_needs_a_finished_pipeline(refused: Callable[..., str], make_chain: Any) -> None:
    """Another chain, one at work, one that failed early: a sentence each."""
    assert "is no pipeline" in refused("report", make_chain().pk)
    assert "is still at work" in refused("report", make_chain("PipelineWorkChain", None, name="pipeline").pk)
    assert "[420] aimd failed" in refused("report", make_chain("PipelineWorkChain", 420, "aimd failed", name="pipeline").pk)


def test_report_prints_the_table_and_writes_the_page(call: Call, make_chain: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are made from the same facts; a folder that is not there is refused before."""
    from aiida.common.links import LinkType
    from aiida.orm import Dict

    import aiida_zif.report

    node = make_chain("PipelineWorkChain", 0, name="pipeline")
    verdicts = Dict({"aimd": {}}).store()
    verdicts.base.links.add_incoming(node, LinkType.RETURN, link_label="verdicts")
    rooms = {
        "table": SimpleNamespace(collect=lambda pipeline: {"pk": pipeline.pk}, render=lambda facts: f"table of {facts['pk']}"),
        "page": SimpleNamespace(write=lambda _, facts, path: path.write_text(f"page of {facts['pk']}")),
    }
    for name, room in rooms.items():
        monkeypatch.setitem(sys.modules, f"aiida_zif.report.{name}", room)
        monkeypatch.setattr(aiida_zif.report, name, room, raising=False)
    result = call("report", node.pk, "--output", tmp_path / "mine.html")
    assert f"table of {node.pk}" in result.output
    assert (tmp_path / "mine.html").read_text() == f"page of {node.pk}"
    assert "there is no folder" in call("report", node.pk, "--output", tmp_path / "absent" / "mine.html").output


def test_time_left_is_by_a_job_s_own_pace() -> None:
    """A quarter done in 10 s leaves 30 s; before anything is done nothing is said."""
    job = Job(1, "aimd", "a", 25, 100, "steps", time.time() - 10)
    assert job.seconds_left == pytest.approx(30, abs=1)
    assert Job(1, "aimd", "a", 0, 100, "steps", time.time()).seconds_left is None


def test_line_adds_up_the_jobs_of_a_stage() -> None:
    """Steps done of asked over all of them, and the slowest's time left."""
    jobs = [Job(k, "aimd", "a", 25 * k, 100, "steps", time.time() - 10) for k in (1, 2)]
    line = line_of([*jobs, Job(3, "train", "b", None, None, "epochs", time.time())], 75)
    assert line.startswith("[  1:15] aimd ×2 75/200 steps · train ×1 · 30 s left")
    assert "between two stages" in line_of([], 0)


def test_line_being_written_is_left_out(tmp_path: Path) -> None:
    """Only whole lines of a growing file are read."""
    path = tmp_path / "log"
    path.write_text("1 one\n2 two\n3 th")
    assert last_lines(path) == ["1 one", "2 two"]
