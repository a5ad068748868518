# SPDX-License-Identifier: MIT
"""What the facts say, in words: the same in the terminal and on the page."""

from __future__ import annotations

from typing import Any

from aiida_zif.report.numbers import UNKNOWN, number, pair, share, with_error

DEMONSTRATION = "This is a demonstration: every program is real, but labels, model and times are far too small for science."
GLASS = "glass"
"""The one kind that may be called so."""


def name_of(glass: dict[str, Any]) -> str:
    """Return what to call a replica: glass only what is one."""
    ordinal = str(glass["label"]).removeprefix("glass_")
    word = "glass" if glass["kind"] == GLASS else "solid" if glass["uuid"] else "replica"
    return f"{word} {ordinal}"


def headline(facts: dict[str, Any]) -> str:
    """Return the result of the pipeline in one or two sentences."""
    good = [glass for glass in facts["glasses"] if glass["kind"] == GLASS]
    formula = facts["structure"]["formula"]
    if not facts["glasses"]:
        return f"No melt-quench of {formula} came to an end: {facts['pipeline']['verdict']}."
    others = [glass for glass in facts["glasses"] if glass["kind"] != GLASS]
    kinds = ", ".join(f"{name_of(glass)}: {glass['kind']}" for glass in others)
    if not good:
        return f"No glass: {kinds}."
    values = [f"K = {with_error(k, 'GPa')}" for glass in good if (k := (glass["equation_of_state"] or {}).get("bulk_modulus_gpa"))]
    text = f"{len(good)} {'glass' if len(good) == 1 else 'glasses'} of {formula}"
    text += f", bulk modulus {' and '.join(values)}" if values else ", without a bulk modulus"
    return f"{text}. Besides: {kinds}." if others else f"{text}."


def stability(linkers: dict[str, Any]) -> str:
    """Return whether the linkers stayed whole, or which broke, at which step and temperature."""
    if linkers["n"] is None:
        return "not watched"
    if not linkers["breaks"]:
        return f"all {linkers['n']} whole in {linkers['frames']} frames"
    broken = [
        f"linker {one['linker']} broke at step {one['step']}, {number(one['temperature'], 0, 'K')} ({one['during']})"
        for one in linkers["breaks"][:3]
    ]
    more = len(linkers["breaks"]) - len(broken)
    return "; ".join(broken) + (f"; {more} more" if more else "")


def melting(glass: dict[str, Any]) -> str:
    """Return whether it was molten."""
    if not glass["melt"]:
        return "not judged"
    return "yes" if glass["melt"]["molten"] else "no"


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
    symbols = (("K", "bulk_modulus_gpa", "GPa"), ("E", "young_modulus_gpa", "GPa"), ("G", "shear_modulus_gpa", "GPa"), ("ν", "poisson_ratio", ""))
    return [f"{symbol} {with_error(found[key], unit)}" for symbol, key, unit in symbols]


def rings(solid: dict[str, Any]) -> str:
    """Return the numbers of primitive rings per cell by size, in nodes of the Zn–linker net."""
    found = solid["rings_per_cell"]
    if not found:
        return UNKNOWN
    return ", ".join(f"{size}: {one['mean']:.4g}" for size, one in sorted(found.items(), key=lambda item: int(item[0])))


def angle(solid: dict[str, Any]) -> str:
    """Return mean and width of the N–Zn–N angle."""
    found = solid["n_zn_n_angle_deg"]
    return UNKNOWN if not found or found["mean"] is None else f"{found['mean']:.1f}°, spread {found['std']:.1f}°"


def verdict_of_point(row: dict[str, Any]) -> str:
    """Return the verdict over an AIMD state point; its deviation where it is good."""
    mean, asked = row["mean_temperature_k"], row["asked_temperature_k"]
    if row["verdict"] in ("done", "recorded") and mean and asked:
        return ("recorded, " if row["recorded"] else "") + f"{100 * (mean / asked - 1):+.0f} % of asked"
    return str(row["verdict"])


def drawing(dataset: dict[str, Any]) -> str:
    """Return how a dataset was drawn."""
    found = dataset["drawing"] or {}
    method = str(found.get("method", "")).replace("_", " ")
    bins = found.get("train") or {}
    filled = f", {bins['filled']} of {bins['asked']} drawn ({bins['empty']} bins empty)" if {"asked", "filled", "empty"} <= set(bins) else ""
    single = f"; {found['labelled_singly']} labelled one by one" if found.get("labelled_singly") else ""
    return f"{method}{filled}; last {share(found.get('held_out_fraction'))} of each held out, {found.get('gap_frames')} frames of gap{single}"


def forces(model: dict[str, Any]) -> str:
    """Return the force error, absolute and relative to the spread."""
    if model["forces_mae_mev_per_angstrom"] is None:
        return UNKNOWN
    return f"{model['forces_mae_mev_per_angstrom']:.0f} ({share(model['forces_mae_relative'])})"


def coordination(value: Any) -> str:
    """Return a coordination number with its error."""
    return with_error(value) if pair(value)[0] is not None else UNKNOWN
