# SPDX-License-Identifier: MIT
"""The archive of a pipeline: its group, and all that its nodes came from."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aiida.orm import Group, ProcessNode, QueryBuilder

GROUP = "zif/pipeline"
"""How the label of a pipeline's group begins; the uuid of the pipeline follows."""


def group_of(pipeline: ProcessNode) -> Group | None:
    """Return the group of ``pipeline``, or ``None`` where it ended before it made one."""
    return QueryBuilder().append(Group, filters={"label": f"{GROUP}/{pipeline.uuid}"}).first(flat=True)


def write(pipeline: ProcessNode, path: str | Path) -> Path:
    """Write ``pipeline`` with its group, its inputs and all that it called to the archive ``path``, which is replaced; return ``path``.

    Its own log goes along, that `verdi process report` may show it. Raises ``ValueError`` while the pipeline runs: an archive cannot
    hold a process that may still change.
    """
    if not pipeline.is_terminated:
        raise ValueError(f"the pipeline {pipeline.uuid} is still at work; write its archive when it has ended")
    from aiida.tools.archive import create_archive

    group = group_of(pipeline)
    with _quiet():
        create_archive([pipeline] if group is None else [group, pipeline], filename=path, overwrite=True, include_authinfos=False)
    return Path(path)


@contextmanager
def _quiet() -> Iterator[None]:
    """Let the export report nothing but warnings."""
    logger = logging.getLogger("aiida.export")
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)
