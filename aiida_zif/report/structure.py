# SPDX-License-Identifier: MIT
"""The figures of structure, any number of sources laid over one another: numbers in, image out, equal bytes for equal numbers."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_zif.report.figures import COLOURS, GREY, LIGHT, canvas

Curves = Mapping[str, tuple[NDArray[np.float64], str]]
"""Of one source: by name, values and unit, as ``science.analysis`` gives them."""
Sources = Mapping[str, Curves]


def rdf_pmf(sources: Sources, kind: str = "svg") -> bytes:
    """Return g(r) of Zn–N and Zn–Zn with bands of one standard error, the running number of N, and the potential of mean force."""
    with canvas(2, 2, 4.6, kind) as (_, axes, buffer):
        (near, force), (far, number) = axes
        for colour, name, curves in _coloured(sources):
            for axis, pair in ((near, "zn_n"), (far, "zn_zn")):
                _band(axis, curves["r"][0], curves[f"g_{pair}"][0], curves[f"g_{pair}_error"][0], colour, name)
            number.plot(curves["r"][0], curves["n_zn_n"][0], color=colour)
            if "pmf_zn_n" in curves:
                energy = curves["pmf_zn_n"][0]
                force.plot(curves["pmf_r"][0], np.where(np.isfinite(energy), energy, np.nan), color=colour, marker=".", markersize=2)
        for axis, label in ((near, "Zn–N g(r)"), (far, "Zn–Zn g(r)"), (number, "N within r of a Zn"), (force, "Zn–N PMF / eV")):
            axis.set_xlabel("r / Å")
            axis.set_ylabel(label)
            if axis.lines:
                axis.set_xlim(1.0, None)
        number.set_ylim(0, 16)
        number.axhline(4, color=LIGHT, linewidth=0.7, zorder=0)
        if not force.lines:
            force.text(0.5, 0.5, "no temperature was given", transform=force.transAxes, ha="center", color=GREY)
        near.legend()
    return buffer.getvalue()


def angles(sources: Sources, kind: str = "svg") -> bytes:
    """Return the distribution of the N–Zn–N angle with bands of one standard error, and its potential of mean force where known."""
    forced = any("pmf_angle" in curves for curves in sources.values())
    with canvas(1, 2 if forced else 1, 2.4, kind) as (_, axes, buffer):
        for colour, name, curves in _coloured(sources):
            _band(axes[0, 0], curves["angle"][0], curves["angle_density"][0], curves["angle_density_error"][0], colour, name)
            if "pmf_angle" in curves:
                energy = curves["pmf_angle"][0]
                axes[0, 1].plot(curves["angle"][0], np.where(np.isfinite(energy), energy, np.nan), color=colour)
        for axis, label in zip(axes[0], ("density / 1/degree", "PMF / eV"), strict=False):
            axis.axvline(109.47, color=LIGHT, linewidth=0.7, zorder=0)
            axis.set_xlim(50, 180)
            axis.set_xlabel("N–Zn–N angle / degree (grey line: tetrahedron)")
            axis.set_ylabel(label)
        axes[0, 0].legend()
    return buffer.getvalue()


def rings(solids: Mapping[str, Mapping[str, Any]], kind: str = "svg") -> bytes:
    """Return primitive rings per Zn by size, a bar per source with one standard error; ``solids`` are ``rings_per_node``."""
    sizes = sorted({int(size) for found in solids.values() for size in found})
    with canvas(1, 1, 2.6, kind) as (_, axes, buffer):
        axis, width = axes[0, 0], 0.8 / len(solids)
        for k, ((name, found), colour) in enumerate(zip(solids.items(), cycle(COLOURS), strict=False)):
            at = np.arange(len(sizes)) + (k - (len(solids) - 1) / 2) * width
            means, errors = ([(found.get(str(size)) or {}).get(key) or 0.0 for size in sizes] for key in ("mean", "error"))
            axis.bar(at, means, 0.92 * width, yerr=errors, color=colour, label=name, error_kw={"ecolor": GREY, "elinewidth": 0.8})
        axis.set_xticks(range(len(sizes)), [str(size) for size in sizes])
        axis.set_xlabel("ring size / nodes of the Zn–linker net")
        axis.set_ylabel("rings per Zn")
        axis.legend()
    return buffer.getvalue()


def coordination(sources: Sources, kind: str = "svg") -> bytes:
    """Return the mean Zn–N coordination of each frame in time."""
    with canvas(1, 1, 2.4, kind) as (_, axes, buffer):
        for colour, name, curves in _coloured(sources):
            axes[0, 0].plot(*_in_time(curves, curves["coordination"][0]), color=colour, label=name)
        _label(axes[0, 0], sources, "Zn–N coordination")
    return buffer.getvalue()


def msd(sources: Sources, kind: str = "svg") -> bytes:
    """Return the mean squared displacement of Zn and N over the lag, to half the run: beyond it rests on few origins."""
    with canvas(1, 2, 2.4, kind, sharey=True) as (_, axes, buffer):
        for axis, species in zip(axes[0], ("zn", "n"), strict=True):
            for colour, name, curves in _coloured(sources):
                half = len(curves["msd_time"][0]) // 2 + 1
                axis.plot(curves["msd_time"][0][:half], curves[f"msd_{species}"][0][:half], color=colour, label=name)
            unit = ", ".join(sorted({curves["msd_time"][1] for curves in sources.values()}))
            axis.set_xlabel(f"lag / {unit}")
            axis.set_title(species.capitalize())
        axes[0, 0].set_ylabel("⟨r²⟩ / Å²")
        axes[0, 0].legend()
    return buffer.getvalue()


def pores_linkers(sources: Sources, kind: str = "svg") -> bytes:
    """Return the pore volume and the share of whole linkers in time."""
    with canvas(2, 1, 3.6, kind, sharex=True) as (_, axes, buffer):
        for colour, name, curves in _coloured(sources):
            if "pore_volume" in curves:
                time, _ = _in_time(curves, curves["coordination"][0])
                at = time[curves["pore_frame"][0].astype(int)]
                axes[0, 0].plot(at, curves["pore_volume"][0], color=colour, marker=".", markersize=3)
            axes[1, 0].plot(*_in_time(curves, curves["intact_share"][0]), color=colour, label=name)
        axes[0, 0].set_ylabel("pores / cm³/kg")
        axes[1, 0].set_ylim(top=1.02)
        _label(axes[1, 0], sources, "whole linkers")
    return buffer.getvalue()


def scattering(sources: Sources, kind: str = "svg") -> bytes:
    """Return S(q) and D(r) of X-rays (above) and neutrons."""
    with canvas(2, 2, 4.6, kind) as (_, axes, buffer):
        for row, radiation, title in ((0, "xray", "X-rays"), (1, "neutron", "neutrons")):
            for colour, name, curves in _coloured(sources):
                if f"s_{radiation}" in curves:
                    axes[row, 0].plot(curves["q"][0], curves[f"s_{radiation}"][0], color=colour, label=name)
                    axes[row, 1].plot(curves["far_r"][0], curves[f"d_{radiation}"][0], color=colour)
            axes[row, 0].set_title(title)
            axes[row, 0].set_xlim(0, 20)
            axes[row, 0].set_xlabel("q / 1/Å")
            axes[row, 0].set_ylabel("S(q)")
            axes[row, 1].set_xlabel("r / Å")
            axes[row, 1].set_ylabel("D(r) / 1/Å²")
            axes[row, 1].set_xlim(0, 12)
        axes[0, 0].legend()
    return buffer.getvalue()


def _coloured(sources: Sources) -> list[tuple[str, str, Curves]]:
    return [(colour, name, curves) for (name, curves), colour in zip(sources.items(), cycle(COLOURS), strict=False)]


def _band(axis: Any, x: Any, y: Any, error: Any, colour: str, name: str) -> None:
    axis.plot(x, y, color=colour, label=name)
    if np.isfinite(error).any():
        axis.fill_between(x, y - error, y + error, color=colour, alpha=0.25, linewidth=0)


def _in_time(curves: Curves, values: Any) -> tuple[Any, Any]:
    """Return time and values: ps, else the number of the frame."""
    time = curves["times"][0] - curves["times"][0][0] if "times" in curves else np.arange(len(values))
    return time, values


def _label(axis: Any, sources: Sources, what: str) -> None:
    timed = ["times" in curves for curves in sources.values()]
    axis.set_xlabel("time / ps" if all(timed) else "frame" if not any(timed) else "time / ps, or frame where no time is known")
    axis.set_ylabel(what)
    axis.legend()
