# SPDX-License-Identifier: MIT
"""`zif.linkers`: a running job is stopped when a linker has broken, by what its dump has gained since the last look."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from aiida.orm import CalcJobNode, Dict
from aiida.plugins import BaseFactory
from aiida.transports.plugins.local import LocalTransport

from aiida_zif.calculations import linkers
from aiida_zif.calculations.job import structure_arrays

RUN = {"stages": [{"kind": "hold", "label": "hold", "steps": 400, "temperature_k": 300.0}]}


class Job:
    """A job that writes a dump frame by frame, and the monitor that looks at it."""

    def __init__(self, folder: Path, crystal: Any, transport: Any) -> None:
        self.species, self.positions, self.cell = structure_arrays(crystal)
        self.names = ["C", "H", "N", "Zn"]
        self.dump, self.transport = folder / "trajectory.dump", transport
        extras = CalcJobNode().base.extras
        inputs = SimpleNamespace(reference=crystal, run=Dict(RUN), potential=SimpleNamespace(type_names=self.names))
        self.node = SimpleNamespace(get_remote_workdir=lambda: str(folder), inputs=inputs, base=SimpleNamespace(extras=extras))

    def frame(self, step: int, torn: int | None = None) -> str:
        """Return a frame of the dump, in which the hydrogen number ``torn`` left."""
        positions = self.positions.copy()
        if torn is not None:
            positions[[k for k, name in enumerate(self.species) if name == "H"][torn]] += (1.5, 1.5, 1.5)
        low = np.zeros(3)
        a, b, c = self.cell
        lengths = (a[0], b[1], c[2])
        tilts = (b[0], c[0], c[1])
        low_x, high_x = min(0, tilts[0], tilts[1], tilts[0] + tilts[1]), max(0, tilts[0], tilts[1], tilts[0] + tilts[1])
        bounds = [(low[0] + low_x, lengths[0] + high_x, tilts[0]), (min(0, tilts[2]), lengths[1] + max(0, tilts[2]), tilts[1]),
                  (0.0, lengths[2], tilts[2])]  # fmt: skip
        lines = ["ITEM: TIMESTEP", str(step), "ITEM: NUMBER OF ATOMS", str(len(positions)), "ITEM: BOX BOUNDS xy xz yz pp pp pp"]
        lines += [" ".join(f"{value:.10f}" for value in row) for row in bounds]
        lines += ["ITEM: ATOMS id type xu yu zu"]
        for k, (name, place) in enumerate(zip(self.species, positions, strict=True)):
            lines.append(f"{k + 1} {self.names.index(name) + 1} " + " ".join(f"{value:.8f}" for value in place))
        return "\n".join(lines) + "\n"

    def write(self, text: str) -> None:
        """Append to the dump."""
        with self.dump.open("a") as handle:
            handle.write(text)

    def look(self, consecutive: int = 2) -> Any:
        """Return what the monitor says now."""
        return linkers.watched(self.node, self.transport, consecutive)


@pytest.fixture
def job(crystal: Any, tmp_path: Path) -> Any:
    """A job of the crystal in LAMMPS's own cell."""
    from aiida_zif.calculations.functions.structure import to_structure
    from aiida_zif.formats import lammps_data

    species, positions, cell = structure_arrays(crystal)
    names = ["C", "H", "N", "Zn"]
    read = lammps_data.read(lammps_data.write(species, positions, cell, names, masses=lammps_data.standard_masses(names)), names)
    with LocalTransport() as transport:
        yield Job(tmp_path, to_structure(read.species, read.positions[0], read.cells[0]), transport)


def test_break_that_lasts_stops_the_job(job: Job) -> None:
    """Linker, bond and step are named, and what is there is retrieved and parsed."""
    job.write("".join(job.frame(step) for step in (0, 10, 20)))
    assert job.look() is None
    job.write("".join(job.frame(step, torn=0) for step in (30, 40, 50)))
    found = job.look()
    assert found.message.startswith("a linker broke: linker ")
    assert "C–H bond of" in found.message
    assert found.message.endswith("at step 30")
    assert found.retrieve
    assert found.parse


def test_one_frame_is_a_vibration(job: Job) -> None:
    """Broken, whole, broken is no break, nor are two linkers in turn."""
    job.write(job.frame(0) + job.frame(10, torn=0) + job.frame(20) + job.frame(30, torn=0) + job.frame(40, torn=-1) + job.frame(50))
    assert job.look() is None


def test_break_across_two_looks_is_one(job: Job) -> None:
    """What was seen before is remembered in the node; only what is new is read."""
    job.write(job.frame(0) + job.frame(10, torn=0) + job.frame(20, torn=0))
    assert job.look() is None, "the frame of step 20 may still be being written"
    seen = job.node.base.extras.get(linkers.STATE)
    assert seen["offset"] == len((job.frame(0) + job.frame(10, torn=0)).encode())
    job.write(job.frame(30, torn=0))
    assert job.look().message.endswith("at step 10")


def test_dump_cut_anywhere_is_waited_for(job: Job) -> None:
    """The tail of a frame that is being written says nothing, wherever it ends, and is read once it is whole."""
    job.write(job.frame(0))
    last, written = job.frame(10, torn=0), 0
    for cut in range(0, len(last), 397):
        job.write(last[written:cut])
        written = cut
        assert job.look() is None
    job.write(last[written:] + job.frame(20, torn=0) + job.frame(30))
    assert job.look().message.endswith("at step 10")


def test_job_without_a_dump_is_left_alone(job: Job) -> None:
    """It minimises, or has not begun."""
    assert job.look() is None


def test_long_gap_is_looked_at_from_its_end(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than some MB at a look: the newest count now, and a break lasts."""
    monkeypatch.setattr(linkers, "MOST_BYTES", 4 * len(job.frame(0)))
    job.write("".join(job.frame(10 * k, torn=0 if k > 10 else None) for k in range(20)))
    assert int(job.look().message.split()[-1]) >= 160


def test_port_of_a_job_takes_it() -> None:
    """The entry point exists; the interval is whole seconds."""
    from aiida.engine.processes.calcjobs.monitors import CalcJobMonitors

    given: Callable[..., Any] = linkers.monitor
    assert list(CalcJobMonitors(given(2, 7.4)).monitors) == ["linkers"]
    assert given(2, 7.4)["linkers"]["minimum_poll_interval"] == 7
    assert BaseFactory("aiida.calculations.monitors", "zif.linkers") is linkers.watched
