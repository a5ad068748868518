# SPDX-License-Identifier: MIT
"""What the facts say, in words: the same in the terminal and on the page."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any

from aiida_zif.report.numbers import UNKNOWN, number, pair, share, with_error

DEMONSTRATION = "This is a demonstration: every program is real, but labels, model and times are far too small for science."
GLASS = "glass"
"""The one kind that may be called so."""


def name_of(glass: dict[str, Any]) -> str:
    """Return what to call a replica: glass only what is one."""
    ordinal = str(glass["label"]).removeprefix("replica_")
    word = "glass" if glass["kind"] == GLASS else "solid" if glass["uuid"] else "replica"
    return f"{word} {ordinal}"


def headline(facts: dict[str, Any]) -> str:
    """Return the result of the pipeline in one or two sentences."""
    good = [glass for glass in facts["glasses"] if glass["kind"] == GLASS]
    formula = facts["structure"]["formula"]
    if not facts["glasses"]:
        return f"{formula}: no melt-quench was begun."
    others = [glass for glass in facts["glasses"] if glass["kind"] != GLASS]
    kinds = ", ".join(f"{name_of(glass)} ({glass['kind']})" for glass in others)
    if not good:
        return f"No glass: {kinds}."
    values = [f"K = {with_error(k, 'GPa')}" for glass in good if (k := (glass["equation_of_state"] or {}).get("bulk_modulus_gpa"))]
    text = f"{len(good)} {'glass' if len(good) == 1 else 'glasses'} of {formula}"
    text += f", bulk modulus {' and '.join(values)}" if values else ", without a bulk modulus"
    return f"{text}. Besides: {kinds}." if others else f"{text}."


def ending(pipeline: dict[str, Any]) -> str:
    """Return how a pipeline ended that is not done, or that it has not."""
    verdict = str(pipeline["verdict"])
    return f"The pipeline failed: {verdict}" if verdict.startswith(("[", "excepted", "killed")) else f"The pipeline is at work ({verdict})."


def properties(solids: Sequence[dict[str, Any]]) -> list[tuple[str, list[list[str]]]]:
    """Return a row per property that is known of one of ``solids`` at least: its name, and the lines on each of them."""
    rows = []
    for label, tell, of_crystal in PROPERTIES:
        cells = [list(tell(solid)) if "kind" in solid or of_crystal else [""] for solid in solids]
        if any(line not in ("", UNKNOWN) for cell in cells for line in cell):
            rows.append((label, cells))
    return rows


def stability(linkers: dict[str, Any]) -> str:
    """Return whether the linkers stayed whole, or which broke, at which step and temperature."""
    if linkers["n"] is None:
        return "not watched"
    if not linkers["breaks"]:
        return f"all {linkers['n']} whole in {linkers['frames']} frames"
    broken = [
        f"linker {one['linker']} broke in {one['during']} at step {one['step']}, {number(one['temperature'], 0, 'K')}: {one['reason']}"
        for one in linkers["breaks"][:3]
    ]
    more = len(linkers["breaks"]) - len(broken)
    return "; ".join(broken) + (f"; {more} more" if more else "")


def melting(glass: dict[str, Any]) -> str:
    """Return whether it was molten."""
    if not glass["melt"]:
        return "not judged"
    return "yes" if glass["melt"]["molten"] else "no"


def held(glass: dict[str, Any]) -> str:
    """Return how long it was held at Tmax, and how often the melt was judged: it is held on as long as it is not molten."""
    often = "once" if glass["judged"] == 1 else f"{glass['judged']} times"
    return UNKNOWN if glass["held_ps"] is None else f"{glass['held_ps']:g} ps, judged {often}"


def exchanged(glass: dict[str, Any]) -> str:
    """Return how many Zn hold an N that was not theirs in the crystal, and how many make a melt."""
    found, n_zinc, wanted = (glass["melt"] or {}).get("exchanged_share"), glass["n_zinc"], glass["min_exchanged_share"]
    if found is None or not n_zinc:
        return share(found)
    least = f"; a melt has {ceil(wanted * n_zinc - 1e-9)} or more" if wanted is not None else ""
    return f"{round(found * n_zinc)} of {n_zinc}{least}"


def bulk_modulus(glass: dict[str, Any]) -> str:
    """Return K of P(V) with its error, or why there is none."""
    found = glass["equation_of_state"]
    if found is None:
        return UNKNOWN
    return with_error(found["bulk_modulus_gpa"], "GPa") if found["bulk_modulus_gpa"] else f"none: {found['reason'] or found['ended']}"


def density_0(glass: dict[str, Any]) -> str:
    """Return the density at zero pressure with its error."""
    found = glass["equation_of_state"]
    return with_error(found["density_0_g_per_cm3"], "g/cm³") if found and found["density_0_g_per_cm3"] else UNKNOWN


def elasticity(glass: dict[str, Any]) -> list[str]:
    """Return K, E, G, ν of the strain fluctuation, one line each, or one line that says why not yet."""
    found = glass["elasticity"]
    if found is None:
        return [UNKNOWN]
    if found["verdict"] is None:
        return [f"none: {found['ended']}"]
    if found["verdict"] != "converged":
        return [f"{found['verdict']} (N_eff = {number(found['n_eff'], 1)})"]
    moduli = (("K", "bulk"), ("E", "young"), ("G", "shear"))
    lines = [f"{symbol} {with_error(found[f'{name}_modulus_gpa'], 'GPa')}" for symbol, name in moduli]
    return [*lines, f"ν {with_error(found['poisson_ratio'])}"]


def rings(solid: dict[str, Any]) -> str:
    """Return the numbers of primitive rings per cell by size, in nodes of the Zn–linker net."""
    found = solid["rings_per_cell"]
    if not found:
        return UNKNOWN
    return ", ".join(f"{size}: {round(one['mean'], 1):g}" for size, one in sorted(found.items(), key=lambda item: int(item[0])))


def angle(solid: dict[str, Any]) -> str:
    """Return mean and width of the N–Zn–N angle."""
    found = solid["n_zn_n_angle_deg"]
    return UNKNOWN if not found or found["mean"] is None else f"{found['mean']:.1f}°, spread {found['std']:.1f}°"


def verdict_of_point(row: dict[str, Any]) -> str:
    """Return the verdict over an AIMD state point; its deviation where it is good."""
    mean, asked = row["mean_temperature_k"], row["asked_temperature_k"]
    if row["verdict"] in ("done", "recorded") and mean and asked:
        deviation = 100 * (mean / asked - 1)
        return f"{row['verdict']}, {abs(deviation):.0f} % {'below' if deviation < 0 else 'above'} asked"
    return str(row["verdict"])


def drawing(dataset: dict[str, Any]) -> str:
    """Return how a dataset was drawn."""
    found = dataset["drawing"] or {}
    method = str(found.get("method", "")).replace("_", " ")
    bins = found.get("train") or {}
    known = {"asked", "filled", "empty"} <= set(bins)
    filled = f", {bins['filled']} of {bins['asked']} to train on drawn ({bins['empty']} bins empty)" if known else ""
    single = f"; {found['labelled_singly']} labelled one by one" if found.get("labelled_singly") else ""
    if found.get("n_held_out") is not None:
        held_out = f"{found['n_held_out']} frames held out at random, {found.get('gap_frames')} frames of gap"
    else:
        held_out = f"last {share(found.get('held_out_fraction'))} of each trajectory held out, {found.get('gap_frames')} frames of gap"
    return f"{method}{filled}; {held_out}{single}"


def cached(cost: dict[str, Any]) -> str:
    """Return how many jobs did not run, because the cache had their results; nothing where all ran."""
    jobs = sum(job["cached"] for job in cost["jobs"])
    return f"; {jobs} of {len(cost['jobs'])} jobs were not run, their results came from the cache" if jobs else ""


def energies(model: dict[str, Any]) -> str:
    """Return the energy error with its error bar."""
    return with_error((model["energy_mae_mev_per_atom"], model["energy_mae_error_mev_per_atom"]), digits=1)


def forces(model: dict[str, Any]) -> str:
    """Return the force error with its error bar, and relative to the spread."""
    if model["forces_mae_mev_per_angstrom"] is None:
        return UNKNOWN
    error = with_error((model["forces_mae_mev_per_angstrom"], model["forces_mae_error_mev_per_angstrom"]), digits=0)
    return f"{error} ({share(model['forces_mae_relative'])})"


def stresses(model: dict[str, Any]) -> str:
    """Return the stress error with its error bar."""
    return with_error((model["stress_mae_mpa"], model["stress_mae_error_mpa"]), digits=0)


def coordination(value: Any) -> str:
    """Return a coordination number with its error."""
    return with_error(value) if pair(value)[0] is not None else UNKNOWN


PROPERTIES: tuple[tuple[str, Any, bool], ...] = (
    ("", lambda solid: [name_of(solid) if "kind" in solid else "crystal"], True),
    ("kind", lambda solid: [solid["kind"]], False),
    ("seed", lambda solid: [str(solid["seed"])], False),
    ("molten at Tmax", lambda solid: [melting(solid) + f" ({number(solid['tmax_k'], 0, 'K')})"], False),
    ("held at Tmax", lambda solid: [held(solid)], False),
    ("Zn with a new N", lambda solid: [exchanged(solid)], False),
    ("coordination at Tmax", lambda solid: [coordination((solid["melt"] or {}).get("coordination_at_tmax"))], False),
    ("linkers", lambda solid: [stability(solid["linkers"])], False),
    ("density, volume fixed", lambda solid: [with_error(solid["density_g_per_cm3"], "g/cm³", 3)], True),
    ("Zn–N coordination", lambda solid: [coordination(solid["zn_n_coordination"])], True),
    ("Zn–N first peak", lambda solid: [number(solid["zn_n_first_peak_angstrom"], 2, "Å")], True),
    ("N–Zn–N angle", lambda solid: [angle(solid)], True),
    ("rings per cell", lambda solid: [rings(solid)], True),
    ("K from P(V)", lambda solid: [bulk_modulus(solid)], False),
    ("ρ₀ from P(V)", lambda solid: [density_0(solid)], False),
    ("strain fluctuation", elasticity, False),
)
"""Row, what it says of a solid, and whether it is told of the crystal."""
