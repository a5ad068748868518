# SPDX-License-Identifier: MIT
"""Which of several models to take: the front of error against cost, and the best by a rule that is stated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite


@dataclass(frozen=True)
class Candidate:
    """One model, or several of the same kind. Raises ``ValueError`` for a number that is not finite or a spread below 0."""

    cost: float
    """What a call costs; the less the better."""
    error: float
    """How wrong it is; the less the better."""
    spread: float | None = None
    """Standard deviation of the error over seeds, in its unit; ``None`` where there is one seed only."""

    def __post_init__(self) -> None:
        for name, value in (("cost", self.cost), ("error", self.error), ("spread", self.spread or 0.0)):
            if not isfinite(value) or (name == "spread" and value < 0):
                raise ValueError(f"the {name} is {value}, but must be a finite number{' of at least 0' if name == 'spread' else ''}")

    def dominates(self, other: Candidate) -> bool:
        """Return whether this one is nowhere worse than ``other`` and somewhere better."""
        return self.cost <= other.cost and self.error <= other.error and (self.cost, self.error) != (other.cost, other.error)


@dataclass(frozen=True)
class Pick:
    """What the rule chose, and why."""

    name: str | None
    """``None`` where no candidate was allowed."""
    tied: tuple[str, ...]
    """All whose error lies within one spread of the lowest, by name."""
    sentence: str


def front(candidates: Mapping[str, Candidate]) -> list[str]:
    """Return the names of those that no other dominates, from the cheapest to the dearest; equals stand side by side, by name."""
    best = [name for name, one in candidates.items() if not any(other.dominates(one) for other in candidates.values())]
    return sorted(best, key=lambda name: (candidates[name].cost, candidates[name].error, name))


def pick(candidates: Mapping[str, Candidate], max_cost: float | None = None) -> Pick:
    """Return the candidate of the lowest error among those that cost at most ``max_cost``; ties go to the cheaper.

    A tie is an error at most one spread of the leader above the leader's. The choice does not depend on the order of the candidates.
    """
    within = "" if max_cost is None else f" that cost at most {max_cost:g}"
    allowed = {name: one for name, one in candidates.items() if max_cost is None or one.cost <= max_cost}
    if not allowed:
        return Pick(None, (), f"none of {len(candidates)} candidates is to be chosen{within}" if candidates else "there is no candidate")
    leader = min(allowed, key=lambda name: (allowed[name].error, allowed[name].cost, name))
    limit = allowed[leader].error + (allowed[leader].spread or 0.0)
    tied = sorted(name for name, one in allowed.items() if one.error <= limit)
    chosen = min(tied, key=lambda name: (allowed[name].cost, allowed[name].error, name))
    if chosen == leader:
        return Pick(chosen, tuple(tied), f"{chosen} has the lowest error of {len(allowed)}{within}")
    more = f"{chosen} is the cheapest of {len(tied)} whose error lies within one spread of that of {leader}, the lowest of {len(allowed)}"
    return Pick(chosen, tuple(tied), f"{more}{within}")
