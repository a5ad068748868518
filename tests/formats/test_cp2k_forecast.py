# SPDX-License-Identifier: MIT
"""Forecasts: of the right order, said in words, and measured where something was measured."""

import pytest

from aiida_zif.formats import cp2k_forecast
from aiida_zif.formats.cp2k_method import METHODS


def test_every_method_has_a_figure():
    """A level of theory without one could not be forecast."""
    assert set(cp2k_forecast.ROUGH_CORE_S) == set(METHODS)


@pytest.mark.parametrize(("method", "seconds"), [("gfn1-xtb", 7.5), ("pbe-d3", 150.0)])
def test_rough_figures_meet_the_other_size_that_was_run(method, seconds):
    """Those of 34 atoms, scaled to the 272 of ZIF-4."""
    assert cp2k_forecast.forecast(method, 272, 1).core_s == pytest.approx(seconds, rel=0.05)


def test_measured_figures_take_their_place():
    """Scaled to the number of atoms with the same power, and said to be measured."""
    found = cp2k_forecast.forecast("pbe-d3", 68, 100, measured=(2.0, 34))
    assert found.core_s == pytest.approx(400.0)
    assert "measured in earlier runs" in found.sentence
    assert "rough" in (found + cp2k_forecast.forecast("pbe-d3", 68, 100)).sentence


def test_sentence_has_time_frames_and_bytes():
    """The paper's set: 21 GB of text for each quantity of 1.19 million frames."""
    found = cp2k_forecast.forecast("pbe-d3", 272, 1189836)
    assert found.text_bytes / 3 == pytest.approx(21e9, rel=0.2)
    for words in ("1189836 steps", "years of core time", "GB of text", "GB in the repository"):
        assert words in found.sentence
