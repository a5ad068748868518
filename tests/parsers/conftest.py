# SPDX-License-Identifier: MIT
"""A finished job without a job: its node with inputs, the files it left, and the parser on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

CP2K = Path(__file__).parents[1] / "formats" / "data" / "cp2k"
MD = Path(__file__).parent / "data" / "md"
COST = b"host node7\nthreads 1\nstart 1700000000.5\nend 1700000010.5\n0m0.1s 0m0.0s\n1m2.5s 0m0.5s\n"


@dataclass
class Parsed:
    """What a parser put out, and its verdict."""

    status: int
    message: str
    outputs: dict[str, Any]

    def store(self) -> None:
        """Store all outputs: what cannot be stored, such as a number that is none, would make the job except."""
        for node in self.outputs.values():
            node.store()


@pytest.fixture
def parse(aiida_localhost: Any, tmp_path: Path) -> Callable[..., Parsed]:
    """Return ``parse(entry point, inputs, files, stdout, stderr)``.

    ``files`` are what was retrieved for parsing only, by name. Outputs are checked against the ports of the process.
    """
    from aiida.common.links import LinkType
    from aiida.orm import CalcJobNode, FolderData
    from aiida.plugins import CalculationFactory, ParserFactory

    nodes: dict[str, Any] = {}

    def make(entry_point: str, inputs: Mapping[str, Any]) -> Any:
        node = CalcJobNode(computer=aiida_localhost, process_type=f"aiida.calculations:{entry_point}")
        options = CalculationFactory(entry_point).spec().inputs["metadata"]["options"]
        node.set_option("output_filename", options["output_filename"].default)
        node.set_option("scheduler_stderr", "_scheduler-stderr.txt")
        node.set_option("resources", {"num_machines": 1, "num_mpiprocs_per_machine": 1})
        for label, value in inputs.items():
            node.base.links.add_incoming(value.store(), LinkType.INPUT_CALC, label)
        return node.store()

    def run(
        entry_point: str, inputs: Mapping[str, Any], files: Mapping[str, bytes], stdout: bytes | None = b"", stderr: bytes = b"",
        more: Mapping[str, bytes] | None = None,
    ) -> Parsed:  # fmt: skip
        if entry_point not in nodes:
            nodes[entry_point] = make(entry_point, inputs)
        node = nodes[entry_point]
        folder = tmp_path / "temporary"
        folder.mkdir(exist_ok=True)
        for path in folder.iterdir():
            path.unlink()
        for name, content in {"cost.txt": COST, **files}.items():
            (folder / name).write_bytes(content)
        retrieved = FolderData()
        texts = {"_scheduler-stderr.txt": stderr, **(more or {})}
        if stdout is not None:
            texts[node.get_option("output_filename")] = stdout
        for name, content in texts.items():
            retrieved.base.repository.put_object_from_bytes(content, name)
        parser = type("Parser", (ParserFactory(entry_point),), {"retrieved": property(lambda _: retrieved)})(node)
        code = parser.parse(retrieved_temporary_folder=str(folder))
        ports = node.process_class.spec().outputs
        for name, value in parser.outputs.items():
            assert name in ports, f"there is no output port {name}"
            assert ports[name].valid_type is None or isinstance(value, ports[name].valid_type)
        declared = {one.status for one in node.process_class.spec().exit_codes.values()}
        assert code is not None
        assert code.status in declared | {0}
        return Parsed(code.status, code.message or "", dict(parser.outputs))

    return run


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder, by name."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def cuts(content: bytes, n: int) -> list[bytes]:
    """Return ``content`` cut at ``n`` places spread over its length, most of them in mid-line."""
    return [content[: len(content) * k // n] for k in range(n)]


@pytest.fixture(scope="session")
def cp2k_files() -> dict[str, bytes]:
    """Four steps of CP2K, finished, by the names that they have in a job."""
    return contents(CP2K / "md")


@pytest.fixture(scope="session")
def md_files() -> dict[str, bytes]:
    """Forty steps of LAMMPS, finished, by the names that they have in a job."""
    return contents(MD)


@pytest.fixture(scope="session", name="contents")
def contents_fixture() -> Callable[[Path], dict[str, bytes]]:
    """Return ``contents(folder)``."""
    return contents


@pytest.fixture(scope="session", name="cuts")
def cuts_fixture() -> Callable[[bytes, int], list[bytes]]:
    """Return ``cuts(content, n)``."""
    return cuts
