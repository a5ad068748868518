# SPDX-License-Identifier: MIT
"""The figures of models: how they learned, and how far they are from their reference. Numbers in, SVG or PNG bytes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aiida_zif.report.figures import COLOURS, GREY, canvas
from aiida_zif.science.units import EV_PER_CUBIC_ANGSTROM_IN_MPA

if TYPE_CHECKING:
    from aiida_zif.report.curves import Array

WATCHED = "val0_epoch_weighted_sum"
"""What decides which epoch was best."""
CURVES: tuple[tuple[str, float, tuple[tuple[str, str, str], ...]], ...] = (
    ("loss, and what is watched", 1.0, (("train_loss_epoch_weighted_sum", ":", "loss, training"), (WATCHED, "-", "watched, validation"))),
    ("force MAE / meV/Å", 1000.0, (("train_metric_epoch_forces_mae", ":", "training"), ("val0_epoch_forces_mae", "-", "validation"))),
    (
        "energy MAE / meV per atom", 1000.0,
        (("train_metric_epoch_per_atom_energy_mae", ":", "training"), ("val0_epoch_per_atom_energy_mae", "-", "validation")),
    ),
    (
        "stress MAE / MPa", EV_PER_CUBIC_ANGSTROM_IN_MPA,
        (("train_metric_epoch_stress_mae", ":", "training"), ("val0_epoch_stress_mae", "-", "validation")),
    ),
)  # fmt: skip
"""Panels: label, factor, and columns by nequip's names with their line and what they are of; a panel without one is left out."""
ERRORS: tuple[tuple[str, str, str], ...] = (
    ("energy_mae_mev_per_atom", "energy_mae_error_mev_per_atom", "energy MAE / meV per atom"),
    ("forces_mae_mev_per_angstrom", "forces_mae_error_mev_per_angstrom", "force MAE / meV/Å"),
    ("stress_mae_mpa", "stress_mae_error_mpa", "stress MAE / MPa"),
)
MOST_POINTS = 2000
"""Points of a cloud; and from a tenth of them on it is an image within the figure, which then is no larger for more of them."""


def _sparse(value: float, _: int) -> str:
    """Return the labels 2, 3 and 5 of each decade."""
    return f"{value:g}" if f"{value:e}"[0] in "235" else ""


def best_epoch(columns: Array) -> int | None:
    """Return the epoch, from 1 on, whose weights are the model's: that of the lowest watched error. ``None`` where none was watched."""
    watched = columns.get(WATCHED)
    if watched is None or not np.isfinite(watched).any():
        return None
    return int(columns["step"][np.nanargmin(np.where(np.isfinite(watched), watched, np.nan))]) + 1


