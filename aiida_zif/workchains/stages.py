# SPDX-License-Identifier: MIT
"""The plans of the MD chains: from picoseconds and kelvins to lists of MD stages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any

from aiida.orm import Dict

from aiida_zif.formats.lammps_run import THERMOSTATS, MdRun
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
EOS_MAY = frozenset({"target_error", "max_extensions"})
STRAIN_FLUCTUATION_MAY = frozenset({"target_error", "thermostat"})
"""The error of K as a share of K, above which a run is extended up to ``max_extensions`` times; what keeps the temperature."""
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


_validate_eos, _validate_strain_fluctuation, validate_validation = (
    validator(EOS, EOS_MAY), validator(STRAIN_FLUCTUATION, STRAIN_FLUCTUATION_MAY), validator(VALIDATION),
)  # fmt: skip


def _with_target(validate: Callable[[Any, Any], str | None]) -> Callable[[Any, Any], str | None]:
    """Return ``validate`` with the target error checked, which a plan may have."""

    def checked(node: Any, port: Any) -> str | None:
        plan = node.get_dict()
        target, extensions = plan.get("target_error"), plan.get("max_extensions", 0)
        if target is not None and not (_is_positive(target) and target < 1):
            return f"target_error is {target!r}, but must be a share of K between 0 and 1"
        if not isinstance(extensions, int) or isinstance(extensions, bool) or extensions < 0:
            return f"max_extensions is {extensions!r}, but must be a whole number, 0 or more"
        if "thermostat" in plan and plan["thermostat"] not in THERMOSTATS:
            return f"thermostat is {plan['thermostat']!r}, but must be one of {', '.join(THERMOSTATS)}"
        return validate(node, port)

    return checked


validate_eos, validate_strain_fluctuation = _with_target(_validate_eos), _with_target(_validate_strain_fluctuation)
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


def volumes(plan: Plan, sweep: int = 0, before: float = 1.0) -> tuple[list[Stage], list[str]]:
    """Return the stages over all volumes, each from the one before, and the labels of production.

    The first sweep goes from the smallest volume to the largest, starting at the factor ``before``; the next comes back, and so on.
    """
    stages: list[Stage] = []
    production = []
    numbered = list(enumerate(sorted(plan["volume_factors"])))
    for number, factor in numbered[::-1] if sweep % 2 else numbered:
        kelvin, name = plan["temperature_k"], f"{number}_{sweep}" if sweep else f"{number}"
        if factor != before:
            deform = {"kind": "deform", "label": f"deform_{name}", "temperature_k": kelvin, "volume_factor": factor / before}
            stages.append({**deform, "steps": steps(plan, plan["deform_ps"])})
        stages.append(hold(plan, f"equilibrate_{name}", kelvin, plan["equilibrate_ps"]))
        stages.append(hold(plan, f"production_{name}", kelvin, plan["production_ps"]))
        production.append(f"production_{name}")
        before = factor
    return stages, production


def above_target(plan: Plan, found: Any) -> float | None:
    """Return the error of K as a share of K where a plan asks for less; ``None`` where it asks for nothing, has it, or there is no K."""
    if "target_error" not in plan or not (measured := found.get_dict().get("bulk_modulus_gpa")):
        return None
    share = float(measured[1] / measured[0])
    return share if share > plan["target_error"] else None


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
        **({"thermostat": plan["thermostat"]} if "thermostat" in plan else {}),
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
