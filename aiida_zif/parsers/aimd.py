# SPDX-License-Identifier: MIT
"""Parser of `zif.aimd`: CP2K's files become one trajectory node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from aiida.engine import ExitCode
from aiida.orm import Dict, SinglefileData
from numpy.typing import NDArray

from aiida_zif import __version__
from aiida_zif.calculations.aimd import RESTART_FILES, asked
from aiida_zif.calculations.job import RESTART
from aiida_zif.calculations.plain import plain
from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.formats import cp2k_files, cp2k_output, cp2k_restart, h5md, scheduler
from aiida_zif.formats.cp2k_run import AimdRun
from aiida_zif.formats.lammps_data import standard_masses
from aiida_zif.parsers.job import ZifParser
from aiida_zif.science.frames import Frames
from aiida_zif.science.units import BOLTZMANN

UNCONVERGED_SHARE_ALLOWED = 0.05
FEW = 3
"""So many unconverged steps of an unfinished run are isolated ones, whatever their share."""
TOO_HOT = 5.0
"""A temperature above so many times the asked one, or the one that velocities were drawn at, is no fluctuation: 34 atoms have 14 %."""
UNKNOWN = -1.0
"""A temperature that CP2K wrote as stars, or not at all."""
TOO_HIGH_EV = 1.0
"""An atom takes up 3/2 kT from the thermostat; a potential energy so much and twice that above its first value is no melt."""
SOUND_BEFORE_BLOW_UP = 10
"""A run has gone wrong some steps before it shows."""
SUDDEN = 2
"""A run that is torn to pieces takes its SCF along at once; wrong forces of an SCF that failed need more steps to tear it."""
SCF_ABORTED = "SCF run NOT converged"
"""With which CP2K from 2024.1 on aborts; before, it warns and goes on."""


def facts_of(facts: cp2k_output.Cp2kFacts, conserved: NDArray[np.float64]) -> dict[str, Any]:
    """Return what a CP2K run says of itself, for a Dict node."""
    names = (
        "version", "host", "ranks", "threads", "wall_s", "run_type", "last_step", "reason_ended", "error", "unconverged_steps",
        "duplicates_dropped", "cut_tail", "problems",
    )  # fmt: skip
    found = {name: plain(getattr(facts, name)) for name in names}
    return plain({"program": "CP2K", **found, "conserved_drift_ev": drift_of(conserved)})


def drift_of(conserved: NDArray[np.float64]) -> float | None:
    """Return by how much the conserved quantity changed, eV; ``None`` where it is not known at both ends."""
    return float(conserved[-1] - conserved[0]) if len(conserved) > 1 and np.isfinite(conserved[[0, -1]]).all() else None


@dataclass
class Series:
    """What is kept of the frames while they pass by on their way into the file: little of each, positions of a few."""

    wanted: frozenset[int]
    """Steps of which the positions are kept."""
    species: tuple[str, ...] = ()
    steps: list[NDArray[np.int64]] = field(default_factory=list)
    energies: list[NDArray[np.float64]] = field(default_factory=list)
    temperatures: list[NDArray[np.float64]] = field(default_factory=list)
    positions: dict[int, NDArray[np.float64]] = field(default_factory=dict)

    def add(self, frames: Frames) -> None:
        """Look at a batch."""
        if frames.steps is None or frames.energies is None:
            return
        self.species = frames.species
        self.steps.append(frames.steps)
        self.energies.append(frames.energies)
        self.temperatures.append(np.full(len(frames), UNKNOWN) if frames.temperatures is None else frames.temperatures)
        for row in np.flatnonzero(np.isin(frames.steps, sorted(self.wanted))):
            self.positions[int(frames.steps[row])] = frames.positions[row].copy()

    def blown_up(self, run: AimdRun, unconverged: Sequence[int] = ()) -> tuple[int, str] | None:
        """Return the first step at which energy or temperature is no number or far too high, and why; ``None`` for a sound run.

        The energy is measured from that of the first frame: a strong thermostat takes the heat of a run that tears itself to pieces.
        That of a step whose SCF did not converge says nothing.
        """
        limit = TOO_HOT * run.temperature_k * max(1.0, run.velocity_factor / 2)
        too_high = len(self.species) * (TOO_HIGH_EV + 3 * BOLTZMANN * run.temperature_k)
        for steps, energies, kelvin in zip(self.steps, self.energies, self.temperatures, strict=True):
            high = ~(energies - self.energies[0][0] < too_high) & ~np.isin(steps, unconverged)
            bad = np.flatnonzero(high | ~(kelvin < limit))
            if len(bad):
                first = bad[0]
                heat = "unknown" if kelvin[first] == UNKNOWN else f"{kelvin[first]:.0f} K"
                return int(steps[first]), f"the temperature is {heat} and the energy {energies[first]:.2f} eV."
        return None


def many_unconverged(found: cp2k_output.Cp2kFacts, run: AimdRun) -> tuple[int, float] | None:
    """Return the first step whose SCF did not converge, and their share, where there are too many of them to be left out."""
    n_frames, bad = found.n_frames, [step for step in found.unconverged_steps if step >= run.first_step]
    if found.reason_ended == "aborted" and found.error and SCF_ABORTED in found.error:
        bad, n_frames = [*bad, found.last_step + 1], n_frames + 1
    elif found.last_step < run.end:
        bad = bad[: -1 if bad and bad[-1] == found.last_step else None]  # the last one was perhaps cut short
        if len(bad) <= FEW:
            return None
    share = len(bad) / max(1, n_frames)
    isolated = len(bad) == 1 and n_frames > 1
    return (bad[0], share) if share > UNCONVERGED_SHARE_ALLOWED and not isolated else None


class Cp2kAimdParser(ZifParser):
    """Frames with energies, forces, velocities and virial stresses; the newest restart file of a sound step; what it cost."""

    program = "CP2K"

    def read(self, folder: Path) -> ExitCode | None:
        """Success is the asked step reached and few frames unconverged, never a return code. Frames pass by a few MB at a time."""
        run = asked(self.node.inputs)
        if not self.stdout:
            if self.ended_by == scheduler.DISK_FULL:
                return self.verdict("ERROR_DISK_FULL", done=run.first_step, asked=run.end)
            return self.verdict("ERROR_NO_OUTPUT", program=self.program)
        opened = cp2k_output.open_run(folder, masses=self._masses(run))
        found, scf = opened.facts, many_unconverged(opened.facts, run)
        done = max(found.last_step, run.first_step)
        restarts = {name: restart for name in RESTART_FILES if (restart := cp2k_restart.read(folder / name)) is not None}
        series = Series(frozenset(restart.step for restart in restarts.values()))
        if found.n_frames:
            attributes: dict[str, Any] = {
                "kind": "aimd", "timestep_fs": run.timestep_fs, "asked_temperature_k": run.temperature_k, "method": run.method,
                "first_used_step": run.equilibration_steps, "unconverged_steps": list(found.unconverged_steps),
                "stress": found.stress_content, "conserved_drift_ev": drift_of(opened.conserved),
            }  # fmt: skip
            self.out("trajectory", self._trajectory(opened, series, attributes))

        hot = series.blown_up(run, found.unconverged_steps)
        if hot and scf and hot[0] > scf[0] + SUDDEN:
            hot = None  # heated by the wrong forces of the steps before
        before = [run.end if done < run.end else run.end + 1]
        before += [hot[0] - SOUND_BEFORE_BLOW_UP] if hot else []
        before += [scf[0]] if scf else []
        usable = {
            restart.step: name
            for name, restart in reversed(restarts.items())  # of one step the newest counts
            if run.first_step < restart.step < min(before)
            and restart.step in series.positions
            and restart.belongs_to(series.species, series.positions[restart.step])
        }
        restart_step = max(usable, default=run.first_step)
        seconds = cp2k_files.read_table(folder / "aiida-1.ener", 7).read(slice(1, None))[:, 4]
        facts = {
            "first_step": run.first_step, "restart_step": restart_step, "ended_by": self.ended_by, "method": run.method,
            "slowest_step_s": seconds.max() if len(seconds) else None, "median_step_s": np.median(seconds) if len(seconds) else None,
        }  # fmt: skip
        self.out("output_parameters", Dict({**self.cost, **facts_of(found, opened.conserved), **plain(facts)}))
        if usable:
            self.out("restart", SinglefileData(folder / usable[restart_step], filename=RESTART))

        if hot is not None:
            return self.verdict("ERROR_MODEL_UNSTABLE", step=hot[0], reason=hot[1])
        if scf is not None:
            return self.verdict("ERROR_LABELS_NOT_CONVERGED", share=scf[1])
        if found.n_frames and found.last_step >= run.end:
            return None
        if self.ended_by == scheduler.DISK_FULL:
            return self.verdict("ERROR_DISK_FULL", done=done, asked=run.end)
        stopped = self.ended_by is not None or found.reason_ended in ("walltime", "exit file")
        if found.reason_ended == "aborted" or not (found.n_frames or stopped):
            return self.verdict("ERROR_PROGRAM_ABORTED", program=self.program, reason=found.error or "it left no frame")
        return self.verdict("ERROR_INTERRUPTED", done=done, asked=run.end)

    def _masses(self, run: AimdRun) -> dict[str, float] | None:
        """Return the masses of the run by element; the log prints four decimals of them only."""
        if "structure" not in self.node.inputs:
            return None
        elements = sorted({kind.symbol for kind in self.node.inputs.structure.kinds})
        return {**standard_masses(elements), "H": run.hydrogen_mass_amu}

    @staticmethod
    def _trajectory(opened: cp2k_output.Cp2kFolder, series: Series, attributes: dict[str, Any]) -> ZifTrajectoryData:
        """Return the trajectory node; each batch of frames passes ``series`` on its way."""
        with TemporaryDirectory() as place:
            path = Path(place) / ZifTrajectoryData.FILENAME
            with h5md.Writer(path, creator_version=__version__) as writer:
                for frames in opened.batches():
                    series.add(frames)
                    writer.append(frames)
            return ZifTrajectoryData.from_file(path, verify=False, **attributes)
