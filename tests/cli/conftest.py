# SPDX-License-Identifier: MIT
"""The command called in this process, and the codes that `aiida-zif setup` would make."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result


@pytest.fixture
def call(aiida_profile: Any) -> Callable[..., Result]:
    """Return ``call(*arguments)``: the command in a test profile. What is not a sentence, a traceback, fails the test."""
    from aiida_zif.cli.main import cli

    def invoke(*arguments: Any) -> Result:
        result = CliRunner().invoke(cli, [str(argument) for argument in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


@pytest.fixture
def refused(call: Callable[..., Result]) -> Callable[..., str]:
    """Return ``refused(*arguments)``: the one line with which the command refuses them."""

    def invoke(*arguments: Any) -> str:
        result = call(*arguments)
        assert result.exit_code != 0, result.output
        lines = result.output.strip().splitlines()
        assert lines[-1].startswith("Error: ")
        assert "Traceback" not in result.output
        return lines[-1]

    return invoke


@pytest.fixture
def codes(aiida_localhost: Any) -> dict[str, Any]:
    """A code per role, labelled as `aiida-zif setup` does, none of which does anything."""
    from aiida.common.exceptions import NotExistent
    from aiida.orm import InstalledCode, load_code

    from aiida_zif.cli.codes import label_of
    from aiida_zif.cli.profile import PROGRAMS

    def code(label: str) -> Any:
        try:
            return load_code(f"{label}@{aiida_localhost.label}")
        except NotExistent:
            return InstalledCode(label=label, computer=aiida_localhost, filepath_executable="/bin/true").store()

    return {role: code(label_of(names[0])) for role, (names, _) in PROGRAMS.items()}


@pytest.fixture
def no_cp2k(codes: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile without a code for CP2K."""
    monkeypatch.setattr("aiida_zif.cli.codes.find", lambda: {role: code for role, code in codes.items() if role != "cp2k"})


@pytest.fixture
def stored() -> Callable[[], int]:
    """Return a function that counts the nodes."""
    from aiida.orm import Node, QueryBuilder

    return lambda: QueryBuilder().append(Node).count()


@pytest.fixture
def make_chain(aiida_profile: Any) -> Callable[..., Any]:
    """Return ``make_chain(label, status, message, caller)``: a stored work chain node that says that it ended, or runs."""
    from aiida.common.links import LinkType
    from aiida.engine import ProcessState
    from aiida.orm import WorkChainNode

    def make(
        label: str = "EquationOfStateWorkChain", status: int | None = 0, message: str = "", caller: Any = None, name: str = "eos"
    ) -> Any:
        node = WorkChainNode(process_type=f"aiida.workflows:zif.{name}")
        node.set_process_label(label)
        node.set_process_state(ProcessState.RUNNING if status is None else ProcessState.FINISHED)
        if status is not None:
            node.set_exit_status(status)
            node.set_exit_message(message)
        if caller is not None:
            node.base.links.add_incoming(caller, LinkType.CALL_WORK, link_label=f"child_{name}")
        return node.store()

    return make
