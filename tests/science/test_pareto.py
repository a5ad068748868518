# SPDX-License-Identifier: MIT
"""Front and choice where the answer is known, and what holds whatever the candidates are."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_zif.science.pareto import Candidate, front, pick

NUMBERS = st.integers(0, 6).map(float)
CANDIDATES = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=2),
    st.builds(Candidate, NUMBERS, NUMBERS, st.none() | st.integers(0, 2).map(float)),
    max_size=8,
)
PAPER = {
    "l1_r6": Candidate(240, 20.5), "l2_r4": Candidate(371, 20.7), "l2_r5": Candidate(369, 16.3),
    "l2_r6_no_parity": Candidate(280, 16.4), "l2_r6": Candidate(452, 15.2), "l2_r6_flat": Candidate(453, 17.8),
}  # fmt: skip


def test_front_of_the_published_screening() -> None:
    """Of six models of Table 1 of doi:10.1039/D3DD00236E four are worth their cost."""
    assert front(PAPER) == ["l1_r6", "l2_r6_no_parity", "l2_r5", "l2_r6"]


def test_choice_of_the_published_screening() -> None:
    """The lowest force error, or with at most 300 µs a call the model that was deployed."""
    assert pick(PAPER).name == "l2_r6"
    assert pick(PAPER, max_cost=300).name == "l2_r6_no_parity"


def test_tie_goes_to_the_cheaper() -> None:
    """Within one spread of the leader nobody knows which is better; the sentence says so."""
    found = pick({"dear": Candidate(9, 10.0, 1.0), "cheap": Candidate(2, 10.9, 0.1), "cheapest": Candidate(1, 11.1, 5.0)})
    assert (found.name, found.tied) == ("cheap", ("cheap", "dear"))
    assert "within one spread of that of dear" in found.sentence


def test_without_a_spread_there_is_no_tie() -> None:
    """One seed only: the lowest number wins."""
    assert pick({"dear": Candidate(9, 10.0), "cheap": Candidate(2, 10.0001)}).name == "dear"


def test_nothing_to_choose_from() -> None:
    """No candidate, or none that is cheap enough, is said in words."""
    assert pick({}) == pick({}, 3.0)
    assert pick({}).name is None
    found = pick(PAPER, max_cost=100)
    assert found.name is None
    assert "at most 100" in found.sentence


@pytest.mark.parametrize("values", [(float("nan"), 1.0), (1.0, float("inf")), (1.0, 1.0, -1.0), (1.0, 1.0, float("nan"))])
def test_what_is_no_number_is_refused(values: Any) -> None:
    """A diverged model must not stand on a front because NaN compares as false."""
    with pytest.raises(ValueError, match="must be a finite number"):
        Candidate(*values)


@given(CANDIDATES)
def test_no_member_is_dominated_and_every_other_is(candidates: dict[str, Candidate]) -> None:
    """The front is what no candidate dominates; whatever is not on it is dominated by a member."""
    members = front(candidates)
    assert bool(members) == bool(candidates)
    for name, one in candidates.items():
        if name in members:
            assert not any(other.dominates(one) for other in candidates.values())
        else:
            assert any(candidates[member].dominates(one) for member in members)


@given(CANDIDATES, st.randoms())
def test_order_has_no_part_in_it(candidates: dict[str, Candidate], random: Any) -> None:
    """Front and choice are the same however the candidates are listed."""
    names = list(candidates)
    random.shuffle(names)
    shuffled = {name: candidates[name] for name in names}
    assert front(shuffled) == front(candidates)
    assert pick(shuffled) == pick(candidates)


@given(CANDIDATES, st.none() | NUMBERS)
def test_choice_lies_on_the_front_of_what_is_allowed(candidates: dict[str, Candidate], max_cost: float | None) -> None:
    """Whoever is chosen is not dominated by any that is allowed, and does not cost more than that."""
    found = pick(candidates, max_cost)
    allowed = {name: one for name, one in candidates.items() if max_cost is None or one.cost <= max_cost}
    assert (found.name is None) == (not allowed)
    if found.name is not None:
        assert found.name in front(allowed)
