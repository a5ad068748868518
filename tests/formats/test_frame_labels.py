# SPDX-License-Identifier: MIT
"""Where frames came from, in a file beside them."""

from pathlib import Path

import numpy as np
import pytest

from aiida_zif.formats import frame_labels
from aiida_zif.science.breakdown import Origins


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Numbers, steps, temperatures, and one that is not known."""
    origins = Origins(np.array([0, 3]), np.array([7, 10**9]), np.array([291.25, np.nan]))
    path = tmp_path / "labels.txt"
    path.write_text(frame_labels.render(origins))
    found = frame_labels.read(path)
    assert found.trajectory.tolist() == [0, 3]
    assert found.step.tolist() == [7, 10**9]
    assert np.array_equal(found.temperature, origins.temperature, equal_nan=True)


@pytest.mark.parametrize(
    "text", ["", "1 2 3\n", f"{frame_labels.HEADER}0 1\n", f"{frame_labels.HEADER}0 1 300", f"{frame_labels.HEADER}a b c\n"]
)
def test_anything_else_is_refused(text: str, tmp_path: Path) -> None:
    """In a sentence that names the file."""
    path = tmp_path / "labels.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"labels\.txt does not tell where frames came from"):
        frame_labels.read(path)
