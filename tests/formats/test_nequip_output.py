# SPDX-License-Identifier: MIT
"""What nequip-train's own output says of how a segment went."""

from __future__ import annotations

import pytest

from aiida_zif.formats import nequip_log
from aiida_zif.formats.nequip_log import parse_output, read, why_it_ended

TEXT = """\
[2026-11-25 02:34:20,198][nequip.scripts.train][INFO] - [rank: 0] TRAIN RUN START
[2026-11-25 02:34:20,481][pytorch_lightning.utilities.rank_zero][INFO] - Weights to learn: 10415872 on 4 x NVIDIA H100 80GB HBM3
[2026-11-25 02:34:22,611][pytorch_lightning.utilities.rank_zero][INFO] - Segment ends after epoch 0: 1.0 of 1 s used, an epoch takes 0.4 s.
[2026-11-25 02:34:22,621][nequip.scripts.train][INFO] - [rank: 0] TRAIN RUN END
"""
CURVE = read("epoch,val0_epoch/weighted_sum\n0,1.0\n1,0.5\n")


def test_size_and_device_are_told_exactly() -> None:
    """Lightning's own table would say 10.4 M."""
    found = parse_output(TEXT)
    assert (found.n_parameters, found.ranks, found.device) == (10415872, 4, "NVIDIA H100 80GB HBM3")


def test_output_cut_at_any_byte_says_less() -> None:
    """Never an exception, and never an end that was not reached."""
    for end in range(len(TEXT) - 1):
        found = parse_output(TEXT[:end])
        assert found.error is None
        assert not found.ended or end >= TEXT.index(nequip_log.ENDED) + len(nequip_log.ENDED)


@pytest.mark.parametrize(
    ("text", "done", "why"),
    [
        (TEXT, 2, "segment time"),
        (TEXT.replace("Segment ends", ""), 2, "patience"),
        (TEXT.replace("Segment ends", ""), 8, "asked epochs"),
        (TEXT[:200], 2, "killed"),
        (TEXT[:200] + "\nTraceback (most recent call last):\nValueError: bad\n", 2, "aborted"),
        (TEXT[:200] + "\nTraceback (most recent call last):\nlightning.pytorch.utilities.exceptions.SIGTERMException\n", 2, "killed"),
    ],
)
def test_why_a_segment_ended(text: str, done: int, why: str) -> None:
    """One word for each cause; of eight epochs asked."""
    assert why_it_ended(parse_output(text), CURVE, done, 8) == why


def test_a_loss_that_is_no_number_comes_first() -> None:
    """Whatever else the output says."""
    assert why_it_ended(parse_output(TEXT), read("epoch,val0_epoch/weighted_sum\n0,nan\n"), 8, 8) == "not a number"


def test_what_was_raised_is_the_error() -> None:
    """Not the hint that Hydra puts below it."""
    text = "Traceback (most recent call last):\n  File x\nhydra.errors.InstantiationException: Error locating target 'a.B'\nfull_key: c\n"
    assert parse_output(text).error == "hydra.errors.InstantiationException: Error locating target 'a.B'"
