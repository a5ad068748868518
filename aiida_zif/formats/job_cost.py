# SPDX-License-Identifier: MIT
"""What a job's shell wrote of host, time and cost: lines ``host``, ``threads``, ``start``, ``end``, and bash's ``times``."""

from __future__ import annotations

import re

_TIMES = re.compile(r"(\d+)m([\d.]+)s (\d+)m([\d.]+)s")


def parse(text: str) -> dict[str, str | float]:
    """Return ``host``, ``threads`` (OMP_NUM_THREADS), ``job_wall_s`` and ``core_s`` (user and system, of all programs of the job).

    ``disk`` is ``full`` where at the end not even a megabyte could be written.
    A job that was killed wrote no end: then only what it had written is returned.
    """
    words = dict(line.split(None, 1) for line in text.splitlines() if line.split(None, 1)[0:1] and len(line.split(None, 1)) == 2)
    facts: dict[str, str | float] = {name: words[name].strip() for name in ("host", "threads", "disk") if name in words}
    if "start" in words and "end" in words:
        facts["job_wall_s"] = round(float(words["end"]) - float(words["start"]), 3)
    times = _TIMES.findall(text)
    if len(times) == 2:
        minutes_user, user, minutes_system, system = map(float, times[1])
        facts["core_s"] = round(60 * (minutes_user + minutes_system) + user + system, 3)
    return facts
