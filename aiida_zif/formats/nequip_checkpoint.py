# SPDX-License-Identifier: MIT
"""How far a checkpoint of nequip-train is, without unpickling it: its opcodes are read, nothing in it is called."""

from __future__ import annotations

import pickletools
import zipfile
import zlib
from pathlib import Path

_DAMAGED = (OSError, EOFError, ValueError, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error)


def epochs_done(path: str | Path) -> int | None:
    """Return the number of whole epochs after which Lightning wrote the checkpoint at ``path``; ``None`` where it is no whole checkpoint.

    What torch writes is a zip whose directory stands at its end, so that a file that was cut is none. Lightning writes the number of
    the epoch, counted from 0, as the first entry of a dictionary.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            name = next((name for name in archive.namelist() if name.endswith("/data.pkl")), "data.pkl")
            key_seen = False
            for opcode, argument, _ in pickletools.genops(archive.read(name)):
                if key_seen and isinstance(argument, int) and "PUT" not in opcode.name:
                    return argument + 1
                key_seen = argument == "epoch" or (key_seen and "PUT" in opcode.name)
    except _DAMAGED:
        return None
    return None
