# SPDX-License-Identifier: MIT
"""`zif.stalled`: a job whose files grow goes on, one that has not begun waits, one that has stopped writing is stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aiida_zif.calculations import stalled


@pytest.fixture
def job(aiida_localhost: Any, tmp_path: Path) -> Any:
    """A job that runs in a folder of this machine."""
    from aiida.orm import CalcJobNode

    node = CalcJobNode(computer=aiida_localhost, process_type="aiida.calculations:zif.aimd")
    node.set_option("output_filename", "aiida.out")
    node.set_option("resources", {"num_machines": 1, "num_mpiprocs_per_machine": 1})
    node.set_remote_workdir(str(tmp_path))
    return node.store()


@pytest.fixture
def look(job: Any, aiida_localhost: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return ``look(seconds)``: what the monitor says at that time."""

    def at(seconds: float) -> Any:
        monkeypatch.setattr(stalled.time, "time", lambda: 1000.0 + seconds)
        with aiida_localhost.get_transport() as transport:
            return stalled.stalled(job, transport, minutes=1.0)

    return at


def test_job_that_has_not_begun_is_left_alone(look: Any) -> None:
    """It waits in the queue, however long."""
    assert look(0) is None
    assert look(1e6) is None


def test_job_that_writes_goes_on(look: Any, tmp_path: Path) -> None:
    """Any of its files counts, not the log alone."""
    (tmp_path / "aiida.out").write_text("begun")
    for minute in range(5):
        (tmp_path / "aiida-pos-1.xyz").write_text("x" * minute)
        assert look(50.0 * minute) is None


def test_job_that_writes_into_folders_goes_on(look: Any, tmp_path: Path) -> None:
    """A training logs three folders below."""
    (tmp_path / "aiida.out").write_text("begun")
    (tmp_path / "out" / "csv" / "v0").mkdir(parents=True)
    for minute in range(3):
        (tmp_path / "out" / "csv" / "v0" / "metrics.csv").write_text("x" * minute)
        assert look(50.0 * minute) is None
    assert look(200.0) is not None


def test_job_that_stopped_writing_is_stopped(look: Any, tmp_path: Path) -> None:
    """After the time given, and what is there is retrieved and parsed."""
    (tmp_path / "aiida.out").write_text("begun")
    assert look(0) is None
    assert look(59) is None
    found = look(61)
    assert "no file has grown for 1.0 minutes" in found.message
    assert found.retrieve
    assert found.parse


def test_full_disk_is_named(look: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CP2K goes on without a word where nothing can be written any more."""
    (tmp_path / "aiida.out").write_text("begun")
    monkeypatch.setattr(stalled, "SPACE_TEST", "false")
    assert look(0) is None
    assert look(61).message.endswith("disk full")


def test_monitor_looks_several_times_within_its_limit() -> None:
    """The port of a job takes it; the entry point exists."""
    from aiida.engine.processes.calcjobs.monitors import CalcJobMonitors

    given = stalled.monitor(30.0)
    assert given["stalled"]["minimum_poll_interval"] == 360
    assert list(CalcJobMonitors(given).monitors) == ["stalled"]