def learning_curves(models: Mapping[str, Array], kind: str = "svg") -> bytes:
    """Return loss and mean absolute errors on training and validation frames by epoch, over all segments; the best epoch is marked."""
    panels = [panel for panel in CURVES if any(_known(columns, name).any() for columns in models.values() for name, _, _ in panel[2])]
    panels = panels or [CURVES[0]]
    columns_of_axes = 2 if len(panels) == 4 else len(panels)
    rows = -(-len(panels) // columns_of_axes)
    with canvas(rows, columns_of_axes, 2.4 * rows, kind) as (_, axes, buffer):
        for axis, (label, factor, lines) in zip(axes.flat, panels, strict=False):
            for k, (name, columns) in enumerate(models.items(), 1):
                colour = COLOURS[k % len(COLOURS)]
                for column, style, what in lines:
                    known = _known(columns, column)
                    if known.any():
                        values = factor * np.asarray(columns[column])[known]
                        axis.plot(np.asarray(columns["step"])[known] + 1, values, style, color=colour, label=f"{name}, {what}")
                if (best := best_epoch(columns)) is not None:
                    axis.axvline(best, color=colour, linewidth=0.6, alpha=0.6)
            axis.set_yscale("log")
            axis.yaxis.set_major_formatter("{x:g}")
            axis.yaxis.set_minor_formatter(_sparse)
            axis.set_xlabel("epoch")
            axis.set_ylabel(label)
            if axis.get_legend_handles_labels()[1]:
                axis.legend(loc="upper right", fontsize=6.5)
        for axis in axes.flat[len(panels) :]:
            axis.set_axis_off()
    return buffer.getvalue()


def _known(columns: Array, name: str) -> NDArray[np.bool_]:
    """Return where a column has a value that a logarithmic axis can show."""
    values = np.asarray(columns.get(name, np.empty(0)), dtype=float)
    known: NDArray[np.bool_] = np.isfinite(values) & (values > 0)
    return known


def parity(arrays: Array, kind: str = "svg") -> bytes:
    """Return prediction against reference: energies and stresses as points, force components by element as counts in squares."""
    symbols = sorted(name.removeprefix("parity_edges_") for name in arrays if name.startswith("parity_edges_"))
    stress = np.isfinite(arrays["stress_reference"]) & np.isfinite(arrays["stress_predicted"])
    n_panels = 1 + len(symbols) + bool(stress.any())
    rows = -(-n_panels // 3)
    with canvas(rows, 3, 2.5 * rows, kind) as (_, axes, buffer):
        panels = iter(axes.flat)
        per_atom = 1000 * np.stack([arrays["energy_reference"], arrays["energy_predicted"]]) / arrays["n_atoms"]
        per_atom -= per_atom[0].mean()
        _cloud(next(panels), per_atom[0], per_atom[1], "energy", "meV per atom")
        for symbol in symbols:
            _squares(next(panels), arrays[f"parity_{symbol}"], arrays[f"parity_edges_{symbol}"], f"force on {symbol}")
        if stress.any():
            both = [EV_PER_CUBIC_ANGSTROM_IN_MPA * arrays[f"stress_{which}"][stress] / 1000 for which in ("reference", "predicted")]
            _cloud(next(panels), both[0], both[1], "stress, six components", "GPa")
        for axis in panels:
            axis.set_axis_off()
    return buffer.getvalue()


def _frame(axis: Any, low: float, high: float, title: str, unit: str) -> None:
    axis.plot([low, high], [low, high], color=GREY, linewidth=0.6, zorder=3)
    axis.set_xlim(low, high)
    axis.set_ylim(low, high)
    axis.set_aspect("equal")
    axis.set_title(title)
    axis.set_xlabel(f"reference / {unit}")
    axis.set_ylabel(f"model / {unit}")
    axis.locator_params(nbins=5)


def _cloud(axis: Any, reference: NDArray[Any], predicted: NDArray[Any], title: str, unit: str) -> None:
    shown = np.unique(np.linspace(0, len(reference) - 1, min(len(reference), MOST_POINTS)).astype(np.intp))
    axis.plot(reference[shown], predicted[shown], ".", color=COLOURS[1], markersize=2.5, rasterized=len(shown) > MOST_POINTS // 10)
    low, high = float(min(reference.min(), predicted.min())), float(max(reference.max(), predicted.max()))
    margin = 0.04 * (high - low) or 1.0
    _frame(axis, low - margin, high + margin, title, unit)


def _squares(axis: Any, counts: NDArray[Any], edges: NDArray[Any], title: str) -> None:
    """Show counts by their logarithm, as one small image; cut to where there are some."""
    used = np.flatnonzero(counts.any(axis=0) | counts.any(axis=1))
    first, last = (int(used[0]), int(used[-1]) + 1) if len(used) else (0, len(counts))
    shown = counts[first:last, first:last].T.astype(float)
    low, high = float(edges[first]), float(edges[last])
    image = np.log10(np.where(shown > 0, shown, np.nan))
    axis.imshow(image, origin="lower", extent=(low, high, low, high), cmap="viridis_r", vmin=0, interpolation="nearest")
    _frame(axis, low, high, title, "eV/Å")


def errors_by_element(models: Sequence[Mapping[str, Any]], kind: str = "svg") -> bytes:
    """Return the force errors on held-out frames by element, a bar per model."""
    known = [model for model in models if model["per_element"]]
    elements = sorted({symbol for model in known for symbol in model["per_element"]})
    with canvas(1, 1, 2.2, kind) as (_, axes, buffer):
        heights = {model["name"]: [model["per_element"].get(symbol, np.nan) for symbol in elements] for model in known}
        _bars(axes[0, 0], elements, heights)
        axes[0, 0].set_ylabel("force MAE / meV/Å")
        axes[0, 0].legend(loc="upper left")
    return buffer.getvalue()


def errors_by_temperature(models: Mapping[str, Sequence[Mapping[str, Any]]], kind: str = "svg") -> bytes:
    """Return the errors on held-out frames by measured temperature, a bar per model, with one standard error where it is known."""
    labels = list(dict.fromkeys(_temperature(row) for rows in models.values() for row in rows))
    panels = [panel for panel in ERRORS if any(row[panel[0]] is not None for rows in models.values() for row in rows)]
    with canvas(1, max(1, len(panels)), 2.3, kind) as (_, axes, buffer):
        for axis, (value, error, label) in zip(axes[0], panels, strict=False):
            found = {name: {_temperature(row): (row[value], row[error]) for row in rows} for name, rows in models.items()}
            heights, spreads = (
                {name: [_number(rows.get(key, (None, None))[k]) for key in labels] for name, rows in found.items()} for k in (0, 1)
            )
            _bars(axis, labels, heights, spreads)
            axis.set_ylabel(label)
            axis.set_xlabel("measured T / K")
        axes[0, 0].legend(loc="upper left")
    return buffer.getvalue()


def _temperature(row: Mapping[str, Any]) -> str:
    return "none" if row["temperature_k"] is None else f"{row['temperature_k']:.0f}"


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _bars(
    axis: Any, labels: Sequence[str], heights: Mapping[str, Sequence[float]], errors: Mapping[str, Sequence[float]] | None = None
) -> None:
    width = 0.8 / max(1, len(heights))
    for k, (name, values) in enumerate(heights.items()):
        at = np.arange(len(labels)) + (k - (len(heights) - 1) / 2) * width
        more = {} if errors is None else {"yerr": errors[name], "error_kw": {"ecolor": GREY, "elinewidth": 0.8}}
        bars = axis.bar(at, values, 0.92 * width, color=COLOURS[(k + 1) % len(COLOURS)], label=name, **more)
        axis.bar_label(bars, fmt="%.3g", padding=1, fontsize=7, color=GREY)
    axis.set_xticks(range(len(labels)), labels)
