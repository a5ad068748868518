# SPDX-License-Identifier: MIT
"""Frames compared batch by batch are frames compared at once."""

from dataclasses import replace

import numpy as np
import pytest

from aiida_zif.science.accuracy import summarise
from aiida_zif.science.comparison import Comparison, compare_frames, join
from aiida_zif.science.frames import Frames


def pair(species: tuple[str, ...] = ("Zn", "N", "N", "H"), n: int = 7, seed: int = 0) -> tuple[Frames, Frames]:
    """Return random labels, and a prediction of them."""
    rng = np.random.default_rng(seed)
    shape = (n, len(species), 3)
    frames = Frames(
        species, rng.normal(size=shape), np.tile(np.eye(3) * 5, (n, 1, 1)), energies=rng.normal(size=n), forces=rng.normal(size=shape),
        stresses=rng.normal(size=(n, 6)) * 1e-2,
    )  # fmt: skip
    return frames, replace(frames, energies=frames.energies + 0.1, forces=frames.forces + rng.normal(size=shape) * 0.1)  # type: ignore[operator]


def test_parts_join_to_the_whole() -> None:
    """Cut anywhere, the joined parts hold the same numbers, and give the same errors."""
    reference, predicted = pair()
    whole = compare_frames(reference, predicted)
    parts = join([compare_frames(reference.select(cut), predicted.select(cut)) for cut in (slice(0, 1), slice(1, 5), slice(5, 7))])
    assert flat(parts) == pytest.approx(flat(whole))


def flat(found: Comparison) -> dict[str, float]:
    """Return every number of the errors, by its path."""
    numbers = {}
    for key, value in summarise(found).as_dict().items():
        numbers |= {f"{key}.{name}": item for name, item in value.items()} if isinstance(value, dict) else {key: value}
    return numbers


def test_other_elements_have_a_column_of_their_own() -> None:
    """Of frames with and without H, the error of H is that of the frames with H."""
    some, others = pair(), pair(("Zn", "C"), 3, seed=1)
    joined = join([compare_frames(*some), compare_frames(*others)])
    assert joined.elements == ("C", "H", "N", "Zn")
    found, alone = summarise(joined), summarise(compare_frames(*some))
    assert found.per_element["H"] == pytest.approx(alone.per_element["H"])
    assert found.n_atoms is None
    assert summarise(joined.select(np.arange(7))).per_element == pytest.approx(alone.per_element)


def test_mean_over_frames_of_different_size_is_that_of_all_components() -> None:
    """A frame of more atoms weighs more in the force error."""
    some, others = pair(), pair(("Zn", "C"), 3, seed=1)
    joined = summarise(join([compare_frames(*some), compare_frames(*others)]))
    errors = np.concatenate([(given.forces - frames.forces).ravel() for frames, given in (some, others)])  # type: ignore[operator]
    assert joined.forces_mae_mev_per_angstrom == pytest.approx(1000 * np.abs(errors).mean())
    assert joined.forces_rmse_mev_per_angstrom == pytest.approx(1000 * np.sqrt((errors**2).mean()))


def test_nothing_to_join_is_refused() -> None:
    """A sentence, and no empty mean."""
    with pytest.raises(ValueError, match="no frames"):
        join([])
