# SPDX-License-Identifier: MIT
"""What a stage would do: its inputs as a tree, the text its first job would read, how many steps and frames. Nothing is stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Inputs = Mapping[str, Any]


@dataclass(frozen=True)
class Preview:
    """The first job of a stage."""

    program: str
    """Whose input it is; empty where the stage starts no program."""
    text: str
    forecast: tuple[str, ...]
    """Steps and frames, a sentence each."""


def preview(stage: str, inputs: Inputs) -> Preview:
    """Return what ``stage`` would do first with the checked ``inputs``.

    Raises ``ValueError``, ``TypeError`` or ``KeyError`` for a number that cannot be, which only the first job would have found.
    """
    if stage in ("glass_ensemble", "validation"):
        from aiida_zif.cli import preview_glasses

        return preview_glasses.ensemble(inputs) if stage == "glass_ensemble" else preview_glasses.validation(inputs)
    if stage in ("scan", "ensemble"):
        from aiida_zif.cli import preview_scan

        return preview_scan.scan(inputs) if stage == "scan" else preview_scan.ensemble(inputs)
    return _STAGES[stage](inputs) if stage in _STAGES else Preview("", "", ())


def tree(value: Any, indent: str = "") -> list[str]:
    """Return the lines of a tree of namespaces, nodes and the values in them."""
    lines = []
    for name in sorted(value):
        item = value[name]
        inner = item.get_dict() if type(item).__name__ == "Dict" else item
        if isinstance(inner, Mapping):
            lines += [f"{indent}{name}", *tree(inner, indent + "  ")] if inner else []
        elif isinstance(inner, list) and inner and isinstance(inner[0], (Mapping, str)):
            lines += [f"{indent}{name}", *(f"{indent}  - {entry}" for entry in inner)]
        else:
            lines.append(f"{indent}{name:<{max(1, 28 - len(indent))}} {describe(inner)}")
    return lines


def describe(value: Any) -> str:
    """Return one line on a node or a value."""
    from aiida.orm import AbstractCode, BaseType, Data, List

    if isinstance(value, BaseType):
        return str(value.value)
    if isinstance(value, List):
        return str(value.get_list())
    if not isinstance(value, Data):
        return str(value)
    where = f"<{value.pk}>" if value.is_stored else " (new)"
    if isinstance(value, AbstractCode):
        return f"{value.full_label} {where}"
    facts = value.base.attributes.get
    words = {
        "StructureData": lambda: f"{value.get_formula()}, {len(value.sites)} atoms",
        "ZifTrajectoryData": lambda: f"{facts('n_frames')} frames of {facts('n_atoms')} atoms",
        "ZifDatasetData": lambda: ", ".join(f"{count} {name}" for name, count in facts("counts").items()),
        "ZifEnsembleData": lambda: f"{facts('architecture')}, seeds {facts('seeds')}, {' '.join(facts('type_names'))}",
        "ZifModelData": lambda: f"{facts('architecture')}, {facts('form')}, {' '.join(facts('type_names'))}",
    }.get(type(value).__name__, lambda: value.label)
    return f"{type(value).__name__}{where}: {words()}"


def _aimd(inputs: Inputs) -> Preview:
    from aiida_cp2k.utils import Cp2kInput

    from aiida_zif.calculations.job import structure_arrays
    from aiida_zif.cli import forecast as our_forecast
    from aiida_zif.formats import cp2k_input

    run = cp2k_input.AimdRun.from_dict(inputs["run"].get_dict())
    species, _, _ = structure_arrays(inputs["structure"])
    used = run.steps - run.equilibration_steps
    length = f"{run.steps} steps of {run.timestep_fs} fs = {run.steps * run.timestep_fs / 1000:.3g} ps"
    start = f"velocities are drawn with seed {run.seed} at {run.velocity_factor * run.temperature_k:.0f} K"
    cost = our_forecast.aimd(inputs["run"].get_dict(), len(species)).sentence
    forecast = (
        f"{length} at {run.temperature_k} K, {used} of them used",
        f"{start}; they, cell and atoms are added when the job is made",
        cost,
    )
    return Preview("CP2K", Cp2kInput(cp2k_input.aimd(run, species, own_files="basis_sets" in inputs)).render(), forecast)


def _aimd_campaign(inputs: Inputs) -> Preview:
    """The first job of the first state point; what all of them cost together, and each of them."""
    from aiida.orm import Dict

    from aiida_zif.cli import forecast as our_forecast
    from aiida_zif.workchains.aimd_campaign import label_of, run_of

    points, seed = inputs["state_points"].get_list(), inputs["seed"].value * 100
    runs = {label_of(point): run_of(point, inputs["run"].get_dict(), seed + k) for k, point in enumerate(points, 1)}
    atoms = [len((inputs["structures"][point["structure"]] if "structure" in point else inputs["structure"]).sites) for point in points]
    costs = [our_forecast.aimd(run, count) for run, count in zip(runs.values(), atoms, strict=True)]
    lines = [
        f"{label}: {run['temperature_k']} K, {run['steps']} steps, {run.get('equilibration_steps', 0)} not used, seed {run['seed']}"
        for label, run in runs.items()
    ]
    first = _aimd({**inputs, "run": Dict(next(iter(runs.values())))})
    total = costs[0]
    for cost in costs[1:]:
        total = total + cost
    return Preview(first.program, first.text, (*lines, f"together: {total.sentence}"))


def _relax(inputs: Inputs) -> Preview:
    from aiida_cp2k.utils import Cp2kInput

    from aiida_zif.calculations.job import structure_arrays
    from aiida_zif.formats import cp2k_input

    run = cp2k_input.RelaxRun.from_dict(inputs["run"].get_dict())
    species = structure_arrays(inputs["structure"])[0]
    what = "atoms" if run.cell == "fixed" else "atoms and cell"
    forecast = f"{what}, at most {run.max_steps} steps, until no force is above {run.max_force_ev_per_angstrom} eV/Å"
    return Preview("CP2K", Cp2kInput(cp2k_input.relax(run, species, own_files="basis_sets" in inputs)).render(), (forecast,))


def _train(inputs: Inputs) -> Preview:
    counts = inputs["dataset"].counts
    frames = f"{counts['train']} frames to learn from, {counts['validation']} to validate with, {counts['held_out']} held out"
    return training(inputs["run"].get_dict(), inputs["dataset"].elements, frames)


def training(values: Mapping[str, Any], elements: list[str], frames: str) -> Preview:
    from aiida_zif.calculations.train import FOLDER, TRAIN, VALIDATION
    from aiida_zif.formats import nequip_config

    run = nequip_config.TrainRun.from_dict(values)
    text = nequip_config.render(run, elements, TRAIN, VALIDATION, FOLDER)
    return Preview("nequip-train", text, (f"at most {run.epochs} epochs of {run.architecture}", frames))


def _md(inputs: Inputs) -> Preview:
    from aiida_zif.calculations.md_place import remarks
    from aiida_zif.formats import lammps_forecast
    from aiida_zif.formats.lammps_run import MdRun

    model = inputs["potential"] if "potential" in inputs else inputs["ensemble"].member(1)
    values, structure = inputs["run"].get_dict(), inputs["structure"]
    first = job({**inputs, "potential": model}, values)
    size = lammps_forecast.size_of(MdRun.from_dict(values), len(structure.sites))
    return Preview(first.program, first.text, (*first.forecast, size.sentence, *remarks(model, structure)))


def _melt_quench(inputs: Inputs) -> Preview:
    from aiida_zif.workchains import stages

    plan, seed, crystal = inputs["run"].get_dict(), inputs["seed"].value, "start" not in inputs
    first = job(inputs, stages.md_run(plan, stages.melt(plan, from_crystal=crystal), seed))
    both = steps_sentence(stages.md_run(plan, [*stages.melt(plan, from_crystal=crystal), *stages.quench(plan)], seed))
    extension = steps_sentence(stages.md_run(plan, [stages.plateau(plan)], seed))
    cells = inputs["repeats"].get_list()
    return Preview(
        first.program,
        first.text,
        (
            f"{len(inputs['structure'].sites) * cells[0] * cells[1] * cells[2]} atoms, the structure repeated {cells}",
            f"first job, to the end of the plateau: {first.forecast[0]}",
            f"with the quench: {both}",
            f"a plateau that is not molten is extended at most {plan['max_plateau_extensions']} times by {extension}",
        ),
    )


def _active_learning(inputs: Inputs) -> Preview:
    """The first test, or the first training where no model is given."""
    from aiida_zif.workchains import stages

    plan, seeds, learning = inputs["run"].get_dict(), inputs["seeds"].get_list(), inputs["learning"].get_dict()
    test = stages.md_run(plan, [stages.hold(plan, "test", plan["temperature_k"], plan["picoseconds"])], seeds[0])
    first = job(inputs, test) if "potential" in inputs else training(inputs["training"].get_dict(), inputs["dataset"].elements, "")
    rounds = f"at most {inputs['max_rounds'].value} rounds of at most {inputs['rule'].get_dict().get('max_frames', 60)} labels each"
    how = f"retrained from the weights before with {learning['changes']}" if learning["warm"] else "retrained from scratch"
    return Preview(first.program, first.text, (f"{len(seeds)} × {steps_sentence(test)} at {plan['temperature_k']} K", f"{rounds}, {how}"))


def _eos(inputs: Inputs) -> Preview:
    from aiida_zif.workchains import stages

    plan = inputs["run"].get_dict()
    planned, production = stages.volumes(plan)
    first = job(inputs, stages.md_run(plan, planned, inputs["seed"].value))
    return Preview(first.program, first.text, (f"{len(production)} volumes in one job: {first.forecast[0]}",))


def _strain_fluctuation(inputs: Inputs) -> Preview:
    from aiida_zif.workchains import stages

    plan = inputs["run"].get_dict()
    production = stages.flexible(plan, "production_1", plan["production_ps"])
    run = stages.md_run(plan, [stages.flexible(plan, "equilibrate", plan["equilibrate_ps"]), production], inputs["seed"].value)
    cells = production["steps"] // production["cells_every"]
    first = job(inputs, run)
    more = f"{cells} cells; extended at most {plan['max_extensions']} times until N_eff reaches {plan['min_n_eff']}"
    return Preview(first.program, first.text, (first.forecast[0], more))


def job(inputs: Inputs, values: Mapping[str, Any]) -> Preview:
    """Return the LAMMPS input of the MD ``values``."""
    from aiida_zif.calculations.job import RESTART
    from aiida_zif.calculations.md import DATA, potential_of
    from aiida_zif.formats import lammps_input

    potential = potential_of(inputs["potential"], inputs.get("wall"))
    start = {"restart_from": RESTART, "finished_steps": inputs["finished_steps"].value} if "restart" in inputs else {}
    text = lammps_input.render(lammps_input.MdRun.from_dict(values), potential, DATA, **start)
    return Preview("LAMMPS", text, (steps_sentence(values),))


def steps_sentence(values: Mapping[str, Any]) -> str:
    from aiida_zif.formats.lammps_input import MdRun

    run = MdRun.from_dict(values)
    total = run.total_steps
    return f"{total} steps of {run.timestep_fs} fs = {total * run.timestep_fs / 1000:.3g} ps, {total // run.dump_every + 1} frames"


def _dataset(inputs: Inputs) -> Preview:
    from aiida_zif.data.offer import energies_of
    from aiida_zif.science.drawing import Recipe, gaps, hold_out

    recipe = Recipe.from_dict(inputs["parameters"].get_dict())
    nodes = [node for node in (inputs.get("trajectories") or {}).values() if node.base.attributes.get("kind", "aimd") != "label"]
    sources = [energies_of(node) for node in nodes]
    frames = sum(int(mask.available.sum()) for mask in hold_out(sources, recipe, gaps(sources, recipe)))
    if max(recipe.n_train, recipe.n_validation) >= frames:
        raise ValueError(f"{recipe.n_train} + {recipe.n_validation} frames are to be drawn, but only {frames} are on offer; ask for fewer")
    asked = f"{recipe.n_train} frames to train on and {recipe.n_validation} to validate with are drawn from {frames}"
    kept = f"the last {recipe.held_out_fraction:.0%} of each trajectory" if recipe.held_out_fraction is not None else recipe.n_held_out
    return Preview("", "", (asked, f"{kept} are held out"))


def _analysis(inputs: Inputs) -> Preview:
    return Preview("", "", (f"{inputs['trajectory'].n_frames} frames, from step {inputs['run']['first_step']} on",))


def _pipeline(inputs: Inputs) -> Preview:
    """The first state point's job, or the first training where trajectories are given; every stage of the plan is checked."""
    from aiida.orm import Dict, List

    from aiida_zif.workchains import stages

    plan, seed = inputs["parameters"].get_dict(), inputs["seed"].value
    common, forecast = plan["md"]["run"], []
    given = inputs.get("trajectories") or {}
    campaign = None
    if not given:
        aimd = plan["aimd"]
        table = {"state_points": List(aimd["state_points"]), "run": Dict(aimd["run"]), "seed": inputs["seed"]}
        campaign = _aimd_campaign({**inputs, **table})
        forecast.append(f"aimd: {len(aimd['state_points'])} state points, {campaign.forecast[-1]}")
    elements = sorted({symbol for node in given.values() for symbol in node.base.attributes.get("elements")})
    trainings = [training({**run, "seed": seed}, elements or ["H"], "") for run in plan["train"]["runs"].values()]
    forecast += [
        f"dataset: {plan['dataset']['n_train']} frames to train on, {plan['dataset']['n_validation']} to validate with",
        *(f"train: {training.forecast[0]}" for training in trainings),
    ]
    melt, eos, strain = ({**common, **part} for part in (plan["melt_quench"]["run"], plan["eos"], plan["strain_fluctuation"]))
    replicas = plan["melt_quench"]["replicas"]
    seed = seed * 1000 + 100 * replicas  # the largest that the pipeline makes of it
    equilibrate, produce = (stages.flexible(strain, name, strain[f"{name}_ps"]) for name in ("equilibrate", "production"))
    forecast += [
        f"melt_quench: {replicas} × {steps_sentence(stages.md_run(melt, [*stages.melt(melt), *stages.quench(melt)], seed))}",
        f"eos: {replicas} × {steps_sentence(stages.md_run(eos, stages.volumes(eos)[0], seed))}",
        f"strain_fluctuation: {replicas} × {steps_sentence(stages.md_run(strain, [equilibrate, produce], seed))}",
    ]
    first = campaign or trainings[0]
    return Preview(first.program, first.text, tuple(forecast))


_STAGES: dict[str, Callable[[Inputs], Preview]] = {
    "aimd": _aimd, "aimd_campaign": _aimd_campaign, "relax": _relax,
    "dataset": _dataset, "train": _train, "md": _md, "melt_quench": _melt_quench,
    "active_learning": _active_learning,
    "eos": _eos, "strain_fluctuation": _strain_fluctuation, "analysis": _analysis, "pipeline": _pipeline,
}  # fmt: skip
"""By stage; one that is not here launches all the same, without a preview."""
