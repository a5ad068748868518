# SPDX-License-Identifier: MIT
"""A training on two GPUs, as AiiDA itself writes its script for SLURM: one task and one GPU per rank, one process started, no requeue."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aiida_zif.calculations.job import job_options
from aiida_zif.calculations.train import NequipTrainCalculation

OPTIONS = {"gpus": 2, "max_wallclock_seconds": 86400, "queue_name": "gpu", "account": "zif", "max_memory_kb": 1_000_000}
RUN = {"architecture": "allegro", "epochs": 100, "seed": 1, "batch": 4, "device": "gpu", "devices": 2}


@pytest.fixture
def script(aiida_profile: Any, dataset: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The script of a dry run: nothing is submitted, nothing is stored of the job."""
    from aiida.engine import run
    from aiida.orm import Computer, Dict, InstalledCode

    computer = Computer(
        label=f"cluster-{tmp_path.name}", hostname="localhost", transport_type="core.local", scheduler_type="core.slurm",
        workdir=str(tmp_path),
    ).store()  # fmt: skip
    computer.configure(safe_interval=0)
    train, package = (
        InstalledCode(label=name, computer=computer, filepath_executable=f"/opt/nequip/bin/nequip-{name}", with_mpi=False).store()
        for name in ("train", "package")
    )
    monkeypatch.chdir(tmp_path)
    metadata = {"options": job_options(OPTIONS), "dry_run": True, "store_provenance": False}
    run(NequipTrainCalculation, code=train, package_code=package, dataset=dataset.store(), run=Dict(RUN), metadata=metadata)
    (found,) = tmp_path.glob("submit_test/*/_aiidasubmit.sh")
    return found.read_text()


def test_script_is_the_golden_one(script: str, golden: Callable[..., None]) -> None:
    """The whole of it."""
    golden("train_slurm.sh", script)


@pytest.fixture
def slurm(tmp_path: Path) -> Iterator[Path]:
    """A SLURM of one node with two GPUs by its configuration; the test is skipped where SLURM is not installed or not root's to start."""
    if shutil.which("slurmctld") is None or shutil.which("munged") is None or os.geteuid() != 0:
        pytest.skip("needs SLURM and root: apt-get install slurm-wlm munge")
    host = subprocess.run(["hostname", "-s"], capture_output=True, text=True, check=True).stdout.strip()
    for name in ("state", "spool"):
        (tmp_path / name).mkdir()
    (tmp_path / "slurm.conf").write_text(
        f"ClusterName=test\nSlurmctldHost={host}(127.0.0.1)\nSlurmUser=root\nAuthType=auth/munge\nGresTypes=gpu\n"
        f"AuthInfo=socket={tmp_path}/munge.socket\nStateSaveLocation={tmp_path}/state\nSlurmdSpoolDir={tmp_path}/spool\n"
        f"SlurmctldPidFile={tmp_path}/ctld.pid\nSlurmctldPort=16817\nSlurmdPort=16818\nProctrackType=proctrack/linuxproc\n"
        "TaskPlugin=task/none\nJobAcctGatherType=jobacct_gather/none\nSelectType=select/cons_tres\nReturnToService=2\nMpiDefault=none\n"
        f"NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=2000 Gres=gpu:2 State=UNKNOWN\n"
        f"PartitionName=gpu Nodes={host} Default=YES MaxTime=INFINITE State=UP\n"
    )
    (tmp_path / "gres.conf").write_text(f"Name=gpu File={tmp_path}/gpu[0-1]\n")
    for number in (0, 1):
        (tmp_path / f"gpu{number}").touch()
    key = tmp_path / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    tmp_path.chmod(0o755)
    places = [f"--{name}={tmp_path}/munge.{name.partition('-')[0]}" for name in ("socket", "pid-file", "log-file", "seed-file")]
    munged = subprocess.Popen(["munged", "--foreground", "--force", f"--key-file={key}", *places])
    environment = {**os.environ, "SLURM_CONF": str(tmp_path / "slurm.conf")}
    started = [munged]
    try:
        with (tmp_path / "slurm.log").open("w") as log:
            for daemon in ("slurmctld", "slurmd"):
                command = [daemon, "-D", "-c", "-f", str(tmp_path / "slurm.conf")]
                started.append(subprocess.Popen(command, env=environment, stderr=log))
        for _ in range(150):
            said = subprocess.run(["sinfo", "--noheader", "-o", "%T"], env=environment, capture_output=True, text=True, check=False).stdout
            if said.strip() == "idle":
                break
            time.sleep(0.2)
        else:
            pytest.fail((tmp_path / "slurm.log").read_text()[-3000:])
        yield tmp_path / "slurm.conf"
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait(timeout=30)


@pytest.mark.long
def test_real_slurm_accepts_the_script(script: str, slurm: Path, tmp_path: Path) -> None:
    """`sbatch --test-only` finds when and where it would start; with three GPUs asked of a node that has two it does not."""
    accepted, refused = tmp_path / "job.sh", tmp_path / "three.sh"
    accepted.write_text(script)
    refused.write_text(script.replace("--gres=gpu:2", "--gres=gpu:3"))
    environment = {**os.environ, "SLURM_CONF": str(slurm)}

    def sbatch(path: Path) -> Any:
        return subprocess.run(["sbatch", "--test-only", str(path)], env=environment, capture_output=True, text=True, check=False)

    found = sbatch(accepted)
    assert found.returncode == 0, found.stderr
    assert "to start at" in found.stderr
    assert sbatch(refused).returncode != 0
