# SPDX-License-Identifier: MIT
"""The segments of an MD: the causes of its own that stop one, shorter time steps, and what all of them left, joined.

Where the time step is halved, a segment counts in steps of its own; time is what all share, and what the chain puts out counts in the
steps asked for.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from aiida.engine import ExitCode
from aiida.orm import CalcJobNode, Dict, Int

from aiida_zif.calculations import linkers as watchdog
from aiida_zif.calculations.functions.linkers import watch_linkers
from aiida_zif.calculations.functions.trajectory import count_in_longer_steps, join_arrays, join_results, join_trajectories
from aiida_zif.calculations.md import LammpsMdCalculation
from aiida_zif.calculations.md_place import gpus_of
from aiida_zif.calculations.verdicts import VERDICTS
from aiida_zif.data.model import ZifModelData
from aiida_zif.formats.lammps_run import MdRun
from aiida_zif.formats.lammps_timestep import FACTORS, divided
from aiida_zif.science import stability
from aiida_zif.workchains.chain import part_of
from aiida_zif.workchains.resuming import STOPPED_BY_MONITOR, ResumingWorkChain

LARGE_RESTART = 10_000_000
"""Bytes above which it is said that every segment keeps a restart file."""


class MdSegments(ResumingWorkChain):
    """An MD in as many segments as it takes."""

    JOB = LammpsMdCalculation
    STAGE = "md"
    HANDLERS = ("collapsed", "unfit", "linker_broke", "blew_up", "restart_refused", *ResumingWorkChain.HANDLERS)

    def setup(self) -> None:
        """What the restart file given has done counts as done."""
        super().setup()
        self.ctx.done, self.ctx.factor, self.ctx.restart_every, self.ctx.start_energy = self.inputs.finished_steps.value, 1, None, None

    # ----- steps: the axis of the run asked for, and that of shorter steps

    @property
    def wanted(self) -> MdRun:
        """The run asked for."""
        return MdRun.from_dict(self.inputs.run.get_dict())

    def asked(self) -> int:
        """Return the last step of the run, in the steps that are taken now."""
        return self.wanted.total_steps * int(self.ctx.factor)

    def factor_of(self, node: CalcJobNode) -> int:
        """Return into how many the time step asked for was divided for a segment."""
        return round(self.wanted.timestep_fs / node.inputs.run["timestep_fs"]) if "timestep_fs" in node.inputs.run.get_dict() else 1

    def facts(self, node: CalcJobNode) -> dict[str, Any]:
        """Return what a job says of itself."""
        return node.outputs.results.get_dict() if "results" in node.outputs else {}

    def progress_of(self, node: CalcJobNode) -> int:
        """The step of the restart file that was kept, in the steps that are taken now."""
        return int(self.facts(node).get("restart_step", 0)) * int(self.ctx.factor) // self.factor_of(node)

    def monitors(self) -> dict[str, Any]:
        """Beside the one for jobs that hang, one that follows the linkers."""
        consecutive = int(self.inputs.watch.get_dict().get("consecutive", 2))
        return {**super().monitors(), **watchdog.monitor(consecutive, self.inputs.watch_seconds.value)}

    def segment_inputs(self, previous: CalcJobNode | None) -> dict[str, Any]:
        """The same run, from the last restart file."""
        names = ("structure", "wall", "reference", "restart", "finished_steps")
        inputs = {name: self.inputs[name] for name in names if name in self.inputs}
        run = divided(self.wanted, self.ctx.factor)
        if self.ctx.restart_every:
            run = replace(run, restart_every=self.ctx.restart_every)
        inputs |= {"run": self.inputs.run if run == self.wanted else Dict(run.to_dict())}
        inputs |= {"code": self.inputs.codes["lammps"], "potential": self.ctx.potential}
        if isinstance(self.ctx.potential, ZifModelData):
            given = self.inputs.options.get_dict() if "options" in self.inputs else {}
            inputs |= gpus_of(part_of(given, self.STAGE), self.inputs.codes["lammps"])
        if previous is not None:
            inputs["restart"] = previous.outputs.restart
        return {**inputs, "finished_steps": Int(self.ctx.done)}

    def keep(self, node: CalcJobNode, finished: bool = False) -> bool:
        """A job that came further, but not to a restart file, would do the same again: the next writes them more often."""
        done = int(self.ctx.done)
        kept = super().keep(node, finished)
        gained = int(self.facts(node).get("last_step") or 0) - done
        if not kept and 0 < gained < divided(self.wanted, self.ctx.factor).restart_every:
            self.ctx.restart_every = max(1, gained // 4)
        size = self.facts(node).get("restart_bytes", 0)
        if kept and size > LARGE_RESTART:
            self.report(f"the restart file has {size / 1e6:.0f} MB, and one is kept of each segment: the repository grows by as much")
        return kept

    def inspect_segment(self) -> ExitCode | None:
        """A run that ended well may have left chemistry, too."""
        if self.ctx.segment.is_finished_ok and isinstance(code := self.collapsed(self.ctx.segment), ExitCode):
            return code
        return super().inspect_segment()

    # ----- causes of MD's own

    def collapsed(self, node: CalcJobNode) -> ExitCode | None:
        """The potential energy fell far below the start: no time step mends that."""
        if "thermo" not in node.outputs or "potential_energy" not in node.outputs.thermo.get_arraynames():
            return None
        thermo, run = node.outputs.thermo, self.wanted
        moving = [number for number, stage in enumerate(run.stages) if stage.kind != "minimise"]
        rows = np.isin(thermo.get_array("stage"), moving)
        steps, potential, kinetic = (thermo.get_array(name)[rows] for name in ("step", "potential_energy", "kinetic_energy"))
        if not len(steps):
            return None
        if self.ctx.start_energy is None:
            drawn = "restart" not in self.inputs and run.velocities == "create"  # atoms at rest, and heat that they have not taken up
            self.ctx.start_energy = float(potential[0] if drawn else potential[0] - kinetic[0])
        limit, n_atoms = self.inputs.max_energy_drop.value, len(self.inputs.structure.sites)
        found = stability.first_collapse(steps, potential, kinetic, self.ctx.start_energy, n_atoms, limit)
        if found is None:
            return None
        reason = f"the potential energy lies {found[1]:.2f} eV/atom below the start, more than the {limit:g} allowed"
        return self.stop("ERROR_MODEL_UNSTABLE", step=round(found[0] / self.factor_of(node)), reason=f"{reason}: false chemistry.")

    def linker_broke(self, node: CalcJobNode) -> ExitCode | None:
        """The monitor saw it: no restart would mend it. The verdict is that of the frames, as for a run that ended by itself."""
        if node.exit_status != STOPPED_BY_MONITOR or watchdog.BROKEN not in (node.exit_message or ""):
            return None
        self.report(f"segment {self.ctx.number}: stopped while it ran, because {node.exit_message}")
        return self.stop("ERROR_INTERRUPTED", done=self.facts(node).get("last_step"), asked=self.asked())

    def blew_up(self, node: CalcJobNode) -> ExitCode | bool | None:
        """No number, far too hot, or lost atoms: half the time step, from the last sound restart file, unless a linker broke before."""
        if node.exit_status != VERDICTS["ERROR_MODEL_UNSTABLE"][0]:
            return None
        if self.ctx.factor >= FACTORS[-1] or not self.whole_before(node):
            step = round(self.facts(node).get("first_bad_step", 0) / self.factor_of(node))
            shortest = self.wanted.timestep_fs / self.ctx.factor
            reason = f"with a time step of {shortest:g} fs, too, so the model is unstable. {node.exit_message}"
            return self.stop("ERROR_MODEL_UNSTABLE", step=step, reason=reason)
        self.keep(node)
        self.ctx.factor, self.ctx.done = 2 * self.ctx.factor, 2 * self.ctx.done
        self.ctx.restart_every = None
        return self.go_on(f"{node.exit_message} Now with a time step of {self.wanted.timestep_fs / self.ctx.factor:g} fs")

    def whole_before(self, node: CalcJobNode) -> bool:
        """Return whether no linker broke before the first bad step: one that breaks afterwards is torn by the heat."""
        if "trajectory" not in node.outputs:
            return True
        parameters = {**self.inputs.watch.get_dict(), "before_step": self.facts(node).get("first_bad_step")}
        return bool(watch_linkers(self.inputs.reference, node.outputs.trajectory, Dict(parameters))["whole"])

    def restart_refused(self, node: CalcJobNode) -> bool | None:
        """LAMMPS aborted on the restart file of the segment before: go on from the one before that, or from the beginning."""
        aborted = node.exit_status == VERDICTS["ERROR_PROGRAM_ABORTED"][0] and "thermo" not in node.outputs
        if not aborted or not self.ctx.segments or self.ctx.stalled + 1 >= self.inputs.max_stalled.value:
            return None
        self.ctx.stalled += 1
        self.ctx.segments.pop()
        first = self.inputs.finished_steps.value * self.ctx.factor
        self.ctx.done = self.progress_of(self.ctx.segments[-1]) if self.ctx.segments else first
        return self.go_on(f"{node.exit_message} The restart file it began with is left aside")

    # ----- what comes out

    def put_out(self) -> None:
        """Join the segments, with what a last one left that stopped the chain, in the steps asked for; look at every linker."""
        nodes = list(self.ctx.segments)
        nodes += [node for node in [self.ctx.get("last")] if node is not None and node not in nodes]
        for name, join in (("trajectory", join_trajectories), ("thermo", join_arrays), ("cells", join_arrays)):
            parts = {f"segment_{k:02d}": self.in_steps_asked(node, name) for k, node in enumerate(nodes, 1) if name in node.outputs}
            if parts:
                self.out(name, join(**parts) if len(parts) > 1 else next(iter(parts.values())))
        said = {f"segment_{k:02d}": node.outputs.results for k, node in enumerate(nodes, 1) if "results" in node.outputs}
        if said:
            asked = Dict({"timestep_fs": self.wanted.timestep_fs, "steps": self.wanted.total_steps})
            self.out("results", join_results(asked, **said) if len(said) > 1 or self.ctx.factor > 1 else next(iter(said.values())))
        for node in nodes[-1:]:
            self.out_many({name: node.outputs[name] for name in ("structure", "restart") if name in node.outputs})
        if "restart" not in self.outputs and self.ctx.segments and "restart" in self.ctx.segments[-1].outputs:
            self.out("restart", self.ctx.segments[-1].outputs.restart)
        if "trajectory" in self.outputs:
            parameters = self.inputs.watch
            if nodes and (bad := self.facts(nodes[-1]).get("first_bad_step")) is not None:
                parameters = Dict({**parameters.get_dict(), "before_step": bad / self.factor_of(nodes[-1])})
            self.out("linkers", watch_linkers(self.inputs.reference, self.outputs["trajectory"], parameters))

    def in_steps_asked(self, node: CalcJobNode, name: str) -> Any:
        """Return an output of a segment, counted in the steps of the run asked for."""
        factor = self.factor_of(node)
        return node.outputs[name] if factor == 1 else count_in_longer_steps(node.outputs[name], Int(factor))

    def stop(self, label: str, **values: Any) -> ExitCode:
        """A linker that broke is the cause, whatever ended the run afterwards."""
        code = super().stop(label, **values)
        return self.results() or code

    def results(self) -> ExitCode | None:
        """Name the first linker that broke."""
        if "linkers" not in self.outputs or self.outputs["linkers"]["whole"]:
            return None
        first = self.outputs["linkers"]["breaks"][0]
        values = {"linker": first["linker"], "bond": first["reason"], "step": first["step"], "temperature": first["temperature"] or 0.0}
        return self.exit_codes.ERROR_LINKER_BROKEN.format(**values)
