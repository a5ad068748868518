# SPDX-License-Identifier: MIT
"""The plans of the MD chains: from picoseconds and kelvins to lists of MD stages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any

from aiida.orm import Dict

from aiida_zif.formats.lammps_run import MdRun
from aiida_zif.science.melting import Criteria
from aiida_zif.science.units import FS_IN_PS

Plan = Mapping[str, Any]
Stage = dict[str, Any]

MELT_QUENCH = frozenset({
    "start_k", "tmax_k", "rate_k_per_ps", "prepare_ps", "plateau_ps", "equilibrate_ps", "production_ps", "max_plateau_extensions",
})  # fmt: skip
ENSEMBLES = ("nvt", "npt")
MELT_QUENCH_MAY = frozenset({"ensemble", "pressure_gpa", "couple"})
"""Of the equilibration and the production of a glass: constant volume if nothing is said, else ``npt`` at a pressure, 0 GPa if not said."""
EOS = frozenset({"temperature_k", "volume_factors", "deform_ps", "equilibrate_ps", "production_ps", "order"})
VALIDATION = frozenset({"temperature_k", "equilibrate_ps", "production_ps"})
STRAIN_FLUCTUATION = frozenset({"temperature_k", "equilibrate_ps", "production_ps", "max_extensions", "min_n_eff", "cells_fs"})
COMMON = frozenset({"timestep_fs", "hydrogen_mass_amu", "dump_fs", "thermo_fs", "temperature_damping_fs", "pressure_damping_fs"})

MAY_BE_ZERO = ("max_", "prepare_ps", "equilibrate_ps", "dump_fs", "thermo_fs")
"""How the settings begin that may be 0: none, or as short as a step."""


def _is_positive(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value) and value > 0


def validate_criteria(node: Any, _: Any) -> str | None:
    """Say in one sentence what is wrong with the criteria of a melt."""
    try:
        Criteria.from_dict(node.get_dict())
    except ValueError as problem:
        return str(problem)
    return None


def validator(known: frozenset[str], may: frozenset[str] = frozenset()) -> Callable[[Any, Any], str | None]:
    """Return an AiiDA validator of a plan with the keys ``known`` and ``COMMON``, which ``may`` have more, checked elsewhere."""

    def validate(node: Any, _: Any) -> str | None:
        plan = node.get_dict()
        if missing := sorted((known | COMMON) - set(plan)):
            return f"the run lacks {', '.join(missing)}; take a protocol and override what differs"
        if unknown := sorted(set(plan) - known - COMMON - may):
            return f"the run has no setting {', '.join(unknown)}; allowed are {', '.join(sorted(known | COMMON | may))}"
        for name, value in plan.items():
            if (
                name != "volume_factors"
                and name not in may
                and not _is_positive(value)
                and not (value == 0 and name.startswith(MAY_BE_ZERO))
            ):
                return f"{name} is {value!r}, but must be a positive number"
        factors = plan.get("volume_factors")
        if "volume_factors" in plan and not (
            isinstance(factors, list) and all(map(_is_positive, factors)) and len(set(factors)) > plan["order"]
        ):
            return f"volume_factors are {factors!r}, but must be more than {plan['order']} different positive numbers"
        return None

    return validate


validate_eos, validate_strain_fluctuation, validate_validation = map(validator, (EOS, STRAIN_FLUCTUATION, VALIDATION))
_validate_melt_quench = validator(MELT_QUENCH, MELT_QUENCH_MAY)


def validate_melt_quench(node: Any, port: Any) -> str | None:
    """Say in one sentence what is wrong with the plan of a melt-quench."""
    if problem := _validate_melt_quench(node, port):
        return problem
    plan = node.get_dict()
    if plan["tmax_k"] <= plan["start_k"]:
        return f"tmax_k is {plan['tmax_k']:g} K, but a melt is hotter than where it starts, start_k = {plan['start_k']:g} K"
    if plan.get("ensemble", "nvt") not in ENSEMBLES:
        return f"ensemble is {plan['ensemble']!r}, but must be one of {', '.join(ENSEMBLES)}"
    if plan.get("ensemble") != "npt" and (given := sorted({"pressure_gpa", "couple"} & set(plan))):
        return f"{given[0]} is given, but the glass is held at constant volume; give `ensemble: npt`, or leave it out"
    try:
        md_run(plan, quench(plan), 1)
    except (ValueError, TypeError) as problem_found:
        return str(problem_found)
    return None


def melt_quench_run(plan: Plan, potential: Any = None) -> dict[str, Any]:
    """Return the run of a melt-quench as the protocol has it for the architecture of ``potential``."""
    stage = plan["melt_quench"]
    own = stage["by_architecture"].get(getattr(potential, "architecture", None), {})
    return {**plan["md"]["run"], **stage["run"], **own}


def wall(plan: Plan, potential: Any = None) -> dict[str, Dict]:
    """Return the ``wall`` input of an MD chain, where the protocol declares one: beside a model, not a classical force field."""
    if getattr(potential, "form", None) == "classical":
        return {}
    return {"wall": Dict(plan["md"]["wall"])} if plan["md"].get("wall") else {}


def steps(plan: Plan, picoseconds: float) -> int:
    """Return how many time steps ``picoseconds`` are, at least one."""
    return max(1, round(picoseconds / (plan["timestep_fs"] * FS_IN_PS)))


def n_steps(stages: Sequence[Stage]) -> int:
    """Return the absolute step at which the last of ``stages`` ends."""
    return sum(stage["steps"] for stage in stages)


def hold(plan: Plan, label: str, temperature_k: float, picoseconds: float) -> Stage:
    """Return a stage at constant volume and temperature."""
    return {"kind": "hold", "label": label, "temperature_k": temperature_k, "steps": steps(plan, picoseconds)}


def plateau(plan: Plan, number: int = 0) -> Stage:
    """Return the plateau at Tmax, or its ``number``-th extension."""
    return hold(plan, f"plateau_{number}" if number else "plateau", plan["tmax_k"], plan["plateau_ps"])


def ramp(plan: Plan, label: str, start_k: float, stop_k: float) -> Stage:
    """Return a ramp at the rate of the plan."""
    picoseconds = abs(stop_k - start_k) / plan["rate_k_per_ps"]
    return {"kind": "ramp", "label": label, "start_k": start_k, "stop_k": stop_k, "steps": steps(plan, picoseconds)}


def melt(plan: Plan, from_crystal: bool = True) -> list[Stage]:
    """Return the stages from the crystal to the end of the plateau; what starts as a liquid is on the plateau from the first step."""
    if not from_crystal:
        return [plateau(plan)]
    prepare = hold(plan, "prepare", plan["start_k"], plan["prepare_ps"])
    return [prepare, ramp(plan, "heat", plan["start_k"], plan["tmax_k"]), plateau(plan)]


def quench(plan: Plan) -> list[Stage]:
    """Return the stages from the melt to the end of the production; the last two with a free cell where the ensemble is ``npt``."""
    solid = [hold(plan, name, plan["start_k"], plan[f"{name}_ps"]) for name in ("equilibrate", "production")]
    if plan.get("ensemble", "nvt") == "npt":
        free = {"kind": "npt", "pressure_gpa": plan.get("pressure_gpa", 0.0), "couple": plan.get("couple", "tri")}
        solid = [{**stage, **free} for stage in solid]
    return [ramp(plan, "quench", plan["tmax_k"], plan["start_k"]), *solid]


def validation_run(plan: Plan, temperature_k: float, seed: int) -> dict[str, Any]:
    """Return the MD that is compared with a reference: from a frame of it, whose springs are as hot as it is."""
    planned = [hold(plan, name, temperature_k, plan[f"{name}_ps"]) for name in ("equilibrate", "production")]
    return {**md_run(plan, planned, seed), "velocity_factor": 1.0}


def volumes(plan: Plan) -> tuple[list[Stage], list[str]]:
    """Return the stages over all volumes, from the smallest outwards, each from the one before, and the labels of production."""
    stages: list[Stage] = []
    production = []
    before = 1.0
    for number, factor in enumerate(sorted(plan["volume_factors"])):
        kelvin = plan["temperature_k"]
        if factor != before:
            deform = {"kind": "deform", "label": f"deform_{number}", "temperature_k": kelvin, "volume_factor": factor / before}
            stages.append({**deform, "steps": steps(plan, plan["deform_ps"])})
        stages.append(hold(plan, f"equilibrate_{number}", kelvin, plan["equilibrate_ps"]))
        stages.append(hold(plan, f"production_{number}", kelvin, plan["production_ps"]))
        production.append(f"production_{number}")
        before = factor
    return stages, production


def flexible(plan: Plan, label: str, picoseconds: float) -> Stage:
    """Return a stage at zero pressure in a cell free in all six components."""
    stage = {"kind": "npt", "label": label, "temperature_k": plan["temperature_k"], "pressure_gpa": 0.0, "couple": "tri"}
    every = max(1, round(plan["cells_fs"] / plan["timestep_fs"]))
    return {**stage, "steps": steps(plan, picoseconds), "cells_every": every}


def md_run(plan: Plan, stages: Sequence[Stage], seed: int) -> dict[str, Any]:
    """Return the whole MD run of ``stages`` as plain values, checked."""
    timestep = plan["timestep_fs"]
    run = {
        "stages": list(stages),
        "seed": seed,
        "timestep_fs": timestep,
        "hydrogen_mass_amu": plan["hydrogen_mass_amu"],
        "dump_every": max(1, round(plan["dump_fs"] / timestep)),
        "thermo_every": max(1, round(plan["thermo_fs"] / timestep)),
        "temperature_damping_fs": plan["temperature_damping_fs"],
        "pressure_damping_fs": plan["pressure_damping_fs"],
    }
    return MdRun.from_dict(run).to_dict()


def steps_of(run: dict[str, Any], label: str, skip: float = 0.0) -> dict[str, int]:
    """Return ``first_step`` and ``last_step`` of a stage of an MD run, without the first share ``skip`` of it."""
    begin = 0
    for stage in run["stages"]:
        if stage["label"] == label:
            return {"first_step": begin + round(skip * stage["steps"]), "last_step": begin + stage["steps"]}
        begin += stage["steps"]
    raise KeyError(f"the run has no stage {label!r}")
