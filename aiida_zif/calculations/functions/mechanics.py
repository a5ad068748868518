# SPDX-License-Identifier: MIT
"""Equation of state and elastic constants, on nodes."""

from __future__ import annotations

import numpy as np
from aiida.engine import calcfunction
from aiida.orm import ArrayData, Dict, StructureData

from aiida_zif.calculations.job import structure_arrays
from aiida_zif.calculations.plain import plain
from aiida_zif.formats.lammps_data import standard_masses
from aiida_zif.science import elasticity, eos, statistics


@calcfunction
def fit_equation_of_state(structure: StructureData, thermo: ArrayData, parameters: Dict) -> Dict:
    """Return K, ρ0 and V0 from the production stages of a run over volumes (``science.eos``).

    ``stages`` lists their labels, ``production_VOLUME`` and, of further sweeps, ``production_VOLUME_SWEEP``: a point per volume.

    The pressure is the one LAMMPS prints: virial and kinetic part, once. Its error is corrected for autocorrelation.
    Where P(V) has no physical equation of state, ``reason`` says why and no number is given.
    """
    wanted = parameters.get_dict()
    labels = thermo.base.attributes.get("stages")
    stage, pressure, volume = (thermo.get_array(name) for name in ("stage", "pressure", "volume"))
    points = []
    for number in dict.fromkeys(label.split("_")[1] for label in wanted["stages"]):
        sweeps = [labels.index(label) for label in wanted["stages"] if label.split("_")[1] == number]
        rows = np.isin(stage, sweeps)
        found = statistics.mean_of_series(pressure[rows], stage[rows])
        points.append((float(volume[rows].mean()), found.mean, found.error, found.n_eff))
    volumes, pressures, errors, n_eff = (np.array(column) for column in zip(*points, strict=True))
    species, _, _ = structure_arrays(structure)
    masses = standard_masses(sorted(set(species)))
    mass = sum(masses[symbol] for symbol in species)
    table = {"volumes_angstrom3": volumes, "pressures_ev_per_angstrom3": pressures, "errors_ev_per_angstrom3": errors, "n_eff": n_eff}
    common = {**table, "temperature_k": wanted["temperature_k"], "cell_shape": "fixed", "modulus": "Voigt"}
    try:
        fit = eos.fit_birch_murnaghan(volumes, pressures, errors, mass, order=wanted["order"])
    except ValueError as problem:
        return Dict(plain({**common, "reason": str(problem)}))
    return Dict(plain({**common, **fit.as_dict()}))


@calcfunction
def fit_elastic_constants(cells: ArrayData, parameters: Dict) -> Dict:
    """Return the stiffness tensor and K, E, G, ν from the cells of the production stages (``science.elasticity``)."""
    wanted = parameters.get_dict()
    labels = cells.base.attributes.get("stages")
    rows = np.isin(cells.get_array("stage"), [labels.index(label) for label in wanted["stages"]])
    common = {"temperature_k": wanted["temperature_k"], "n_cells": int(rows.sum())}
    try:
        found = elasticity.from_cells(cells.get_array("cell")[rows], wanted["temperature_k"], min_n_eff=wanted["min_n_eff"], discard=None)
    except ValueError as problem:
        return Dict(plain({**common, "verdict": "unphysical", "n_eff": 0.0, "sentence": str(problem)}))
    return Dict(plain({**common, **found.as_dict()}))
