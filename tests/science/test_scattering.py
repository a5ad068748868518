# SPDX-License-Identifier: MIT
"""Total scattering where it is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from aiida_zif.science import rdf, scattering

R = np.arange(0.005, 20.0, 0.01)


def test_an_ideal_gas_scatters_evenly():
    """g = 1 gives S = 1 and D = 0, for both radiations."""
    for radiation in ("xray", "neutron"):
        ones = {("Zn", "Zn"): np.ones(len(R)), ("N", "Zn"): np.ones(len(R)), ("N", "N"): np.ones(len(R))}
        found = scattering.total_scattering(("Zn", "N", "N"), 100.0, R, ones, radiation)
        np.testing.assert_allclose(found.s, 1.0)
        np.testing.assert_allclose(found.d, 0.0, atol=1e-12)


@pytest.mark.parametrize("radiation", ["xray", "neutron"])
def test_a_diatomic_gas_scatters_as_debye_says(radiation):
    """⟨f⟩² (S − 1) = f_a f_b / 2 · sin(qd)/(qd), d = 2 Å, the two atoms of a molecule in 10⁶ Å³; D peaks at 2 Å."""
    volume, distance = 1e6, 2.005
    bond = np.where(np.abs(R - distance) < 1e-9, volume / (4 * np.pi * distance**2 * 0.01), 0.0)
    partials = {("Zn", "Zn"): np.ones(len(R)), ("Zn", "N"): 1 + bond, ("N", "N"): np.ones(len(R))}
    found = scattering.total_scattering(("Zn", "N"), volume, R, partials, radiation)
    zinc, nitrogen = (scattering.strengths(symbol, found.q, radiation) for symbol in ("Zn", "N"))
    window = np.sinc(distance / 20.0)
    expected = zinc * nitrogen / 2 / ((zinc + nitrogen) / 2) ** 2 * np.sinc(found.q * distance / np.pi) * 2 * window
    np.testing.assert_allclose(found.s - 1, expected, rtol=1e-3, atol=1e-6)
    assert found.r[np.argmax(found.d)] == pytest.approx(distance, abs=0.02)


def test_no_intensity_is_negative(zif4):
    """ZIF-4 at 600 K: S is above 1 − ⟨f²⟩/⟨f⟩² but for the ripple of a transform that ends, and its D(r) has the C–N bond as first peak."""
    frame = zif4.select([0, 26, 52])
    elements = sorted(set(frame.species))
    found = {(a, b): rdf.radial_distribution(frame, a, b, 18.0, 900) for k, a in enumerate(elements) for b in elements[k:]}
    partials = {pair: one.g for pair, one in found.items()}
    r = found["C", "C"].r
    for radiation in ("xray", "neutron"):
        seen = scattering.total_scattering(frame.species, float(frame.volumes[0]), r, partials, radiation)
        strength = np.stack([scattering.strengths(symbol, seen.q, radiation) for symbol in frame.species])
        bound = 1 - (strength**2).mean(axis=0) / strength.mean(axis=0) ** 2
        assert (seen.s > bound - 0.3).all()
        assert seen.r[np.argmax(seen.d * (seen.r < 1.6))] == pytest.approx(1.37, abs=0.05)


def test_forward_scattering_counts_the_electrons():
    """f(0) is the number of electrons, to the accuracy of the tables."""
    for symbol, electrons in {"H": 1, "C": 6, "N": 7, "Zn": 30}.items():
        assert scattering.strengths(symbol, np.zeros(1), "xray")[0] == pytest.approx(electrons, abs=0.02)


def test_scattering_lengths_are_those_of_pymatgen():
    """A second table of the same measurements."""
    module = pytest.importorskip("pymatgen.analysis.diffraction", reason="pymatgen, whose table is compared with, is not installed")
    table = json.loads((Path(next(iter(module.__path__))) / "neutron_scattering_length.json").read_text())
    assert {symbol: table[symbol] for symbol in ("H", "C", "N", "Zn")} == {
        symbol: scattering.SCATTERING_LENGTHS[symbol] for symbol in ("H", "C", "N", "Zn")
    }


def test_what_is_not_known_is_refused():
    """A pair that is missing, an element without numbers, a q beyond the tables."""
    with pytest.raises(ValueError, match="N and Zn is missing"):
        scattering.total_scattering(("Zn", "N"), 1.0, R, {("Zn", "Zn"): R, ("N", "N"): R}, "xray")
    with pytest.raises(ValueError, match="how Xe scatters neutron"):
        scattering.total_scattering(("Xe",), 1.0, R, {("Xe", "Xe"): R}, "neutron")
    with pytest.raises(ValueError, match="at most"):
        scattering.total_scattering(("Zn",), 1.0, R, {("Zn", "Zn"): R}, "xray", q_max=40.0)
