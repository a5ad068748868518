# SPDX-License-Identifier: MIT
"""A molecular dynamics run as the text of an ordinary LAMMPS input, and the same for what is left of it after a restart.

Steps are absolute: stage k runs from its first to its last step whatever was done before, so that the set point of a ramp
is a function of the step alone. Every stage has fixes of its own name, because LAMMPS gives a fix that bears a name found
in the restart file the state of that fix: within a stage thermostat and barostat go on, a new stage starts them afresh, as
the uninterrupted run does.
"""

from __future__ import annotations

import re

from aiida_zif.formats import lammps_columns, lammps_deform, lammps_units
from aiida_zif.formats.lammps_force_field import ForceField
from aiida_zif.formats.lammps_potential import Potential
from aiida_zif.formats.lammps_run import KINDS, MdRun, Stage
from aiida_zif.formats.lammps_units import Units

__all__ = [
    "CELLS_FILE", "DUMP_FILE", "FINAL_DATA", "FINAL_RESTART", "KINDS", "RESTART_FILES", "MdRun", "Potential", "Stage", "render",
]  # fmt: skip

DUMP_FILE = "trajectory.dump"
"""The frames of all stages."""
CELLS_FILE = "cells.txt"
"""Cell and pressure tensor of the stages that ask for them."""
RESTART_FILES = ("restart.a", "restart.b")
"""The two restart files in turn: one of them is whole when the job is killed while it writes the other."""
FINAL_RESTART = "final.restart"
"""The state of the last step that was run, also when the walltime ended it."""
FINAL_DATA = "final.data"
"""The structure of that step, with velocities."""

THERMO = "step time pe ke temp press vol lx ly lz xy xz yz pxx pyy pzz pyz pxz pxy"
"""The columns of the log."""
CELLS = "lx ly lz xy xz yz vol pxx pyy pzz pyz pxz pxy"
"""The columns of the cells file after the step."""

_FILE = re.compile(r"[A-Za-z0-9_./+-]+")


def render(
    run: MdRun,
    potential: Potential | ForceField,
    data_file: str,
    restart_from: str | None = None,
    finished_steps: int = 0,
    walltime_s: float | None = None,
    renumbered: bool = False,
) -> str:
    """Return the input of ``run``, or of what is left of it after ``finished_steps``, from the restart file ``restart_from``.

    ``data_file`` is not read then, the names of the files written are this module's constants. ``walltime_s`` is the time
    after which LAMMPS stops by itself at a whole step and still writes ``FINAL_RESTART`` and ``FINAL_DATA``. With ``renumbered`` the
    restart file counts in steps of another length: its time stays, its step becomes ``finished_steps``.

    Raises ``ValueError`` if the steps are not those of the run, or a file name holds what LAMMPS would read as syntax.
    """
    for name in (data_file, *([] if restart_from is None else [restart_from])):
        if not _FILE.fullmatch(name):
            raise ValueError(f"the file name {name!r} holds a character outside letters, digits and _ . / + -: rename it")
    if not 0 <= finished_steps < run.total_steps:
        raise ValueError(f"{finished_steps} steps are finished of {run.total_steps}: nothing is left to run")
    if restart_from is None and finished_steps:
        raise ValueError(f"{finished_steps} steps are finished, but there is no restart file to go on from: give restart_from")
    restarted, units = restart_from is not None, lammps_units.of(potential.units)
    lines = [
        f"units {units.name}",
        "boundary p p p",
        f"newton {potential.newton}",
        f"atom_style {potential.atom_style}",
        *(["atom_modify map yes"] if potential.needs_map else []),
        "box tilt large",
        f"read_restart {restart_from}" if restarted else f"read_data {data_file}",
        *potential.lines,
        f"neighbor {run.neighbour_skin:.10g} bin",
        "neigh_modify delay 0 every 1 check yes",
        f"timestep {units.time(run.timestep_fs):.10g}",
        *([f"reset_timestep {finished_steps} time {units.time(finished_steps * run.timestep_fs):.12g}"] if renumbered else []),
        *([] if restarted else _velocities(run)),
        f"thermo {run.thermo_every}",
        f"thermo_style custom {THERMO}",
        "thermo_modify format float %.12g flush yes",
        f"restart {run.restart_every} {' '.join(RESTART_FILES)}",
        *([] if walltime_s is None else [f"timer timeout {_clock(walltime_s)} every 10"]),
        "min_style cg",
    ]
    dumping = False
    append = restarted
    for stage, (begin, end) in zip(run.stages, run.spans, strict=True):
        if end <= finished_steps:
            continue
        if stage.kind == "minimise":
            # the step counter is moved afterwards, which LAMMPS refuses while it dumps
            lines += ["undump traj"] if dumping else []
            dumping = False
        elif not dumping:
            lines += _dump(run, append)
            dumping = append = True
        if dumping and any(one.dump_every for one in run.stages):
            lines += [f"dump_modify traj every {stage.dump_every or run.dump_every}"]
        lines += _stage(run, stage, units, begin, end, max(begin, finished_steps), timed=walltime_s is not None)
    total = run.total_steps
    lines += [f"write_data {FINAL_DATA} nocoeff", f'print "ZIF LAST STEP $(step:%.0f) OF {total}"']
    return "\n".join(lines) + "\n"


