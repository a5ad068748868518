# SPDX-License-Identifier: MIT
"""The figures of labels: the audit of a trajectory, and what a draw took from what was offered. Numbers in, SVG bytes out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_zif.report.figures import COLOURS, GREY, INK, LIGHT, canvas
from aiida_zif.science.audit import Audit
from aiida_zif.science.sampling import Histogram

MOST_POINTS = 1500
"""Points of a curve or of a cloud: more make the file larger and nothing clearer."""
BAD = "#c92a2a"


def audit(found: Audit, name: str, asked_temperature: float | None = None, timestep_fs: float | None = None) -> bytes:
    """Return four panels: energy and temperature in time, ΔE against the work of the forces, how energies are distributed.

    Frames that are not usable are red; the verdict stands above.
    """
    evidence = found.evidence
    time, label = _time(found, timestep_fs)
    shown = _thinned(len(time))
    finite = evidence.energies[np.isfinite(evidence.energies)]
    energy = 1000 * (evidence.energies - (finite.mean() if len(finite) else 0.0)) / max(1, evidence.n_atoms)
    with canvas(2, 2, 4.4) as (figure, axes, buffer):
        verdict = "fit to train on" if found.passed else f"not passed: {', '.join(found.failed)}"
        figure.suptitle(f"{name} — {verdict}", x=0.01, ha="left", fontsize=9.5, color=INK if found.passed else BAD)
        _curve(axes[0, 0], time[shown], energy[shown], found.usable[shown])
        axes[0, 0].set_ylabel("energy / meV per atom")
        _curve(axes[1, 0], time[shown], evidence.temperatures[shown], found.usable[shown])
        axes[1, 0].set_ylabel("T / K")
        axes[1, 0].set_xlabel(label)
        if asked_temperature:
            axes[1, 0].axhline(asked_temperature, color=COLOURS[2], linestyle="--", linewidth=0.9, label="asked")
            axes[1, 0].legend(loc="upper right")
        _work(axes[0, 1], found)
        usual = energy[np.isfinite(energy)]
        if len(usual):
            axes[1, 1].hist(usual, bins=min(60, max(5, len(usual) // 5)), color=COLOURS[1])
        axes[1, 1].set_xlabel("energy / meV per atom")
        axes[1, 1].set_ylabel("frames")
        for axis in axes.flat:
            axis.locator_params(axis="x", nbins=5)
    return buffer.getvalue()


def dataset(histograms: Mapping[str, Histogram], counts: Mapping[str, int], n_atoms: int) -> bytes:
    """Return for each split that was drawn by bins of energy how many frames each bin offered; bins that offered none are marked."""
    with canvas(1, max(1, len(histograms)), 2.6, sharey=True) as (_, axes, buffer):
        for axis, (split, bins) in zip(axes[0], histograms.items(), strict=False):
            low = float(bins.lower.min())
            for group in np.unique(bins.group):
                mine = bins.group == group
                left, width = 1000 * (bins.lower[mine] - low) / n_atoms, 1000 * (bins.upper - bins.lower)[mine] / n_atoms
                edges = np.append(left, left[-1] + width[-1])
                axis.stairs(bins.offered[mine], edges, color=COLOURS[(int(group) + 1) % len(COLOURS)], fill=True, alpha=0.35)
            middle = 1000 * ((bins.lower + bins.upper) / 2 - low) / n_atoms
            full = bins.offered > 0
            axis.plot(middle[~full], np.full((~full).sum(), 0.5), "|", color=BAD, markersize=5, markeredgewidth=0.5, label="empty")
            axis.set_yscale("symlog", linthresh=1)
            axis.yaxis.set_major_formatter("{x:g}")
            axis.set_title(f"{split}: one frame of each of {full.sum()} bins")
            axis.set_xlabel("energy above the lowest / meV per atom")
        axes[0, 0].set_ylabel("frames offered per bin")
        if histograms:
            axes[0, 0].legend(loc="upper right")
        else:
            axes[0, 0].bar(list(counts), list(counts.values()), color=COLOURS[1])
            axes[0, 0].set_ylabel("frames")
    return buffer.getvalue()


def _time(found: Audit, timestep_fs: float | None) -> tuple[NDArray[Any], str]:
    evidence = found.evidence
    if len(evidence.times) and np.isfinite(evidence.times).all():
        return evidence.times, "time / ps"
    if evidence.steps is not None and timestep_fs:
        return evidence.steps * timestep_fs / 1000, "time / ps"
    return (np.arange(evidence.n_frames), "frame") if evidence.steps is None else (evidence.steps, "step")


def _thinned(n: int) -> NDArray[np.intp]:
    return np.unique(np.linspace(0, n - 1, min(n, MOST_POINTS)).astype(np.intp)) if n else np.empty(0, dtype=np.intp)


def _curve(axis: Any, time: NDArray[Any], values: NDArray[Any], usable: NDArray[np.bool_]) -> None:
    axis.plot(time, values, color=LIGHT)
    axis.plot(time, np.where(usable, values, np.nan), color=COLOURS[1])
    axis.plot(time[~usable], values[~usable], ".", color=BAD, markersize=3)


def _work(axis: Any, found: Audit) -> None:
    """Show the pairs that were compared, whether the labels turned out right or not."""
    evidence = found.evidence
    work, changes = evidence.work[1:], np.diff(evidence.energies)
    known = np.flatnonzero(np.isfinite(work) & np.isfinite(changes))
    known = known[_thinned(len(known))]
    axis.set_xlabel("work of the forces / eV")
    axis.set_ylabel("change of the energy / eV")
    if not len(known):
        axis.text(0.5, 0.5, "frames too far apart to be compared", color=GREY, ha="center", va="center", transform=axis.transAxes)
        return
    extent = float(np.abs(work[known]).max())
    axis.plot([-extent, extent], [-extent, extent], color=GREY, linewidth=0.8, label="energies and forces belong together")
    axis.plot(work[known], changes[known], ".", color=COLOURS[1], markersize=2.5)
    if found.consistency is not None:
        axis.set_title(f"slope {found.consistency.slope:.3g}, correlation {found.consistency.correlation:.4f}")
    axis.legend(loc="upper left")
