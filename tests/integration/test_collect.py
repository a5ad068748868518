# SPDX-License-Identifier: MIT
"""A run of the real CP2K, killed in the middle: what it left is collected by the real program where it lies."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

STEPS = 400


@pytest.fixture(scope="module")
def codes(tmp_path_factory: pytest.TempPathFactory, aiida_profile: Any) -> dict[str, Any]:
    """CP2K and zif-collect of this machine; the test is skipped where one is missing."""
    from aiida_zif.cli import profile

    if missing := [role for role in ("cp2k", "collect") if profile.find_program(role) is None]:
        pytest.skip(f"the programs for {', '.join(missing)} are neither beside this Python nor on the PATH")
    return profile.make_codes(profile.make_computer(tmp_path_factory.mktemp("work")))


def test_killed_job_is_collected(codes: dict[str, Any], crystal: Any, tmp_path: Path) -> None:
    """kill -9 after three steps or more, seen from outside only: every whole frame comes home, and the verdict says how far it came."""
    from aiida.common.folders import SandboxFolder
    from aiida.engine import run_get_node
    from aiida.engine.utils import instantiate_process
    from aiida.manage import get_manager
    from aiida.orm import RemoteData

    from aiida_zif.calculations.aimd import Cp2kAimdCalculation
    from aiida_zif.calculations.collect import Cp2kCollectCalculation
    from aiida_zif.formats import cp2k_output, h5md

    run = {"temperature_k": 300.0, "steps": STEPS, "seed": 1}
    inputs = {"code": codes["cp2k"], "structure": crystal, "run": run}
    process = instantiate_process(get_manager().get_runner(), Cp2kAimdCalculation, **inputs)
    with SandboxFolder() as folder:
        process.prepare_for_submission(folder)
        for path in Path(folder.abspath).iterdir():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    positions = tmp_path / "aiida-pos-1.xyz"
    with (tmp_path / "aiida.out").open("wb") as log:
        command = [str(codes["cp2k"].filepath_executable), "-i", "aiida.inp"]
        program = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log, start_new_session=True)
        try:
            while not positions.exists() or positions.read_bytes().count(b" i = ") < 4:
                assert program.poll() is None, (tmp_path / "aiida.out").read_text()[-2000:]
                time.sleep(0.2)
        finally:
            os.kill(program.pid, signal.SIGKILL)
            program.wait()

    outputs, node = run_get_node(
        Cp2kCollectCalculation,
        code=codes["collect"],
        folder=RemoteData(computer=codes["collect"].computer, remote_path=str(tmp_path)),
        run=run,
    )
    last = outputs["output_parameters"]["last_step"]
    assert last >= 2
    assert (node.exit_status, node.exit_message) == (
        410, f"Stopped at step {last} of {STEPS}; what was done is kept, submit again to do the rest.",
    )  # fmt: skip
    expected = cp2k_output.read(tmp_path).frames
    assert outputs["trajectory"].n_frames == len(expected) == last + 1
    assert outputs["trajectory"].content_hash == h5md.content_hash(expected)
    assert {"forces", "velocities", "stresses"} <= set(outputs["trajectory"].base.attributes.get("fields"))
