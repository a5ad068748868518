# SPDX-License-Identifier: MIT
"""`STAGE.KEY=VALUE`: what it becomes, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click
import pytest

from aiida_zif.cli.overrides import leaves, parse, refuse_unknown, refuse_unread

PLAN = {"aimd": {"run": {"steps": 10}, "points": [1, 2]}, "train": {"runs": {"nequip": {"epochs": 3}}, "limit": 0.3}}


def test_paths_become_nested_mappings_of_yaml() -> None:
    """Several paths of one stage end in one mapping; numbers, lists and words are YAML."""
    found = parse(["aimd.run.steps=10", "aimd.run.method=pbe-d3", "eos.volume_factors=[0.9, 1.0]", "md.wall=null"])
    assert found == {"aimd": {"run": {"steps": 10, "method": "pbe-d3"}}, "eos": {"volume_factors": [0.9, 1.0]}, "md": {"wall": None}}


@pytest.mark.parametrize("text", ["aimd", "aimd=1", "aimd.run.steps", ".steps=1", "aimd..steps=1", "aimd.run.steps=[1", "=1", ""])
def test_what_is_no_path_and_value_is_refused(text: str) -> None:
    """The sentence repeats what was typed."""
    with pytest.raises(click.BadParameter, match=r"should be STAGE\.KEY=VALUE|is no YAML") as caught:
        parse([text])
    assert repr(text) in caught.value.message


@pytest.mark.parametrize("texts", [["a.b=1", "a.b.c=2"], ["a.b=[1]", "a.b.c.d=2"]])
def test_whole_and_part_exclude_each_other(texts: list[str]) -> None:
    """A value cannot be set and be a mapping as well."""
    with pytest.raises(click.BadParameter, match="sets a part of what another"):
        parse(texts)


def test_leaves_are_the_values() -> None:
    """Every path ends at something that is no mapping."""
    assert leaves(PLAN) == [("aimd", "run", "steps"), ("aimd", "points"), ("train", "runs", "nequip", "epochs"), ("train", "limit")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("eos.order=2", "no eos; there are aimd, train"),
        ("aimd.step=2", "no aimd.step; there are run, points"),
        ("aimd.points.x=2", "aimd.points has no parts"),
        ("train.limit.x=1", "train.limit has no parts"),
    ],
)
def test_key_that_no_protocol_has_is_refused(text: str, words: str) -> None:
    """The sentence names the keys that there are."""
    with pytest.raises(click.BadParameter, match=words):
        refuse_unknown(parse([text]), PLAN)


@pytest.mark.parametrize(
    "text", ["aimd.run.steps=2", "aimd.run.max_scf=2", "train.runs.nequip.seed=2", "train.runs.big.l_max=2", "aimd.points=3"]
)
def test_key_of_a_protocol_or_of_a_run_passes(text: str) -> None:
    """A run may have more settings than the protocol says: it checks its keys itself."""
    refuse_unknown(parse([text]), PLAN)


def test_override_that_nobody_reads_is_refused() -> None:
    """It would be lost without a word; one over which the reader stumbles was read."""

    def inputs_of(change: Mapping[str, Any]) -> dict[str, Any]:
        run = {**PLAN["aimd"]["run"], **change.get("aimd", {}).get("run", {})}
        return {"run": run, "half": change.get("aimd", {}).get("points", [1])[0] / 2}

    refuse_unread({"aimd": {"run": {"steps": 4}, "points": [3]}}, "aimd", inputs_of)
    with pytest.raises(click.BadParameter, match=r"train\.limit changes nothing in zif\.aimd"):
        refuse_unread({"train": {"limit": 1}}, "aimd", inputs_of)


def test_override_is_tried_beside_the_others() -> None:
    """What one chooses another may change."""

    def inputs_of(change: Mapping[str, Any]) -> dict[str, Any]:
        stage = change.get("train", {})
        return {"run": stage.get("runs", {}).get(stage.get("model", "nequip"), {})}

    refuse_unread({"train": {"model": "allegro", "runs": {"allegro": {"batch": 1}}}}, "train", inputs_of)
    with pytest.raises(click.BadParameter, match=r"train\.runs\.allegro\.batch changes nothing"):
        refuse_unread({"train": {"runs": {"allegro": {"batch": 1}}}}, "train", inputs_of)
