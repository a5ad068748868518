# SPDX-License-Identifier: MIT
"""The figures of mechanics: P(V) with its fit, running moduli, the stiffness, moduli by direction. Equal bytes for equal numbers."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_zif.report.figures import COLOURS, GREY, LIGHT, canvas
from aiida_zif.report.numbers import with_error
from aiida_zif.science import directional

Floats = NDArray[np.float64]
KINDS = ("svg", "pdf", "png")
TITLES = {
    "young": "Young's modulus", "linear_compressibility": "linear compressibility", "shear": "shear modulus", "poisson": "Poisson's ratio",
}  # fmt: skip
VOIGT = ("xx", "yy", "zz", "yz", "xz", "xy")


def equation_of_state(points: Mapping[str, Floats], fit: Any, kind: str = "svg") -> bytes:
    """Return P(V) with the fit, and below what is left in units of the error bars; excluded points are hollow.

    ``points``: volumes (Å³), pressures and errors (GPa); ``fit``: ``science.eos.EosFit``.
    """
    volumes, pressures, errors = (points[name] for name in ("volumes", "pressures_gpa", "errors_gpa"))
    used = np.ones(len(volumes), dtype=bool)
    used[list(fit.excluded)] = False
    with canvas(2, 1, 4.2, kind, sharex=True, height_ratios=[3, 1]) as (_, axes, buffer):
        above, below = axes[:, 0]
        fine = np.linspace(volumes[used].min(), volumes[used].max(), 200)
        above.plot(fine, fit.pressure_gpa(fine), color=COLOURS[1], label=f"K₀ = {with_error(fit.bulk_modulus_gpa, 'GPa')}")
        above.axhline(0, color=LIGHT, linewidth=0.7, zorder=0)
        left = (pressures - fit.pressure_gpa(volumes)) / errors
        for chosen, face, label in ((used, COLOURS[0], "points"), (~used, "none", "excluded")):
            if chosen.any():
                style = {"fmt": "o", "markersize": 4, "color": COLOURS[0], "markerfacecolor": face, "elinewidth": 0.8}
                above.errorbar(volumes[chosen], pressures[chosen], errors[chosen], label=label, **style)
                below.plot(volumes[chosen], left[chosen], "o", markersize=4, color=COLOURS[0], markerfacecolor=face)
        below.axhspan(-1, 1, color=LIGHT, alpha=0.4, linewidth=0, zorder=0)
        # what is excluded may lie far off: the scale is that of what was fitted
        reach = max(3.0, 1.2 * float(np.abs(left[used]).max()))
        below.set_ylim(-reach, reach)
        below.set_ylabel("residual / error")
        below.set_xlabel("V / Å³")
        above.set_ylabel("P / GPa")
        above.legend()
    return buffer.getvalue()


def running(course: Mapping[str, Floats], kind: str = "svg") -> bytes:
    """Return K, E and G (left) and the diagonal of the stiffness (right) over the cells used, with bands of one standard error."""
    with canvas(1, 2, 2.8, kind) as (_, axes, buffer):
        for colour, (name, label) in zip(COLOURS, (("bulk", "K"), ("young", "E"), ("shear", "G")), strict=False):
            value = course[f"{name}_modulus_gpa"]
            _band(axes[0, 0], course["n_cells"], value[:, 0], value[:, 1], colour, label)
        for k, colour in enumerate(COLOURS[:6]):
            value, error = course["stiffness_gpa"][:, k, k], course["stiffness_error_gpa"][:, k, k]
            _band(axes[0, 1], course["n_cells"], value, error, colour, f"C{k + 1}{k + 1}")
        for axis in axes[0]:
            axis.set_xlabel("cells used")
            axis.set_ylabel("GPa")
            axis.legend(ncols=2)
    return buffer.getvalue()


def _band(axis: Any, x: Floats, value: Floats, error: Floats, colour: str, label: str) -> None:
    axis.plot(x, value, color=colour, label=label)
    axis.fill_between(x, value - error, value + error, color=colour, alpha=0.2, linewidth=0)


def stiffness(matrix: Floats, error: Floats | None = None, kind: str = "svg") -> bytes:
    """Return the stiffness ``(6, 6)``, GPa, as a map with its numbers and errors written in."""
    largest = float(np.abs(matrix).max())
    with canvas(1, 1, 4.4, kind) as (figure, axes, buffer):
        axis = axes[0, 0]
        image = axis.imshow(matrix, cmap="RdBu_r", vmin=-largest, vmax=largest)
        for i in range(6):
            for j in range(6):
                text = with_error([matrix[i, j], None if error is None else error[i, j]])
                dark = abs(matrix[i, j]) > 0.6 * largest
                axis.text(j, i, text.replace(" ± ", "\n± "), ha="center", va="center", fontsize=6.5, color="white" if dark else COLOURS[0])
        axis.set_xticks(range(6), VOIGT)
        axis.set_yticks(range(6), VOIGT)
        figure.colorbar(image, ax=axis, label="C / GPa")
    return buffer.getvalue()


def directions(matrix: Floats, kind: str = "svg") -> bytes:
    """Return polar cuts of Young's modulus, linear compressibility, shear modulus and Poisson's ratio in three planes.

    Of the last two the least and most over transverse directions; what is negative is dashed.
    """
    with canvas(2, 2, 6.4, kind, subplot_kw={"projection": "polar"}) as (_, axes, buffer):
        for axis, (name, unit) in zip(axes.ravel(), directional.PROPERTIES.items(), strict=True):
            for colour, plane in zip(COLOURS, directional.PLANES, strict=False):
                angle, least, most = directional.cut(name, matrix, plane)
                for values in (least, most)[: 2 if name in directional.TRANSVERSE else 1]:
                    above, below = np.where(values >= 0, values, np.nan), np.where(values < 0, -values, np.nan)
                    axis.plot(angle, above, color=colour, linewidth=0.9, label=plane if values is least else None)
                    axis.plot(angle, below, color=colour, linewidth=0.9, linestyle="--")
            axis.set_title(TITLES[name] + (f" / {unit}" if unit else ""))
            axis.tick_params(labelsize=6.5, labelcolor=GREY)
        axes[0, 0].legend(loc="lower left", bbox_to_anchor=(-0.25, -0.1))
    return buffer.getvalue()


def young_surface(matrix: Floats, kind: str = "svg") -> bytes:
    """Return Young's modulus as a surface: as far from the origin as it is large in that direction."""
    points, values = directional.surface("young", matrix, 41)
    x, y, z = np.moveaxis(points * values[..., None], -1, 0)
    with canvas(1, 1, 4.2, kind, subplot_kw={"projection": "3d"}) as (_, axes, buffer):
        axis, reach = axes[0, 0], float(values.max())
        axis.plot_surface(x, y, z, color=COLOURS[1], alpha=0.75, linewidth=0.1, edgecolor=GREY)
        axis.set(xlim=(-reach, reach), ylim=(-reach, reach), zlim=(-reach, reach), xlabel="x", ylabel="y", zlabel="z", box_aspect=(1, 1, 1))
        axis.set_title("Young's modulus / GPa")
    return buffer.getvalue()


