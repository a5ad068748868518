# SPDX-License-Identifier: MIT
"""The figures of solids and of time, one function each: numbers in, SVG bytes out, equal bytes for equal numbers."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from aiida_zif.report.numbers import with_error
from aiida_zif.science.eos import birch_murnaghan
from aiida_zif.science.units import EV_PER_CUBIC_ANGSTROM_IN_GPA

if TYPE_CHECKING:
    from aiida_zif.report.curves import Array, MeltQuench, StatePoint

INK, GREY, LIGHT = "#1f2933", "#7b8794", "#cbd2d9"
COLOURS = ("#1f2933", "#0b7285", "#d9480f", "#5f3dc4", "#2b8a3e", "#c2255c")
"""The crystal first, then the replicas."""
STYLE: Any = {
    "svg.hashsalt": "aiida-zif", "svg.fonttype": "path", "font.family": "DejaVu Sans", "font.size": 8.5, "axes.titlesize": 8.5,
    "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": GREY, "axes.labelcolor": INK, "text.color": INK,
    "axes.titlelocation": "left", "axes.linewidth": 0.7, "xtick.color": GREY, "ytick.color": GREY, "xtick.labelcolor": INK,
    "ytick.labelcolor": INK, "lines.linewidth": 1.2, "legend.frameon": False, "legend.fontsize": 8, "figure.dpi": 100,
    "text.parse_math": False,
}  # fmt: skip
WIDTH = 7.2
"""Inches, of a figure as wide as the page."""


SCREEN_DPI = 200
"""Of a figure as PNG."""


@contextmanager
def canvas(rows: int, columns: int, height: float, kind: str = "svg", **kwargs: Any) -> Iterator[tuple[Any, Any, io.BytesIO]]:
    """Yield figure, axes ``(rows, columns)`` and the buffer that holds the image at the end: ``kind`` is svg, pdf or png."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    buffer = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.subplots(rows, columns, squeeze=False, **kwargs)
        yield figure, axes, buffer
        if kind == "svg":
            figure.savefig(buffer, format="svg", metadata={"Date": None})
        else:
            figure.savefig(buffer, format=kind, dpi=SCREEN_DPI, metadata={"CreationDate": None} if kind == "pdf" else {})


def aimd(points: Sequence[StatePoint]) -> bytes:
    """Return temperature (above) and potential energy (below) of each state point in time; what was not used is grey."""
    with canvas(2, len(points), 3.5, sharex="col", sharey="row") as (_, axes, buffer):
        for k, point in enumerate(points):
            for axis, values in zip(axes[:, k], (point.temperature_k, point.energy_mev_per_atom), strict=True):
                axis.plot(point.time_ps, values, color=LIGHT)
                axis.plot(point.time_ps[point.used], values[point.used], color=COLOURS[1])
            axes[0, k].set_title(point.name)
            axes[1, k].set_xlabel("time / ps")
            if point.asked_temperature_k:
                axes[0, k].axhline(point.asked_temperature_k, color=COLOURS[2], linestyle="--", linewidth=0.9)
        axes[0, 0].set_ylabel("T / K")
        axes[1, 0].set_ylabel("energy / meV per atom")
        axes[0, 0].set_ylim(bottom=0)
    return buffer.getvalue()


def melt_quench(replicas: Sequence[MeltQuench]) -> bytes:
    """Return temperature and Zn–N coordination of every replica in time, from crystal to solid; the plateau is shaded."""
    with canvas(2, len(replicas), 3.6, sharex="col", sharey="row") as (_, axes, buffer):
        for k, replica in enumerate(replicas):
            above, below = axes[:, k]
            above.plot(replica.time_ps, replica.temperature_k, color=COLOURS[2], linewidth=0.7)
            below.plot(replica.frame_time_ps, replica.coordination, color=COLOURS[1], linewidth=1.0)
            for label, begin, end in replica.stages:
                if label.startswith("plateau"):
                    for axis in (above, below):
                        axis.axvspan(begin, end, color="#fff0e6", zorder=0, linewidth=0)
                for axis in (above, below):
                    axis.axvline(end, color=LIGHT, linewidth=0.6, zorder=0)
            for axis in (above, below):
                for time in replica.breaks_ps:
                    axis.axvline(time, color="#c92a2a", linewidth=1.0)
            above.set_title(replica.name)
            below.set_xlabel("time / ps")
        axes[0, 0].set_ylabel("T / K")
        axes[1, 0].set_ylabel("Zn–N coordination")
    return buffer.getvalue()


def rdf(structures: dict[str, Array]) -> bytes:
    """Return Zn–N radial distribution and running coordination number, crystal and solids."""
    with canvas(1, 2, 2.6) as (_, axes, buffer):
        for colour, (name, arrays) in zip(COLOURS, structures.items(), strict=False):
            axes[0, 0].plot(arrays["r"], arrays["g_zn_n"], color=colour, label=name)
            axes[0, 1].plot(arrays["r"], arrays["n_zn_n"], color=colour)
        axes[0, 0].set_ylabel("Zn–N g(r)")
        axes[0, 1].set_ylabel("N within r of a Zn")
        axes[0, 1].axhline(4, color=LIGHT, linewidth=0.7, zorder=0)
        for axis in axes[0]:
            axis.set_xlabel("r / Å")
            axis.set_xlim(1.5, None)
        axes[0, 1].set_ylim(0, 16)
        axes[0, 0].legend()
    return buffer.getvalue()


