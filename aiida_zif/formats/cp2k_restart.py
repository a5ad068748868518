# SPDX-License-Identifier: MIT
"""Is a CP2K restart file whole, and which step does it hold? A cut one makes CP2K abort, an old one repeats steps."""

from __future__ import annotations

import re
from pathlib import Path

_STEP = re.compile(r"^\s*STEP_START_VAL\s+(\d+)\s*$", re.MULTILINE)


def restart_step(path: Path) -> int | None:
    """Return the MD step that the file holds, or ``None`` unless it is a whole restart file of an MD.

    CP2K writes every section with its end, positions and velocities among them, so a file is whole if all sections that
    it opens are closed in order, nothing is left open, and the last line ends.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    if not text.endswith("\n"):
        return None
    opened: list[str] = []
    closed: set[str] = set()
    for line in text.splitlines():
        words = line.split()
        if not words or not words[0].startswith("&"):
            continue
        if words[0].upper() != "&END":
            opened.append(words[0][1:].upper())
        elif not opened or len(words) != 2 or opened.pop() != words[1].upper():
            return None
        else:
            closed.add(words[1].upper())
    if opened or not {"MOTION", "FORCE_EVAL", "COORD", "VELOCITY"} <= closed:
        return None
    step = _STEP.search(text)
    return int(step[1]) if step else None