def write_eos(points: Mapping[str, Floats], fit: Any, folder: Path, name: str) -> list[Path]:
    """Write the figure of a fit, and its points as CSV; return the files."""
    rows = np.column_stack([points["volumes"], points["pressures_gpa"], points["errors_gpa"], fit.pressure_gpa(points["volumes"])])
    used = [str(k not in fit.excluded).lower() for k in range(len(rows))]
    head = ["volume_angstrom3", "pressure_gpa", "error_gpa", "fit_gpa", "used"]
    table = _rows(folder / f"{name}.csv", head, [[*row, flag] for row, flag in zip(rows.tolist(), used, strict=True)])
    return [*(_image(folder / name, kind, equation_of_state(points, fit, kind)) for kind in KINDS), table]


def write_elastic(found: Any, course: Mapping[str, Floats], folder: Path, name: str) -> list[Path]:
    """Write the figures of elastic constants, and the numbers beside them; return the files."""
    written = []
    for kind in KINDS:
        written += [
            _image(folder / f"{name}_running", kind, running(course, kind)),
            _image(folder / f"{name}_stiffness", kind, stiffness(found.stiffness_gpa, found.stiffness_error_gpa, kind)),
            _image(folder / f"{name}_directions", kind, directions(found.stiffness_gpa, kind)),
            _image(folder / f"{name}_young", kind, young_surface(found.stiffness_gpa, kind)),
        ]
    head = ["n_cells", *(f"{m}_gpa{e}" for m in ("k", "e", "g") for e in ("", "_error"))]
    moduli = [course[f"{m}_modulus_gpa"] for m in ("bulk", "young", "shear")]
    written.append(_rows(folder / f"{name}_running.csv", head, np.column_stack([course["n_cells"], *moduli]).tolist()))
    path = folder / f"{name}.json"
    path.write_text(json.dumps(found.as_dict(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return [*written, path]


def _image(place: Path, kind: str, content: bytes) -> Path:
    path = place.with_name(f"{place.name}.{kind}")
    path.write_bytes(content)
    return path


def _rows(path: Path, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as handle:
        table = csv.writer(handle)
        table.writerow(head)
        table.writerows([["" if isinstance(cell, float) and not np.isfinite(cell) else cell for cell in row] for row in rows])
    return path
