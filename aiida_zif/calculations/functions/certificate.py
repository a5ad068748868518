# SPDX-License-Identifier: MIT
"""The birth certificate of a glass: what it is, how it was made, what it is like."""

from __future__ import annotations

from typing import Any

from aiida.engine import calcfunction
from aiida.orm import Dict, StructureData


@calcfunction
def certify_glass(structure: StructureData, run: Dict, melt: Dict, linkers: Dict, analysis: Dict, **mechanics: Dict) -> Dict:
    """Return the certificate of ``structure``.

    ``kind`` is ``glass`` only where it was molten and every linker stayed whole; else ``quenched solid, not molten``
    or ``damaged``.
    """
    eos, elasticity = (mechanics[name].get_dict() if name in mechanics else {} for name in ("eos", "elasticity"))
    whole, molten = bool(linkers["whole"]), bool(melt["molten"])
    certificate: dict[str, Any] = {
        "kind": "damaged" if not whole else "glass" if molten else "quenched solid, not molten",
        "structure": str(structure.uuid),
        "molten": molten,
        "linkers_whole": whole,
        "melt_quench": run.get_dict(),
        "melt": {key: melt[key] for key in ("exchanged_share", "coordination_at_tmax", "sentence")},
        "density_g_per_cm3": analysis["density_g_per_cm3"]["mean"],
        "zn_n_coordination": analysis["zn_n_coordination"],
        "n_zn_n_angle_deg": analysis["n_zn_n_angle_deg"],
        "rings_per_cell": analysis["rings_per_cell"],
        "bulk_modulus_gpa": None,
        "density_0_g_per_cm3": None,
        "elasticity": None,
    }
    if "bulk_modulus_gpa" in eos:
        for name in ("bulk_modulus_gpa", "density_0_g_per_cm3"):
            certificate[name], certificate[f"{name}_error"] = eos[name]
    elif eos:
        certificate["bulk_modulus_missing"] = eos["reason"]
    if elasticity:
        names = ("verdict", "n_eff", "sentence", "bulk_modulus_gpa", "young_modulus_gpa", "shear_modulus_gpa", "poisson_ratio")
        certificate["elasticity"] = {name: elasticity.get(name) for name in names}
    return Dict(certificate)
