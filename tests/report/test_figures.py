# SPDX-License-Identifier: MIT
"""The figures: each is well-formed SVG, equal for equal numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from aiida_zif.report import figures
from aiida_zif.report.curves import MeltQuench, StatePoint

NAME = "glass $01 <b>&"
"""A label may hold what mathtext, XML or HTML would trip over."""


def state_point() -> StatePoint:
    time = np.linspace(0, 0.1, 50)
    return StatePoint(NAME, 300.0, time, 300 + 20 * np.sin(90 * time), np.abs(40 * np.sin(50 * time)), time > 0.02)


def replica() -> MeltQuench:
    time = np.linspace(0, 10, 50)
    return MeltQuench(NAME, time, 300 + 100 * time, time, 4 - 0.1 * time, (("heat", 0.0, 3.0), ("plateau", 3.0, 8.0)), (7.5,))


def draw(name: str, facts: dict[str, Any], arrays: dict[str, Any]) -> bytes:
    glass = facts["glasses"][0]
    cell = {"time_ps": np.arange(5.0), "cell": np.eye(3) * np.linspace(17, 17.2, 5)[:, None, None]}
    drawings: dict[str, Callable[[], bytes]] = {
        "aimd": lambda: figures.aimd([state_point(), state_point()]),
        "melt_quench": lambda: figures.melt_quench([replica()]),
        "rdf": lambda: figures.rdf({"crystal": arrays, NAME: arrays}),
        "angles": lambda: figures.angles({"crystal": arrays, NAME: arrays}),
        "rings": lambda: figures.rings({"crystal": glass["rings_per_cell"], NAME: {"10": {"mean": 2.0, "std": 0.0}}}),
        "pressure_volume": lambda: figures.pressure_volume({NAME: glass["equation_of_state"]}),
        "cells": lambda: figures.cells({NAME: cell}),
        "timeline": lambda: figures.timeline(facts["cost"]["jobs"], 100.0),
    }
    return drawings[name]()


NAMES = ["aimd", "melt_quench", "rdf", "angles", "rings", "pressure_volume", "cells", "timeline"]


@pytest.mark.parametrize("name", NAMES)
def test_figure_is_svg(name: str, facts: dict[str, Any], arrays: dict[str, Any]) -> None:
    """Numbers and hostile names give an image that a browser can read, with nothing in it that runs."""
    root = ElementTree.fromstring(draw(name, facts, arrays))
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert root.tag.endswith("svg")
    assert not tags & {"script", "foreignObject", "image"}


def test_equal_numbers_give_equal_bytes(facts: dict[str, Any], arrays: dict[str, Any]) -> None:
    """No date and no random ids."""
    assert draw("rdf", facts, arrays) == draw("rdf", facts, arrays)


def test_equation_of_state_without_a_fit_shows_its_points(facts: dict[str, Any]) -> None:
    """Where P(V) was refused the points are what there is to see."""
    found = {**facts["glasses"][0]["equation_of_state"], "bulk_modulus_gpa": None, "volume_0_angstrom3": None, "order": None}
    assert b"<svg" in figures.pressure_volume({"solid 02": found})
