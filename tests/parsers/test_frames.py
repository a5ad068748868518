# SPDX-License-Identifier: MIT
"""`zif.frames`: what was written, or the program's own sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

COUNTS = {"train": 3, "validation": 1, "held_out": 2}


def facts(**counts: int) -> bytes:
    return json.dumps({"program": "zif-frames", "counts": {**COUNTS, **counts}, "sha256": {"train.xyz": "0a"}}).encode()


def test_facts_and_cost_come_home(parse: Callable[..., Any], dataset: Any) -> None:
    """Counts and hashes; the frames themselves stay."""
    found = parse("zif.frames", {"dataset": dataset}, {"frames.json": facts()})
    assert found.status == 0, found.message
    assert found.outputs["results"]["counts"] == COUNTS
    assert found.outputs["results"]["core_s"] == 63.0


def test_fewer_frames_than_the_dataset_has_are_refused(parse: Callable[..., Any], dataset: Any) -> None:
    """A file that is not the dataset's."""
    assert parse("zif.frames", {"dataset": dataset}, {"frames.json": facts(train=2)}).status == 332


def test_sentence_of_the_program_is_the_verdict(parse: Callable[..., Any], dataset: Any) -> None:
    """No facts: what the program said, or that the disk is full."""
    found = parse("zif.frames", {"dataset": dataset}, {}, b"zif-frames: unable to open file\n")
    assert (found.status, found.message) == (221, "The program refused its input: zif-frames: unable to open file")
    assert parse("zif.frames", {"dataset": dataset}, {}, b"zif-frames: [Errno 28] No space left on device\n").status == 412
    assert parse("zif.frames", {"dataset": dataset}, {}).status == 330
