# SPDX-License-Identifier: MIT
"""The frames of a dataset, written once on a machine and linked into the jobs that read them."""

from __future__ import annotations

from typing import Any

from aiida.engine import CalcJob
from aiida.orm import RemoteData


class LinkedFrames(CalcJob):
    """A job that reads frames of its input ``dataset`` from the folder ``frames``, where one is given, instead of writing them.

    The folder is a shortcut and no part of what is computed: a job with it and one without answer each other from the cache.
    """

    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.input(
            "frames", valid_type=RemoteData, required=False,
            help="A folder with the dataset's frames on the computer of the code, written once; linked instead of written.",
        )  # fmt: skip
        common = spec.inputs.validator
        spec.inputs.validator = lambda inputs, port: common(inputs, port) or _validate_frames(inputs)

    def linked(self, *names: str) -> list[tuple[str, str, str]]:
        """Return the ``remote_symlink_list`` of the files ``names`` in the folder."""
        there = self.inputs.frames
        return [(there.computer.uuid, f"{there.get_remote_path()}/{name}", name) for name in names]

    def _setup_version_info(self) -> dict[str, Any]:
        """Leave the folder out of the hash, before the node is stored; AiiDA knows no such mark on a port."""
        caching = self.node.base.caching
        caching._hash_ignored_inputs = [*caching._hash_ignored_inputs, "frames"]
        return super()._setup_version_info()


def _validate_frames(inputs: Any) -> str | None:
    """Refuse a folder on another computer than the code's."""
    there, code = inputs.get("frames"), inputs.get("code")
    here = inputs.get("metadata", {}).get("computer") or (None if code is None else code.computer)
    if there is None or here is None or there.computer.uuid == here.uuid:
        return None
    return f"the frames lie on {there.computer.label}, but the job runs on {here.label}: write them there, or leave the folder out"
