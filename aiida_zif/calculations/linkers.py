# SPDX-License-Identifier: MIT
"""`zif.linkers`: a monitor that follows the linkers of a running MD, and stops it when one has broken."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from aiida.engine.processes.calcjobs.monitors import CalcJobMonitorResult
from aiida.orm import CalcJobNode, Dict

from aiida_zif.calculations.job import structure_arrays
from aiida_zif.calculations.md import DUMP
from aiida_zif.formats import lammps_dump
from aiida_zif.formats.lammps_run import MdRun
from aiida_zif.science import linkers
from aiida_zif.science.units import FS_IN_PS

STATE = "_zif_linkers"
"""The extra of the job's node that remembers how far the dump was read, and which linkers looked broken: it outlives the daemon."""
BROKEN = "a linker broke"
"""How the message of a job begins that this monitor stopped."""
MOST_BYTES = 8_000_000
"""What is read of the dump at a look: a few hundred frames of a cell. Where more was written, the newest count now, all at the end."""
START = "ITEM: TIMESTEP\n"


def watched(node: CalcJobNode, transport: Any, consecutive: int = 2) -> CalcJobMonitorResult | None:
    """Return a result that stops the job if a linker of ``node.inputs.reference`` is broken in ``consecutive`` frames in a row.

    Only what the dump has gained since the last look is read; a frame that is being written waits for the next. All frames stay, and the
    chain judges them as it does those of a run that ended by itself. Of a dump that cannot be followed nothing is said here.
    """
    folder, seen = node.get_remote_workdir(), node.base.extras.get(STATE, {"offset": 0, "streaks": {}})
    offset, streaks = seen["offset"], seen["streaks"]
    size_of = f"wc -c < {DUMP}"
    code, size, _ = transport.exec_command_wait(size_of, workdir=folder)
    if code or int(size) <= offset:
        return None
    if int(size) - offset > MOST_BYTES:
        offset, streaks = int(size) - MOST_BYTES, {}
    code, text, _ = transport.exec_command_wait(f"tail -c +{offset + 1} {DUMP} | head -c {MOST_BYTES}", workdir=folder)
    begin, end = text.find(START), text.rfind(START)
    if code or begin < 0 or end <= begin:
        return None  # not yet one frame with another after it
    frames = _frames(text[begin:end], node)
    topology = linkers.perceive(*structure_arrays(node.inputs.reference))
    for k in range(len(frames)):
        found = linkers.check(topology, frames.positions[k], frames.cells[k])
        step = int(frames.steps[k])
        streaks = {
            str(number): streaks.get(str(number), {"step": step, "reason": reason, "frames": 0})
            for number, reason in zip(found.broken, found.reasons, strict=True)
        }
        for number, streak in sorted(streaks.items(), key=lambda item: int(item[0])):
            streak["frames"] += 1
            if streak["frames"] >= consecutive:
                words = f"{BROKEN}: linker {number} ({streak['reason']}) at step {streak['step']}"
                return CalcJobMonitorResult(message=words)
    node.base.extras.set(STATE, {"offset": offset + end, "streaks": streaks})
    return None


def _frames(text: str, node: CalcJobNode) -> Any:
    """Return the whole frames of a piece of the dump."""
    run = MdRun.from_dict(node.inputs.run.get_dict())
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / DUMP
        path.write_text(text)
        return lammps_dump.read(path, node.inputs.potential.type_names, run.timestep_fs * FS_IN_PS)


def monitor(consecutive: int, seconds: float) -> dict[str, Dict]:
    """Return the ``monitors`` input of a job whose linkers are looked at every ``seconds``, or less often."""
    kwargs = {"consecutive": consecutive}
    return {"linkers": Dict({"entry_point": "zif.linkers", "kwargs": kwargs, "minimum_poll_interval": max(1, round(seconds))})}
