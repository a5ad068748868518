# SPDX-License-Identifier: MIT
"""What an ensemble of glasses would do: a line per row, what all of it costs, the input of the first job. Nothing is stored."""

from __future__ import annotations

from math import prod
from typing import Any

from aiida_zif.cli.preview import Inputs, Preview, job, steps_sentence

SECONDS_IN_HOUR = 3600


def ensemble(inputs: Inputs) -> Preview:
    """The first job of the first row; each row with steps, atoms, seeds and cost; all of them together."""
    from aiida_zif.cli import forecast as our_forecast
    from aiida_zif.formats.lammps_run import MdRun
    from aiida_zif.workchains import glass_rows, stages, table_rows

    rows, seeds, common = inputs["rows"].get_list(), inputs["seeds"].get_list(), inputs["run"].get_dict()
    repeats = inputs["repeats"].get_list()
    measured = our_forecast.md_core_s(getattr(inputs["potential"], "architecture", None))
    lines, total, atom_steps = [], 0, 0
    for row in rows:
        plan, own = glass_rows.run_of(row, common), table_rows.seeds_of(row, seeds)
        cells = prod(glass_rows.repeats_of(row, repeats))
        crystal = row.get("start", glass_rows.CRYSTAL) == glass_rows.CRYSTAL
        run = stages.md_run(plan, [*stages.melt(plan, from_crystal=crystal), *stages.quench(plan)], own[0])
        atoms, steps = cells * len(inputs["structure"].sites), MdRun.from_dict(run).total_steps
        more = plan["max_plateau_extensions"] * stages.plateau(plan)["steps"]
        total, atom_steps = total + len(own), atom_steps + len(own) * atoms * steps
        held = f", plateaus extended by at most {more} steps" if more else ""
        start = "" if crystal else f" from {row['start']}"
        lines.append(
            f"{glass_rows.label_of(row)}: {plan['tmax_k']:g} K{start}, {plan['rate_k_per_ps']:g} K/ps, plateau {plan['plateau_ps']:g} ps, "
            f"{atoms} atoms, {steps_sentence(run)}{held}; seeds {own}{_cost(measured, len(own) * atoms * steps)}"
        )
    limit = inputs["max_concurrent"].value
    at_once = f"at most {limit} at a time" if limit else "all at once"
    known = _cost(measured, atom_steps) or "; no MD with such a potential ran in this profile: it does not tell the cost"
    lines.append(f"{total} replicas, {at_once}, without extensions of the plateau{known}")
    first, plan = rows[0], glass_rows.run_of(rows[0], common)
    crystal = first.get("start", glass_rows.CRYSTAL) == glass_rows.CRYSTAL
    run = stages.md_run(plan, stages.melt(plan, from_crystal=crystal), table_rows.seeds_of(first, seeds)[0])
    shown = job(inputs, run)
    return Preview(shown.program, shown.text, tuple(lines))


def validation(inputs: Inputs) -> Preview:
    """The MD of the first reference; where and for how long that of each is run."""
    from aiida_zif.cli import forecast as our_forecast
    from aiida_zif.formats.lammps_run import MdRun
    from aiida_zif.workchains import stages

    plan, lines, first, atom_steps = inputs["run"].get_dict(), [], None, 0
    measured = our_forecast.md_core_s(getattr(inputs["potential"], "architecture", None))
    trajectories, glasses = dict(inputs.get("trajectories") or {}), dict(inputs.get("glasses") or {})
    for name in sorted({**trajectories, **glasses}):
        facts = trajectories[name].base.attributes.all if name in trajectories else plan
        kelvin = float(facts.get("temperature_k") or facts["asked_temperature_k"])
        run = stages.validation_run(plan, kelvin, inputs["seed"].value)
        first, atom_steps = first or run, atom_steps + MdRun.from_dict(run).total_steps * len(inputs["structure"].sites)
        what = f"{trajectories[name].n_frames} frames" if name in trajectories else "a structure"
        lines.append(f"{name}: {what}, {steps_sentence(run)} at about {kelvin:.0f} K")
    if first is None:
        raise ValueError("there is nothing to compare with: give reference trajectories or structures")
    known = _cost(measured, atom_steps) or "; no MD with such a potential ran in this profile: it does not tell the cost"
    lines.append(f"{len(lines)} runs, each compared with its reference{known}")
    shown = job(inputs, first)
    return Preview(shown.program, shown.text, tuple(lines))


def _cost(measured: Any, atom_steps: float) -> str:
    if measured is None:
        return ""
    return f"; about {measured[0] * atom_steps / SECONDS_IN_HOUR:.2g} core hours, by {measured[1]} jobs of this profile"