def _velocities(run: MdRun) -> list[str]:
    moving = [stage for stage in run.stages if stage.kind != "minimise"]
    if run.velocities == "keep" or not moving:
        return []
    kelvin = run.velocity_factor * moving[0].temperatures[0]
    return [f"velocity all create {kelvin:.10g} {run.seed} mom yes rot no dist gaussian"]


def _dump(run: MdRun, append: bool) -> list[str]:
    columns = "id type xu yu zu" + (" vx vy vz" if run.dump_velocities else "") + (" fx fy fz" if run.dump_forces else "")
    modify = f"dump_modify traj sort id format int {lammps_columns.INTEGER} format float {lammps_columns.FLOAT}" + (
        " append yes" if append else ""
    )
    return [f"dump traj all custom {run.dump_every} {DUMP_FILE} {columns}", modify]


def _stage(run: MdRun, stage: Stage, units: Units, begin: int, end: int, start: int, timed: bool) -> list[str]:
    lines = [f'print "ZIF STAGE {stage.label}"']
    fixes = {}
    if stage.kind == "minimise":
        if stage.pressure_gpa is not None:
            fixes["relax"] = f"box/relax {stage.couple or 'tri'} {stage.pressure_gpa * units.per_gpa:.10g}"
    else:
        fixes |= _ensemble(run, stage, units, start)
        if stage.kind == "deform":
            done = (start - begin) / stage.steps
            strain = stage.strain
            fixes["deform"] = lammps_deform.of_factors(stage.factors, done) if strain is None else lammps_deform.of_strain(strain, done)
    if stage.cells_every is not None and stage.kind != "minimise":
        row = " ".join(["$(step:%.0f)", *(f"$({name}:%.12g)" for name in CELLS.split())])
        fixes["cells"] = f'print {stage.cells_every} "{row}" append {CELLS_FILE} screen no title "# step {CELLS}"'
    lines += [f"fix {name}_{stage.label} all {fix}" for name, fix in fixes.items()]
    if stage.kind == "minimise":
        force = (0.001 if stage.force_tolerance is None else stage.force_tolerance) / units.energy_ev
        lines.append(f"minimize {stage.energy_tolerance or 0.0:.10g} {force:.10g} {end - start} {10 * (end - start)}")
        # a minimisation that the walltime cut short is not taken for finished: timeremain is 0 from then on
        lines.append(f'if "$(timeremain) > 0" then "reset_timestep {end}"' if timed else f"reset_timestep {end}")
    else:
        lines.append(f"run {end} upto start {begin} stop {end}")
    # After the walltime LAMMPS skips the runs of the later stages but not these lines: only a stage that has moved on writes
    lines.append(f'if "$(step) > {start}" then "write_restart {FINAL_RESTART}"')
    return lines + [f"unfix {name}_{stage.label}" for name in fixes]


def _ensemble(run: MdRun, stage: Stage, units: Units, start: int) -> dict[str, str]:
    """Return the fixes that move the atoms, and the cell of ``npt``."""
    first, last = stage.temperatures
    kelvins = f"{first:.10g} {last:.10g} {units.time(run.temperature_damping_fs):.10g}"
    barostat = ""
    if stage.kind == "npt":
        pressure, damping = (stage.pressure_gpa or 0.0) * units.per_gpa, units.time(run.pressure_damping_fs)
        barostat = f"{stage.couple or 'tri'} {pressure:.10g} {pressure:.10g} {damping:.10g} flip no"
    if run.thermostat == "nose-hoover":
        return {"md": f"npt temp {kelvins} {barostat}" if barostat else f"nvt temp {kelvins}"}
    # its noise is not in a restart file: a segment that goes on draws other noise, not that of the first steps again
    seed = (run.seed + start) % 899_999_999 + 1
    moved = f"nph {barostat} ptemp {max(first, last):.10g} pchain 5" if barostat else "nve"
    return {"md": moved, "bath": f"langevin {kelvins} {seed} zero yes"}


def _clock(seconds: float) -> str:
    if seconds < 1:
        raise ValueError(f"walltime_s is {seconds} s, but LAMMPS needs 1 s or more")
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60:d}:{minutes % 60:02d}:{rest:02d}"
