# SPDX-License-Identifier: MIT
"""A profile, a computer and codes, made in one Python process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click

PROGRAMS: dict[str, tuple[tuple[str, ...], str]] = {
    "cp2k": (("cp2k.psmp", "cp2k.ssmp", "cp2k.popt", "cp2k"), "zif.aimd"),
    "train": (("nequip-train",), "zif.train"),
    "package": (("nequip-package",), "zif.train"),
    "compile": (("nequip-compile",), "zif.compile"),
    "mliap": (("nequip-prepare-lmp-mliap",), "zif.compile"),
    "check": (("zif-check",), "zif.compile"),
    "evaluate": (("zif-evaluate",), "zif.evaluate"),
    "disagree": (("zif-disagree",), "zif.disagree"),
    "lammps": (("zif-lmp",), "zif.md"),
    "frames": (("zif-frames",), "zif.frames"),
    "collect": (("zif-collect",), "zif.collect"),
    "analysis": (("zif-analysis",), "zif.analysis"),
}
"""By role: the names of the program, the first that is found counts, and the plugin that runs it by default."""

COMPUTER = "zif-local"
ENVIRONMENT = """\
export OMP_NUM_THREADS=1
export MALLOC_TRIM_THRESHOLD_=1000000000 MALLOC_MMAP_THRESHOLD_=1000000000 MALLOC_TOP_PAD_=67108864
"""
"""Two threads on a busy core are slower than one; and a model's large, short-lived arrays should not go back to the kernel each step."""


def load(name: str | None = None) -> Any:
    """Load a profile, the default one if no name is given; a sentence instead of a traceback where there is none."""
    from aiida.common.exceptions import ConfigurationError, ProfileConfigurationError
    from aiida.manage.configuration import load_profile

    try:
        return load_profile(name)
    except (ConfigurationError, ProfileConfigurationError) as problem:
        raise click.ClickException(f"there is no AiiDA profile to work in ({problem}); make one: `verdi presto --use-zeromq`") from problem


def make_profile(name: str, folder: Path) -> Any:
    """Return the profile ``name`` of the AiiDA folder ``folder`` (SQLite, ZeroMQ broker), made if it is not there, and load it."""
    os.environ["AIIDA_PATH"] = str(folder)
    # the daemon starts `verdi`, which stands beside this Python even where no environment was activated; AiiDA looks once, at import
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    (folder / ".aiida").mkdir(parents=True, exist_ok=True)  # AiiDA warns where it has to make it
    from aiida.manage.configuration import create_profile, get_config, load_profile
    from aiida.manage.configuration.settings import AiiDAConfigDir
    from aiida.plugins import BrokerFactory

    AiiDAConfigDir.set(folder / ".aiida")
    config = get_config(create=True)
    if name not in config.profile_names:
        broker = BrokerFactory("core.zeromq").get_default_config()
        create_profile(
            config, name=name, email="demo@localhost", storage_backend="core.sqlite_dos", storage_config={},
            broker_backend="core.zeromq", broker_config=broker,
        )  # fmt: skip
        for option, value in (("runner.poll.interval", 1), ("daemon.timeout", 20), ("warnings.development_version", False)):
            config.set_option(option, value, scope=name)
        config.set_default_profile(name, overwrite=True)
        config.store()
    return load_profile(name, allow_switch=True)


def make_computer(workdir: Path, label: str = COMPUTER) -> Any:
    """Return the computer ``label``; where there is none, this machine is made one."""
    from aiida.common.exceptions import NotExistent
    from aiida.orm import Computer

    try:
        return Computer.collection.get(label=label)
    except NotExistent:
        pass
    computer = Computer(
        label=label, hostname="localhost", description="This machine.", transport_type="core.local", scheduler_type="core.direct",
        workdir=str(workdir),
    ).store()  # fmt: skip
    computer.configure(safe_interval=0)
    computer.set_minimum_job_poll_interval(1)
    computer.set_default_mpiprocs_per_machine(1)
    return computer


def find_program(role: str) -> str | None:
    """Return the path of the program of a role: beside this Python, else on the PATH."""
    for name in PROGRAMS[role][0]:
        beside = Path(sys.executable).parent / name
        if beside.exists():
            return str(beside)
        if found := shutil.which(name):
            return found
    return None


def make_codes(computer: Any) -> dict[str, Any]:
    """Return a code per role for the programs found on this machine; a role whose program is missing is absent."""
    from aiida.common.exceptions import NotExistent
    from aiida.orm import InstalledCode, load_code

    codes = {}
    for role in PROGRAMS:
        path = find_program(role)
        if path is None:
            continue
        label = Path(path).name.replace(".", "-")
        try:
            code = load_code(f"{label}@{computer.label}")
            if str(code.filepath_executable) == path:
                codes[role] = code
                continue
            code.label = f"{label}-old-{code.pk}"
        except NotExistent:
            pass
        codes[role] = InstalledCode(
            label=label, computer=computer, filepath_executable=path, default_calc_job_plugin=PROGRAMS[role][1], with_mpi=False,
            prepend_text=ENVIRONMENT, description=f"{Path(path).name}, found by aiida-zif",
        ).store()  # fmt: skip
    return codes


def start_daemon(workers: int = 2) -> None:
    """Start the daemon if it is not running; what it, or its broker, left behind when it was killed is taken up again."""
    from aiida.engine.daemon.client import DaemonException, get_daemon_client
    from aiida.orm import ProcessNode, QueryBuilder

    client = get_daemon_client()
    try:
        client.get_status(timeout=10)
    except DaemonException:
        # One that was killed leaves a PID file, which counts as a running daemon; stopping it removes the file
        unfinished = {"attributes.process_state": {"in": ["created", "running", "waiting"]}}
        commands = (
            [["daemon", "stop"], ["process", "repair", "--force"]] if QueryBuilder().append(ProcessNode, filters=unfinished).count() else []
        )
        for command in commands:
            verdi = [str(Path(sys.executable).parent / "verdi"), "-p", client.profile.name, *command]
            subprocess.run(verdi, capture_output=True, timeout=120, check=False)
        client.start_daemon(number_workers=workers, timeout=60)


def stop_daemon() -> None:
    """Stop the daemon if it is running: nothing of ours stays behind."""
    from aiida.engine.daemon.client import get_daemon_client

    client = get_daemon_client()
    if client.is_daemon_running:
        client.stop_daemon(wait=True, timeout=60)
