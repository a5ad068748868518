# SPDX-License-Identifier: MIT
"""The birth certificate of a glass: what it is, how it was made, what it is like."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
from aiida.engine import calcfunction
from aiida.orm import ArrayData, Data, Dict, StructureData

from aiida_zif.calculations.plain import plain
from aiida_zif.science.statistics import Estimate, mean_with_error

GLASS, SOLID, DAMAGED, IMPORTED = "glass", "quenched solid, not molten", "damaged", "imported"
"""The kinds. Only what was molten with every linker whole is a glass; of what was made elsewhere it is not known here."""
SETTLED = 0.5
"""The first half of the crystal's preparation is not used for its energy."""
BELOW = 3.0
"""Errors by which an energy has to lie below that of the crystal to be remarked upon."""
STRUCTURE = ("density_g_per_cm3", "zn_n_coordination", "n_zn_n_angle_deg", "rings_per_cell")
NO_MECHANICS: dict[str, Any] = {"bulk_modulus_gpa": None, "density_0_g_per_cm3": None, "elasticity": None}


@calcfunction
def certify_glass(
    structure: StructureData, potential: Data, run: Dict, melt: Dict, linkers: Dict, analysis: Dict, thermo_melt: ArrayData,
    thermo_glass: ArrayData, made: Dict,
) -> Dict:  # fmt: skip
    """Return the certificate of ``structure``, which the ``potential`` made.

    ``kind`` is ``glass`` only where it was molten and every linker stayed whole; else ``quenched solid, not molten`` or ``damaged``.
    ``made`` tells what no output does: seed, start, supercell, time steps used, cost, versions, what names the model and its dataset.
    """
    whole, molten, known = bool(linkers["whole"]), bool(melt["molten"]), made.get_dict()
    energy, no_energy = energy_above_crystal(thermo_melt, thermo_glass, len(structure.sites))
    plan = run.get_dict()
    certificate: dict[str, Any] = {
        "certificate": "zif",
        "kind": DAMAGED if not whole else GLASS if molten else SOLID,
        "structure": str(structure.uuid),
        "formula": structure.get_formula(),
        "n_atoms": len(structure.sites),
        "molten": molten,
        "molten_ps": melt.get("molten_ps") if molten else 0.0,
        "held_ps": _held(plan),
        "tmax_k": melt.get("temperature_k"),
        "linkers_whole": whole,
        "linkers": {name: linkers.get_dict().get(name) for name in ("n_linkers", "transients", "breaks", "shortest_distance_angstrom")},
        "melt_quench": plan,
        "melt": {key: melt.get(key) for key in ("exchanged_share", "coordination_at_tmax", "sentence", "findings", "pmf_barrier_kj_mol")},
        **{name: analysis.get_dict().get(name) for name in STRUCTURE},
        "energy_above_crystal_mev_per_atom": energy,
        **({"energy_missing": no_energy} if no_energy else {}),
        "remarks": _remarks(energy),
        **known,
        **NO_MECHANICS,
    }
    return Dict(plain(certificate))


@calcfunction
def add_mechanics(certificate: Dict, **mechanics: Dict) -> Dict:
    """Return the certificate with what the ``eos`` and the ``elasticity`` found; a number without an error bar is not among it."""
    result = certificate.get_dict()
    eos, elasticity = (mechanics[name].get_dict() if name in mechanics else {} for name in ("eos", "elasticity"))
    if "bulk_modulus_gpa" in eos:
        for name in ("bulk_modulus_gpa", "density_0_g_per_cm3"):
            result[name], result[f"{name}_error"] = eos[name]
    elif eos:
        result["bulk_modulus_missing"] = eos["reason"]
    if elasticity:
        names = ("verdict", "n_eff", "sentence", "bulk_modulus_gpa", "young_modulus_gpa", "shear_modulus_gpa", "poisson_ratio")
        result["elasticity"] = {name: elasticity.get(name) for name in names}
    return Dict(result)


@calcfunction
def certify_imported(structure: StructureData, analysis: Dict, source: Dict) -> Dict:
    """Return the certificate of a structure that was made elsewhere: it says so, from where and with which hash, and what it is like.

    Whether it ever was a melt is not known here: ``molten`` is ``None``.
    """
    found = analysis.get_dict()
    certificate = {
        "certificate": "zif", "kind": IMPORTED, "structure": str(structure.uuid), "formula": structure.get_formula(),
        "n_atoms": len(structure.sites), "molten": None, "molten_ps": None, "linkers_whole": found["linkers"]["whole"],
        "linkers": {"n_linkers": found["linkers"]["n"]}, **{name: found.get(name) for name in STRUCTURE}, "model": None,
        "source": source.get_dict(), **NO_MECHANICS,
    }  # fmt: skip
    return Dict(plain(certificate))


def energy_above_crystal(thermo_melt: ArrayData, thermo_glass: ArrayData, n_atoms: int) -> tuple[Estimate | None, str]:
    """Return the mean potential energy of the production above that of the crystal's preparation, meV per atom, or why there is none."""
    crystal, glass = _energies(thermo_melt, "prepare"), _energies(thermo_glass, "production")
    crystal = crystal[round(SETTLED * len(crystal)) :]
    if len(crystal) < 2 or len(glass) < 2:
        return None, "no energies of the crystal" if len(crystal) < 2 else "no energies of the production"
    before, after = mean_with_error(crystal), mean_with_error(glass)
    factor = 1000.0 / n_atoms
    error = factor * sqrt(before.error**2 + after.error**2)
    return Estimate(factor * (after.mean - before.mean), error, min(before.n_eff, after.n_eff)), ""


def _remarks(energy: Estimate | None) -> list[str]:
    """Return what a reader should doubt."""
    if energy is None or not energy.mean + BELOW * energy.error < 0:
        return []
    found = f"its energy lies {-energy.mean:.1f} ± {energy.error:.1f} meV/atom below that of the crystal"
    return [f"{found}: a crystal that is no ground state at this volume, or a model that is wrong about the melt"]


def _energies(thermo: ArrayData, label: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    labels = thermo.base.attributes.get("stages", [])
    if label not in labels or "potential_energy" not in thermo.get_arraynames():
        return np.empty(0)
    values: np.ndarray[Any, Any] = thermo.get_array("potential_energy")[thermo.get_array("stage") == labels.index(label)]
    return values[np.isfinite(values)]


def _held(plan: dict[str, Any]) -> float:
    held = sum(stage["steps"] for stage in plan["stages"] if str(stage["label"]).startswith("plateau"))
    return float(round(held * plan["timestep_fs"] / 1000.0, 6))
