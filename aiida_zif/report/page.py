# SPDX-License-Identifier: MIT
"""The page that a scientist reads: one HTML file that needs nothing else, with nothing in it that runs."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

from aiida.orm import ProcessNode

from aiida_zif.report import curves, figures, graph, rounds, training, words
from aiida_zif.report.numbers import UNKNOWN, duration, number, share, with_error

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""What a browser may do with the page: show it."""


def write(pipeline: ProcessNode, facts: dict[str, Any], path: str | Path) -> None:
    """Write the page of ``pipeline`` to ``path``; ``facts`` are those of the table (``table.collect``)."""
    found = curves.collect(pipeline, facts)
    steps = list(graph.walk(pipeline))
    Path(path).write_text(render(facts, found, steps), encoding="utf-8")


def render(facts: dict[str, Any], found: curves.Curves, steps: Sequence[graph.Step] = ()) -> str:
    """Return the page. Every text of a node is escaped; every figure is an image within the page."""
    title = f"{facts['structure']['formula']}: from crystal to glass"
    css = (resources.files("aiida_zif.report") / "page.css").read_text(encoding="utf-8")
    sections = [
        _head(facts), _solids(facts, found), _mechanics(facts, found), _aimd(facts, found), _models(facts, found), _aids(facts),
        _verdicts(facts), _cost(facts), _provenance(facts, steps),
    ]  # fmt: skip
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{escape(title)}</title>\n<style>\n{css}</style>\n'
        f"</head>\n<body>\n{''.join(sections)}</body>\n</html>\n"
    )


def _p(text: str, css: str = "") -> str:
    return f"<p{f' class={chr(34)}{css}{chr(34)}' if css else ''}>{escape(text)}</p>\n"


def _h(text: str, level: int = 2) -> str:
    return f"<h{level}>{escape(text)}</h{level}>\n"


def _uuid(value: str | None) -> str:
    return f'<code title="{escape(value)}">{escape(value[:8])}</code>' if value else UNKNOWN


def _figure(svg: bytes, caption: str) -> str:
    data = base64.b64encode(svg).decode()
    text = escape(caption)
    return f'<figure><img alt="{text}" src="data:image/svg+xml;base64,{data}"><figcaption>{text}</figcaption></figure>\n'


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[int] = ()) -> str:
    """Return a table; ``rows`` are HTML already, ``head`` is text; the first cell of a row is its head."""
    css = [' class="n"' if k in numeric else "" for k in range(len(head))]
    top = "".join(f"<th{css[k]}>{escape(text)}</th>" for k, text in enumerate(head))
    body = ""
    for row in rows:
        body += f"<tr><th{css[0]}>{row[0]}</th>" + "".join(f"<td{css[k]}>{cell}</td>" for k, cell in enumerate(row[1:], 1)) + "</tr>\n"
    return f'<div class="wide"><table><thead><tr>{top}</tr></thead>\n<tbody>\n{body}</tbody></table></div>\n'


def _head(facts: dict[str, Any]) -> str:
    structure, pipeline = facts["structure"], facts["pipeline"]
    size = f"{structure['n_atoms']} atoms" + (f", {structure['n_atoms_md']} in MD" if structure["n_atoms_md"] else "")
    kicker = f"aiida-zif · {structure['formula']} · {size} · seed {pipeline['seed']} · {pipeline['started'][:16].replace('T', ' ')} UTC"
    limits = f" Here: {'; '.join(facts['limits'])}." if facts["limits"] else ""
    html = f"{_p(kicker, 'kicker')}<h1>{escape(words.headline(facts))}</h1>\n{_p(words.DEMONSTRATION + limits, 'demonstration')}"
    if pipeline["recorded"]:
        html += _p("The ab initio trajectories were not run here: they are recorded ones that the project ships.")
    if not pipeline["finished_ok"]:
        html += _p(words.ending(pipeline), "bad")
    return html


def _solids(facts: dict[str, Any], found: curves.Curves) -> str:
    """The crystal and what became of it: table, melt-quench, RDF, angles, rings."""
    html = _h("The crystal and what became of it")
    if not facts["glasses"]:
        return html + _p("The pipeline did not come so far.")
    solids = [*([facts["crystal"]] if facts["crystal"] else []), *facts["glasses"]]
    names = [words.name_of(solid) if "kind" in solid else "crystal" for solid in solids]
    rows = [[escape(label), *("<br>".join(map(escape, cell)) for cell in cells)] for label, cells in words.properties(solids)[1:]]
    rows.append(["nodes", *(_nodes(solid) for solid in solids)])
    html += _table(["", *names], rows)
    if found.melt_quenches:
        text = "Melt-quench: temperature and mean Zn–N coordination (N within 2.5 Å). Shaded: held at Tmax."
        text += " Red: a linker broke." if any(replica.breaks_ps for replica in found.melt_quenches) else ""
        html += _figure(figures.melt_quench(found.melt_quenches), text)
    if found.structures:
        text = "Zn–N radial distribution function and running coordination number: the crystal before heating, the solids after the quench."
        html += _figure(figures.rdf(found.structures), text) + _figure(
            figures.angles(found.structures), "N–Zn–N angles of the same frames."
        )
    rings = {name: solid["rings_per_cell"] for name, solid in zip(names, solids, strict=True) if solid["rings_per_cell"]}
    if rings:
        html += _figure(figures.rings(rings), "Primitive rings of the Zn–linker net per cell; error bars: spread over the frames.")
    return html


