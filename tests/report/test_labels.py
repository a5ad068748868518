# SPDX-License-Identifier: MIT
"""The figures of an audit and of a dataset are well-formed SVG, whatever the labels are like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from aiida_zif.report import labels
from aiida_zif.science.audit import audit
from aiida_zif.science.sampling import Histogram, flat_histogram_draw

NAME = "melt $01 <b>&"


def text_of(svg: bytes) -> str:
    root = ElementTree.fromstring(svg)
    assert root.tag.endswith("svg")
    assert not {element.tag.rpartition("}")[2] for element in root.iter()} & {"script", "foreignObject", "image"}
    return svg.decode()


@pytest.mark.parametrize("n", [1, 2, 40, 4000])
def test_audit_becomes_a_figure(make_frames: Callable[..., Any], n: int) -> None:
    """One frame or thousands, thinned out: the file does not grow with the trajectory."""
    away = 0.02 * np.cos(0.3 * np.arange(n)[:, None, None] + np.arange(102).reshape(34, 3))
    frames = make_frames(n, positions=make_frames(1).positions[0] + away, energies=10 * (away**2).sum(axis=(1, 2)), forces=-20 * away)
    text = text_of(labels.audit(audit(frames, 300), NAME, 300.0, 0.5))
    assert len(text) < 1_500_000


def test_figure_of_labels_that_lack_nearly_everything(make_frames: Callable[..., Any]) -> None:
    """No temperature, no steps, NaN energies, frames far apart: still a figure."""
    frames = make_frames(30, temperatures=None, steps=None)
    frames.energies[3] = np.nan
    text_of(labels.audit(audit(frames, None), NAME))
    bare = replace(frames, energies=None, forces=None)
    text_of(labels.audit(audit(bare, None), NAME))


def test_equal_audits_give_equal_bytes(make_frames: Callable[..., Any]) -> None:
    """No date and no random ids."""
    first, second = (labels.audit(audit(make_frames(20), 300), NAME) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("groups", [None, np.repeat([0, 1], 250)])
def test_histograms_become_a_figure(groups: Any) -> None:
    """What each bin offered and gave; bins per trajectory in a colour of their own; a random draw shows its counts."""
    energies = np.random.default_rng(0).normal(size=500)
    bins = {
        split: flat_histogram_draw(energies, n, np.random.default_rng(1), groups).histogram
        for split, n in (("train", 60), ("validation", 8))
    }
    assert all(isinstance(found, Histogram) for found in bins.values())
    text_of(labels.dataset({name: found for name, found in bins.items() if found is not None}, {}, 34))
    text_of(labels.dataset({}, {"train": 3, "validation": 1, "held_out": 2}, 34))
