# SPDX-License-Identifier: MIT
"""A job prepared in a sandbox instead of being submitted, and golden files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

GOLDEN = Path(__file__).parent / "data"


@dataclass
class Prepared:
    """What a job would submit."""

    process: Any
    calcinfo: Any
    folder: Path

    @property
    def files(self) -> dict[str, str]:
        """The text of every file written, by name."""
        return {path.name: path.read_text() for path in sorted(self.folder.iterdir())}

    @property
    def edges(self) -> set[str]:
        """The labels of the links into the job's node: what the graph knows it was made from."""
        return {link.link_label for link in self.process.node.base.links.get_incoming().all()}


@pytest.fixture
def prepare(codes: dict[str, Any]) -> Iterator[Callable[..., Prepared]]:
    """Return ``prepare(process class, **inputs)``: inputs validated, node stored, files written, nothing run."""
    from aiida.common.folders import SandboxFolder
    from aiida.engine.utils import instantiate_process
    from aiida.manage import get_manager

    with ExitStack() as stack:

        def make(process_class: Any, **inputs: Any) -> Prepared:
            process = instantiate_process(get_manager().get_runner(), process_class, **inputs)
            folder = stack.enter_context(SandboxFolder())
            calcinfo = process.prepare_for_submission(folder)
            return Prepared(process, calcinfo, Path(folder.abspath))

        yield make


@pytest.fixture
def refusal() -> Callable[..., str]:
    """Return ``refusal(process class, **inputs)``: the sentence with which the inputs are refused before anything is stored."""

    def refuse(process_class: Any, **inputs: Any) -> str:
        from aiida.engine.utils import instantiate_process
        from aiida.manage import get_manager

        with pytest.raises(ValueError, match=r"\S+") as caught:
            instantiate_process(get_manager().get_runner(), process_class, **inputs)
        sentence = str(caught.value)
        assert "Traceback" not in sentence
        return sentence

    return refuse


def golden(name: str, text: str) -> None:
    """Compare ``text`` with the golden file ``name``; with ZIF_WRITE_GOLDEN set, write it."""
    path = GOLDEN / name
    if os.environ.get("ZIF_WRITE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert text == path.read_text(), f"{name} differs: where that is meant, run again with ZIF_WRITE_GOLDEN=1 and look at the difference"


@pytest.fixture(name="golden")
def golden_fixture() -> Callable[[str, str], None]:
    """Return ``golden(name, text)``."""
    return golden
