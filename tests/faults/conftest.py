# SPDX-License-Identifier: MIT
"""Real programs behind a script that does them harm, start by start, as each test says; nothing stands in for what they answer."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

SCRIPT = """\
#!/bin/bash
state={state}
n=$(($(cat $state/starts 2>/dev/null || echo 0) + 1)); echo $n > $state/starts
# wait until a step stands in the table of energies, or CP2K is gone
reached() {{ awk -v s=$1 '/^ /&&$1>=s{{f=1}} END{{exit !f}}' aiida-1.ener 2>/dev/null; }}
# the same for an epoch in the metrics of a training
trained() {{ awk -F, -v e=$1 'NR>1&&$1!=""&&$1>=e{{f=1}} END{{exit !f}}' out/csv/v0/metrics.csv 2>/dev/null; }}
epoch() {{ until trained $1; do kill -0 $pid 2>/dev/null || return; sleep 0.05; done; }}
step() {{ until reached $1; do kill -0 $pid 2>/dev/null || return; sleep 0.1; done; }}
# and for a row of the table of LAMMPS
ran() {{ awk -v s=$1 '/^ *[0-9]+ /&&$1>=s{{f=1}} END{{exit !f}}' log.lammps 2>/dev/null; }}
md() {{ until ran $1; do kill -0 $pid 2>/dev/null || return; sleep 0.02; done; }}
scheduler() {{ echo "$*" >> _scheduler-stderr.txt; }}
[ -f $state/always ] && . $state/always
[ -f $state/before_$n ] && . $state/before_$n
{program} "$@" & pid=$!
[ -f $state/during_$n ] && . $state/during_$n
wait $pid
"""
RUN: dict[str, Any] = {
    "temperature_k": 300.0, "steps": 16, "seed": 5, "thermostat_time_fs": 20.0, "velocity_factor": 2.0, "restart_every": 4,
}  # fmt: skip


class Harm:
    """What is done to a program at each of its starts, counted from 1."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def before(self, start: int, commands: str) -> None:
        """Run shell commands in the job's folder before the program begins."""
        (self.folder / f"before_{start}").write_text(commands + "\n")

    def always(self, commands: str) -> None:
        """Run shell commands before the program begins, at every start."""
        (self.folder / "always").write_text(commands + "\n")

    def during(self, start: int, commands: str) -> None:
        """Run shell commands while it runs.

        ``step N``, ``md N`` and ``epoch N`` wait for a step of CP2K, of LAMMPS, or an epoch, ``$pid`` is its process,
        ``scheduler WORDS`` writes stderr.
        """
        (self.folder / f"during_{start}").write_text(commands + "\n")

    @property
    def starts(self) -> int:
        """How often the program was started."""
        path = self.folder / "starts"
        return int(path.read_text()) if path.exists() else 0

    def wrap(self, program: str) -> Path:
        """Return the script that stands before ``program``."""
        path = self.folder / Path(program).name.partition(".")[0]
        path.write_text(SCRIPT.format(state=self.folder, program=program))
        path.chmod(0o755)
        return path


@pytest.fixture
def make_small_disk(tmp_path: Path) -> Iterator[Callable[[str], Any]]:
    """Return ``make_small_disk(size)``: this machine as a computer whose file system is that small."""
    from aiida.orm import Computer

    folder = tmp_path / "small"
    folder.mkdir()

    def make(size: str) -> Any:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("a small file system cannot be mounted here: no disk can be made full")
        places = {"transport_type": "core.local", "scheduler_type": "core.direct", "workdir": str(folder)}
        computer = Computer(label=f"small-{tmp_path.name}", hostname="localhost", **places).store()
        computer.configure(safe_interval=0)
        computer.set_minimum_job_poll_interval(1)
        return computer

    yield make
    subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=False)


@pytest.fixture(scope="session")
def program() -> str:
    """CP2K; the test is skipped where it is not installed."""
    found = shutil.which("cp2k.psmp")
    if found is None:
        pytest.skip("CP2K is not installed: no failure of it can be made to happen")
    return found


@pytest.fixture
def harm(tmp_path: Path) -> Harm:
    """Nothing is done to a program unless the test says so."""
    folder = tmp_path / "harm"
    folder.mkdir()
    return Harm(folder)


@pytest.fixture
def cp2k(harm: Harm, program: str, aiida_localhost: Any) -> Any:
    """The code: CP2K behind the script."""
    from aiida.orm import InstalledCode

    return InstalledCode(
        label=f"cp2k-{harm.folder.parent.name}"[:50], computer=aiida_localhost, filepath_executable=str(harm.wrap(program)), with_mpi=False,
        default_calc_job_plugin="zif.aimd", prepend_text="export OMP_NUM_THREADS=1",
    ).store()  # fmt: skip


@pytest.fixture
def launch(aiida_localhost: Any) -> Callable[..., Any]:
    """Return ``launch(process class, **inputs)``: the process run in the foreground; its node."""
    from aiida.manage import get_manager

    aiida_localhost.set_minimum_job_poll_interval(1)

    def run(process_class: Any, **inputs: Any) -> Any:
        # the runner of a test profile looks for the end of a child without a pause, and would take a whole core for it
        return get_manager().create_runner(poll_interval=0.5).run_get_node(process_class, **inputs)[1]

    return run


@pytest.fixture
def run(cp2k: Any, crystal: Any, launch: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``run(chain, run=…, **inputs)``: the chain run in the foreground; its node."""
    from aiida.orm import Dict

    def start(chain: Any, run: dict[str, Any] | None = None, **inputs: Any) -> Any:
        given = {"codes": {"cp2k": cp2k}, "structure": crystal, **inputs}
        return launch(chain, **given, **({} if run is None else {"run": Dict(run)}))

    return start


def reports(node: Any) -> str:
    """Return what a chain reported, and how its children ended."""
    from aiida.orm import Log

    lines = [log.message for log in Log.collection.get_logs_for(node)]
    ends = [f"{one.process_label}<{one.pk}> [{one.exit_status}] {one.exit_message}" for one in node.called_descendants]
    return "\n".join([*lines, *ends])


@pytest.fixture(name="reports")
def reports_fixture() -> Callable[[Any], str]:
    """Return ``reports(node)``."""
    return reports