def _nodes(solid: dict[str, Any]) -> str:
    names = (("uuid", "structure"), ("uuid_certificate", "certificate"), ("uuid_analysis", "analysis"), ("uuid_chain", "chain"))
    return "<br>".join(f"{name} {_uuid(solid[key])}" for key, name in names if solid.get(key))


def _mechanics(facts: dict[str, Any], found: curves.Curves) -> str:
    """P(V) and strain fluctuation."""
    html = _h("Elasticity")
    told = {words.name_of(glass): glass for glass in facts["glasses"]}
    points = {name: eos for name, glass in told.items() if (eos := glass["equation_of_state"]) and eos["volumes_angstrom3"]}
    if points:
        bars = "error bars: one standard error, corrected for autocorrelation"
        kelvin = number(next(iter(points.values()))["temperature_k"], 0, "K")
        text = f"Pressure against volume at {kelvin}, the cell keeping its shape (a Voigt modulus); {bars}."
        html += _figure(figures.pressure_volume(points), text)
        rows = [
            [
                escape(name), escape(words.bulk_modulus(told[name])), escape(words.density_0(told[name])),
                with_error(eos["volume_0_angstrom3"]), f"{eos['n_points'] or UNKNOWN} of {len(eos['volumes_angstrom3'])}",
                number(eos["chi2_reduced"], 1), _uuid(eos["uuid"]),
            ]
            for name, eos in points.items()
        ]  # fmt: skip
        html += _table(["", "K₀", "ρ₀", "V₀ / Å³", "points", "χ² per degree", "node"], rows)
    if found.cells:
        text = "Strain fluctuation: volume and cell lengths of a free cell at zero pressure, equilibration included."
        html += _figure(figures.cells(found.cells), text)
    sentences = [(name, glass["elasticity"]) for name, glass in told.items() if glass["elasticity"]]
    for name, one in sentences:
        html += f"<p>{escape(name)}: {escape(one['sentence'] or one['ended'])} {_uuid(one['uuid'])}</p>\n"
    return html if points or found.cells or sentences else html + _p("The pipeline did not come so far.")


def _aimd(facts: dict[str, Any], found: curves.Curves) -> str:
    html = _h("Ab initio molecular dynamics and labels")
    rows = [
        [
            escape(row["label"]), number(row["asked_temperature_k"], 0), number(row["mean_temperature_k"], 0),
            number(row["volume_factor"], 2), f"{row['frames_used'] or UNKNOWN} of {row['frames'] or UNKNOWN}",
            escape(words.verdict_of_point(row)), _uuid(row["uuid"]),
        ]
        for row in facts["aimd"]
    ]  # fmt: skip
    html += _table(["", "asked T / K", "⟨T⟩ of the part used / K", "V/V₀", "frames used", "verdict", "node"], rows, (1, 2, 3, 4))
    if found.state_points:
        text = "Temperature and potential energy of each state point. Grey: equilibration, not used. Dashed: the temperature asked."
        html += _figure(figures.aimd(found.state_points), text)
    if labels := facts["labels"]:
        text = f"Labelled one by one: {labels['kept']} of {labels['asked']} harvested geometries converged ({labels['verdict']})."
        html += f"<p>{escape(text)} {_uuid(labels['uuid'])}</p>\n"
    if dataset := facts["dataset"]:
        counts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in dataset["counts"].items())
        html += f"<p>{escape(f'Dataset: {counts}. Drawing: {words.drawing(dataset)}.')} {_uuid(dataset['uuid'])}</p>\n"
    return html


