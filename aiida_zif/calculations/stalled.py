# SPDX-License-Identifier: MIT
"""`zif.stalled`: a monitor that stops a job whose files no longer grow."""

from __future__ import annotations

import time
from typing import Any

from aiida.engine.processes.calcjobs.monitors import CalcJobMonitorResult
from aiida.orm import CalcJobNode, Dict

from aiida_zif.calculations.job import SPACE_TEST
from aiida_zif.formats import scheduler

STATE = "_zif_stalled"
"""The extra of the job's node in which the monitor remembers what it saw: it outlives the daemon."""
POLLS = 5
"""Looks at the folder in the time after which a job counts as hanging."""
DEPTH = 3
"""Folders within folders that are looked into: a training logs into the third."""


def stalled(node: CalcJobNode, transport: Any, minutes: float) -> CalcJobMonitorResult | None:
    """Return a result that stops the job if the files in and below its folder have had the same sizes for ``minutes``.

    A job that has not begun to write is left alone. The sizes seen and the time since when stand in an extra of the node, so that no two
    clocks are compared. What is there is retrieved and parsed, and the exit status is AiiDA's own for a job stopped by a monitor, 150. The
    message says where the disk is full.
    """
    folder = node.get_remote_workdir()
    begun, total = _look(transport, str(folder), DEPTH)
    if node.get_option("output_filename") not in begun:
        return None
    now = time.time()
    seen = node.base.extras.get(STATE, None)
    if seen is None or seen["bytes"] != total:
        node.base.extras.set(STATE, {"bytes": total, "since": now})
        return None
    if now - seen["since"] < 60 * minutes:
        return None
    message = f"no file has grown for {(now - seen['since']) / 60:.1f} minutes"
    full, _, _ = transport.exec_command_wait(SPACE_TEST, workdir=folder)
    return CalcJobMonitorResult(message=f"{message}: {scheduler.DISK_FULL}" if full else message)


def _look(transport: Any, folder: str, depth: int) -> tuple[set[str], int]:
    """Return the names of the files in a folder, and the bytes of all in it and below."""
    entries = transport.listdir_withattributes(folder)
    total = sum(entry["attributes"].st_size for entry in entries if not entry["isdir"])
    if depth:
        total += sum(_look(transport, f"{folder}/{entry['name']}", depth - 1)[1] for entry in entries if entry["isdir"])
    return {entry["name"] for entry in entries if not entry["isdir"]}, total


def monitor(minutes: float) -> dict[str, Dict]:
    """Return the ``monitors`` input of a job that is to be stopped when it has written nothing for ``minutes``."""
    interval = max(1, round(60 * minutes / POLLS))
    return {"stalled": Dict({"entry_point": "zif.stalled", "kwargs": {"minutes": minutes}, "minimum_poll_interval": interval})}