def angles(structures: dict[str, Array]) -> bytes:
    """Return the distribution of the N–Zn–N angle, crystal and solids."""
    with canvas(1, 1, 2.2) as (_, axes, buffer):
        axis = axes[0, 0]
        for colour, (name, arrays) in zip(COLOURS, structures.items(), strict=False):
            axis.plot(arrays["angle"], arrays["angle_density"], color=colour, label=name)
        axis.axvline(109.47, color=LIGHT, linewidth=0.7, zorder=0)
        axis.set_xlim(50, 180)
        axis.set_ylim(bottom=0)
        axis.set_xlabel("N–Zn–N angle / degree (grey line: tetrahedron)")
        axis.set_ylabel("density / 1/degree")
        axis.legend()
    return buffer.getvalue()


def rings(solids: dict[str, dict[str, Any]]) -> bytes:
    """Return the number of primitive rings per cell by size, a bar per solid with its spread over frames."""
    sizes = sorted({int(size) for found in solids.values() for size in found})
    with canvas(1, 1, 2.2) as (_, axes, buffer):
        axis, width = axes[0, 0], 0.8 / len(solids)
        for k, (name, found) in enumerate(solids.items()):
            at = np.arange(len(sizes)) + (k - (len(solids) - 1) / 2) * width
            none = {"mean": 0.0, "std": 0.0}
            means, spreads = ([found.get(str(size), none)[key] for size in sizes] for key in ("mean", "std"))
            bar = {"color": COLOURS[k % len(COLOURS)], "label": name, "error_kw": {"ecolor": GREY, "elinewidth": 0.8}}
            axis.bar(at, means, 0.92 * width, yerr=spreads, **bar)
        axis.set_xticks(range(len(sizes)), [str(size) for size in sizes])
        axis.set_xlabel("ring size / nodes of the Zn–linker net")
        axis.set_ylabel("rings per cell")
        axis.legend()
    return buffer.getvalue()


def pressure_volume(solids: dict[str, dict[str, Any]]) -> bytes:
    """Return P(V) of each solid with error bars of one standard error, and the fit where there is one."""
    with canvas(1, len(solids), 2.6, sharey=True) as (_, axes, buffer):
        for k, (name, found) in enumerate(solids.items()):
            axis, colour = axes[0, k], COLOURS[(k + 1) % len(COLOURS)]
            volumes = np.array(found["volumes_angstrom3"])
            in_ev = (np.array(found[f"{key}_ev_per_angstrom3"], dtype=float) for key in ("pressures", "errors"))
            pressures, errors = (EV_PER_CUBIC_ANGSTROM_IN_GPA * values for values in in_ev)
            axis.axhline(0, color=LIGHT, linewidth=0.7)
            axis.errorbar(volumes, pressures, errors, fmt="o", markersize=4, color=colour, capsize=2.5)
            title = name
            if found["bulk_modulus_gpa"] and found["order"] in (2, 3):
                fine = np.linspace(volumes.min(), volumes.max(), 200)
                k0, v0, prime = (found[key][0] for key in ("bulk_modulus_gpa", "volume_0_angstrom3", "k_prime"))
                axis.plot(fine, birch_murnaghan(fine, k0, v0, prime), color=colour, linewidth=0.9)
            if found["bulk_modulus_gpa"]:
                title += f": K = {with_error(found['bulk_modulus_gpa'], 'GPa')}"
            axis.set_title(title)
            axis.set_xlabel("volume / Å³")
        axes[0, 0].set_ylabel("pressure / GPa")
    return buffer.getvalue()


def cells(solids: dict[str, Array]) -> bytes:
    """Return volume and cell lengths of the strain fluctuation in time, relative to their means."""
    with canvas(1, len(solids), 2.4, sharey=True) as (_, axes, buffer):
        for k, (name, arrays) in enumerate(solids.items()):
            axis, cell = axes[0, k], arrays["cell"]
            volume = np.abs(np.linalg.det(cell))
            axis.plot(arrays["time_ps"], 100 * (volume / volume.mean() - 1), color=INK, label="volume")
            lengths = np.linalg.norm(cell, axis=2)
            for edge, colour in zip(range(3), COLOURS[1:], strict=False):
                relative = 100 * (lengths[:, edge] / lengths[:, edge].mean() - 1)
                axis.plot(arrays["time_ps"], relative, color=colour, linewidth=0.9, label="abc"[edge])
            axis.set_title(name)
            axis.set_xlabel("time / ps")
        axes[0, 0].set_ylabel("deviation from the mean / %")
        axes[0, 0].legend(ncols=2)
    return buffer.getvalue()


def timeline(jobs: Sequence[dict[str, Any]], wall_s: float) -> bytes:
    """Return when which job ran."""
    stages = list(dict.fromkeys(job["stage"] for job in jobs))
    jobs = sorted(jobs, key=lambda job: (stages.index(job["stage"]), job["start_s"]))
    with canvas(1, 1, 0.7 + 0.14 * len(jobs)) as (_, axes, buffer):
        axis = axes[0, 0]
        for row, job in enumerate(jobs):
            colour = COLOURS[(stages.index(job["stage"]) + 1) % len(COLOURS)]
            axis.barh(row, (job["end_s"] - job["start_s"]) / 60, left=job["start_s"] / 60, height=0.75, color=colour)
        axis.set_yticks([], [])
        middle = {stage: np.mean([row for row, job in enumerate(jobs) if job["stage"] == stage]) for stage in stages}
        axis.set_yticks(list(middle.values()), [stage.replace("_", " ") for stage in middle])
        axis.invert_yaxis()
        axis.set_xlim(0, wall_s / 60)
        axis.set_xlabel("time since submission / min")
    return buffer.getvalue()