def _models(facts: dict[str, Any], found: curves.Curves) -> str:
    html = _h("Models")
    if not facts["models"]:
        return html + _p("The pipeline did not come so far.")
    rows = [
        [
            escape(model["name"]), str(model["epochs"] or UNKNOWN), escape(words.energies(model)),
            escape(words.forces(model)), escape(words.stresses(model)), number(model["cost_us_per_atom"], 1),
            "yes" if model["runs_md"] else "", escape(model["verdict"]), _uuid(model["uuid"]),
        ]
        for model in facts["models"]
    ]  # fmt: skip
    head = ["", "epochs", "energy / meV/atom", "forces / meV/Å", "stress / MPa", "cost / µs/atom/call", "runs MD", "verdict", "node"]
    html += _table(head, rows, (1, 2, 3, 4, 5))
    text = "Mean absolute errors on held-out frames, the last in time of each trajectory, with one standard error"
    html += _p(f"{text}; in brackets: share of the forces' spread.")
    learned = {name: one.learning for name, one in found.trained.items() if one.learning}
    if learned:
        text = "Learning curves: loss and mean absolute errors by epoch; upright lines: the epoch whose weights are the model."
        html += _figure(training.learning_curves(learned), text)
    for name, one in found.trained.items():
        if one.predictions:
            text = f"{name}: model against reference on held-out frames; forces as counts, the darker the more."
            html += _figure(training.parity(one.predictions), text)
    if any(model["per_element"] for model in facts["models"]):
        html += _figure(training.errors_by_element(facts["models"]), "Force error on held-out frames by element.")
    by_temperature = {model["name"]: model["per_temperature"] for model in facts["models"] if model["per_temperature"]}
    if by_temperature:
        text = "Errors on held-out frames by the measured temperature of their trajectory; error bars: one standard error."
        html += _figure(training.errors_by_temperature(by_temperature), text)
    if tested := facts["active_learning"]:
        html += _h("Active learning", 3) + _table(rounds.HEAD, [[escape(cell) for cell in row] for row in rounds.rows(tested)], range(9))
        html += _figure(rounds.figure(tested), rounds.sentence(tested))
    return html


def _aids(facts: dict[str, Any]) -> str:
    if not facts["aids"]:
        return ""
    items = "".join(f"<li>{escape(aid['sentence'])} {_uuid(aid['uuid'])}</li>\n" for aid in facts["aids"])
    text = "What helped the demonstration over its own smallness, and would not stand in a study:"
    return _h("Aids") + _p(text) + f"<ul>\n{items}</ul>\n"


def _verdicts(facts: dict[str, Any]) -> str:
    """Every verdict that is not plain success."""
    open_ones = [one for one in facts["verdicts"] if one["verdict"] != "done"]
    good = len(facts["verdicts"]) - len(open_ones)
    rows = [[escape(one["label"]), escape(one["process"] or ""), escape(one["verdict"]), _uuid(one["uuid"])] for one in open_ones]
    html = _h("Verdicts") + _p(f"{good} of {len(facts['verdicts'])} jobs and chains ended with [0].")
    return html + (_table(["", "process", "verdict", "node"], rows) if rows else "")


def _cost(facts: dict[str, Any]) -> str:
    found = facts["cost"]
    rows = [
        [escape(name.replace("_", " ")), str(one["jobs"]), duration(one["core_s"]), duration(one["wall_s"])]
        for name, one in found["stages"].items()
    ]
    percent = share(found["aiida_s"] / found["wall_s"]) if found["wall_s"] else UNKNOWN
    html = _h("Cost") + _table(["stage", "jobs", "core time", "wall time of its jobs"], rows, (1, 2, 3))
    core = f"Core time {duration(found['core_s'])} in {len(found['jobs'])} jobs; wall time {duration(found['wall_s'])}"
    html += _p(f"{core}, in {duration(found['aiida_s'])} of which ({percent}) no job was at work: AiiDA's own share{words.cached(found)}.")
    return html + (_figure(figures.timeline(found["jobs"], found["wall_s"]), "When which job ran.") if found["jobs"] else "")


def _provenance(facts: dict[str, Any], steps: Sequence[graph.Step]) -> str:
    html = _h("Provenance")
    html += _p(f"Pipeline {facts['pipeline']['uuid']}. Every process below it, in order, with its verdict and the beginning of its uuid.")
    items = []
    for step in steps:
        css = "good" if step.node.is_finished_ok else "bad"
        process = f' <span class="dim">{escape(step.node.process_label or "")}</span>' if step.node.process_label != step.label else ""
        items.append(
            f'<li><span class="what" style="padding-left:{1.1 * step.depth:.1f}rem">{escape(step.label)}{process}</span>'
            f'<span class="how {css}">{escape(step.verdict)}</span>{_uuid(str(step.node.uuid))}</li>\n'
        )
    versions = " · ".join(f"{name} {version}" for name, version in facts["versions"].items())
    hosts = sorted({str(job["host"]) for job in facts["cost"]["jobs"] if job["host"]})
    footer = f"{versions}" + (f" · ran on {', '.join(hosts)}" if hosts else "")
    return html + f'<ul class="tree">\n{"".join(items)}</ul>\n<footer>{escape(footer)}</footer>\n'
