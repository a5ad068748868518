# SPDX-License-Identifier: MIT
"""Are these labels fit to train on? Asked before a draw, answered with numbers and sentences."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_zif.science.consistency import Consistency, compare, implausible
from aiida_zif.science.evidence import Evidence
from aiida_zif.science.frames import Frames
from aiida_zif.science.statistics import statistical_inefficiency
from aiida_zif.science.units import FS_IN_PS

MAX_UNCONVERGED_SHARE = 0.1
"""Isolated unconverged frames are left out; from this share on, the run as a whole is not trusted."""
MAX_DRIFT_EV_PER_ATOM_PS = 0.05
"""Drift of the conserved quantity, either way, beyond which energies and forces are not those of one potential-energy surface."""
MIN_FRAMES_FOR_DRIFT = 50
"""Frames from which on a drift is more than the first swing of the thermostat."""
MIN_FRAMES_FOR_UNITS = 20
"""Frames from which on size and fluctuation of the labels are compared with the temperature."""
MAX_ENERGY_EV_PER_ATOM = 1e5
"""All electrons of a zinc atom have 4.8e4 eV, valence electrons a hundredth of it."""

Finding = tuple[str, bool, str]
"""Name of a check, whether it was passed, and the sentence; an empty sentence where there is nothing to say."""


@dataclass(frozen=True, eq=False)
class Audit:
    """What was found in one trajectory."""

    mean_temperature: float | None
    """⟨T⟩ of the usable frames, K: what they are labelled by. ``None`` where neither temperatures nor velocities are known."""
    duplicates: int
    """Frames that repeat an earlier one: the same step, or the same positions in the same cell."""
    n_unconverged: int
    """Frames whose SCF did not converge."""
    n_not_finite: int
    """Frames with an energy or a force that is missing or not finite."""
    n_missing: int
    """Steps that are absent between the first and the last, by the usual distance of two frames."""
    usable: NDArray[np.bool_]
    """``(n_frames,)``: neither repeated, nor unconverged, nor without finite labels; none at all where ``labels_wrong``."""
    failed: tuple[str, ...]
    """Which checks were not passed: ``frames``, ``order``, ``units``, ``forces``, ``unconverged``, ``drift``, ``temperature``."""
    sentences: tuple[str, ...]
    """What was found, one sentence each, good and bad."""
    reasons: tuple[str, ...]
    """Those of the sentences that say why a check was not passed."""
    consistency: Consistency | None
    """Energies against forces; ``None`` where frames are too far apart in time, or too few."""
    autocorrelation_frames: float | None
    """τ of the energy: 1 + 2τ frames lie between two independent ones; ``None`` without usable frames."""
    drift_ev_per_atom_ps: float | None
    """Of the conserved quantity, where it was given."""
    evidence: Evidence
    """Energies, temperatures and work of all frames, for a figure."""

    @property
    def passed(self) -> bool:
        """Whether the usable frames may be trained on as frames of the asked temperature."""
        return not self.failed

    @property
    def labels_wrong(self) -> bool:
        """Whether no frame can be trusted: forces of other frames, mixed units, frames in disorder."""
        return bool({"units", "forces", "order"} & set(self.failed))

    @property
    def pairs(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """``(n_pairs,)`` each, eV: change of the energy and work of the forces, of the neighbouring frames that were compared."""
        return _pairs(self.evidence, self.usable)


def audit(
    frames: Frames,
    asked_temperature: float | None,
    tolerance: float = 0.15,
    unconverged_steps: Collection[int] = (),
    conserved_drift_ev: float | None = None,
) -> Audit:
    """Return the verdict on frames that are all in memory; see ``judge``."""
    evidence = Evidence()
    evidence.add(frames)
    return judge(evidence, asked_temperature, tolerance, unconverged_steps, conserved_drift_ev)


def judge(
    evidence: Evidence,
    asked_temperature: float | None,
    tolerance: float = 0.15,
    unconverged_steps: Collection[int] = (),
    conserved_drift_ev: float | None = None,
    timestep_fs: float | None = None,
) -> Audit:
    """Return which frames are usable, whether labels are right as a whole, and whether ⟨T⟩ is the asked one within ``tolerance``, a share.

    A short MD is colder than it says: from a relaxed start half the kinetic energy goes into the bonds, and a slow thermostat does
    not bring it back in time. ``asked_temperature`` ``None`` (single geometries, no dynamics) leaves the temperature unjudged.
    ``conserved_drift_ev`` is the change of the conserved quantity from the first frame to the last, eV of the whole cell.
    Raises ``ValueError`` for a temperature or a tolerance that is not positive, or unconverged steps where the frames have no steps.
    """
    if asked_temperature is not None and not asked_temperature > 0:
        raise ValueError(f"the asked temperature is {asked_temperature} K, but must be positive")
    if not tolerance > 0:
        raise ValueError(f"the tolerance is {tolerance}, but must be positive")
    steps, n_frames = evidence.steps, evidence.n_frames
    if unconverged_steps and steps is None and n_frames:
        raise ValueError("unconverged steps were named, but the frames carry no steps to find them by")
    repeated, not_finite = evidence.repeated, ~evidence.finite
    unconverged = np.isin(steps, sorted(unconverged_steps)) if steps is not None else np.zeros(n_frames, dtype=np.bool_)
    usable = ~(repeated | unconverged | not_finite)
    missing, order = _order(steps, repeated)
    energies = evidence.energies[usable]
    known = evidence.temperatures[usable & np.isfinite(evidence.temperatures)]
    mean = float(known.mean()) if len(known) else None
    consistency = compare(*_pairs(evidence, usable))
    tau = (statistical_inefficiency(energies) - 1) / 2 if len(energies) else None
    drift = _drift(evidence, conserved_drift_ev, timestep_fs)
    findings: list[Finding] = [
        _frames(usable, repeated, not_finite), order, _unconverged(int(unconverged.sum()), n_frames),
        _units(evidence, usable, mean if mean is not None else asked_temperature, consistency), _forces(consistency, evidence.n_atoms),
        _drifted(drift, n_frames), _temperature(mean, asked_temperature, tolerance, len(energies)), _stress(evidence),
        _correlated(tau, len(energies)),
    ]  # fmt: skip
    failed = tuple(dict.fromkeys(name for name, passed, _ in findings if not passed))
    if {"units", "forces", "order"} & set(failed):
        usable = np.zeros_like(usable)
    return Audit(
        mean_temperature=mean, duplicates=int(repeated.sum()), n_unconverged=int(unconverged.sum()), n_not_finite=int(not_finite.sum()),
        n_missing=missing, usable=usable, failed=failed, sentences=tuple(sentence for _, _, sentence in findings if sentence),
        reasons=tuple(sentence for _, passed, sentence in findings if not passed), consistency=consistency, autocorrelation_frames=tau,
        drift_ev_per_atom_ps=drift, evidence=evidence,
    )  # fmt: skip


def _pairs(evidence: Evidence, usable: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    work = evidence.work[1:]
    compared = np.isfinite(work) & usable[1:] & usable[:-1]
    return np.diff(evidence.energies)[compared], work[compared]


def _frames(usable: NDArray[np.bool_], repeated: NDArray[np.bool_], not_finite: NDArray[np.bool_]) -> Finding:
    sentences = [f"{usable.sum()} of {len(usable)} frames are usable."]
    if repeated.any():
        sentences.append(f"{repeated.sum()} frames repeat an earlier one and were left out.")
    if not_finite.any():
        sentences.append(f"{not_finite.sum()} frames lack a finite energy or finite forces and were left out.")
    return "frames", bool(usable.any()), " ".join(sentences)


def _order(steps: NDArray[np.int64] | None, repeated: NDArray[np.bool_]) -> tuple[int, Finding]:
    """Return how many steps are missing, and the finding: frames that go back in time belong to other labels than it seems."""
    once = np.empty(0, dtype=np.int64) if steps is None else steps[~repeated]
    if len(once) < 2:
        return 0, ("order", True, "")
    between = np.diff(once)
    back = int((between < 0).sum())
    if back:
        return 0, ("order", False, f"{back} frames come before an earlier step: sort the frames, each with its own labels, by step.")
    usual = int(np.median(between))
    missing = int(sum(gap // usual - 1 for gap in between[between > usual].tolist()))
    return missing, ("order", True, f"{missing} steps are missing, {usual} being the usual distance of two frames." if missing else "")


def _unconverged(n: int, n_frames: int) -> Finding:
    if n > MAX_UNCONVERGED_SHARE * n_frames:
        return "unconverged", False, (
            f"The SCF did not converge in {n} frames, which were left out; that is more than {MAX_UNCONVERGED_SHARE:.0%} of the run: run "
            "it again with another minimizer, preconditioner or outer SCF."
        )  # fmt: skip
    return "unconverged", True, f"The SCF did not converge in {n} frames, which were left out." if n else ""


def _units(evidence: Evidence, usable: NDArray[np.bool_], temperature: float | None, consistency: Consistency | None) -> Finding:
    """Judge forces by the temperature, and energies by the forces where frames are near enough, else by the temperature, too."""
    energies, squared = evidence.energies[usable], evidence.squared_forces[usable]
    if len(energies) and np.abs(energies).max() > MAX_ENERGY_EV_PER_ATOM * evidence.n_atoms:
        largest = np.abs(energies).max() / evidence.n_atoms
        return "units", False, f"An energy of {largest:.3g} eV per atom is beyond what any atom has: give energies of the whole cell in eV."
    if temperature is None or len(energies) < MIN_FRAMES_FOR_UNITS:
        return "units", True, ""
    deviation = float(energies.std()) if consistency is None else None
    sentence = implausible(float(squared.mean()), deviation, temperature, evidence.n_atoms)
    return "units", sentence is None, sentence or ""


def _forces(found: Consistency | None, n_atoms: int) -> Finding:
    if found is None:
        return "forces", True, "Energies were not compared with forces: fewer than 20 pairs of frames are near enough in time."
    return "forces", found.agrees, found.sentence(n_atoms)


def _drift(evidence: Evidence, conserved_drift_ev: float | None, timestep_fs: float | None) -> float | None:
    """Return eV per atom and ps; ``None`` where change or duration is unknown."""
    if conserved_drift_ev is None or evidence.n_frames < 2:
        return None
    times, steps = evidence.times, evidence.steps
    if np.isfinite(times[[0, -1]]).all():
        duration = float(times[-1] - times[0])
    elif steps is not None and timestep_fs is not None:
        duration = float(steps[-1] - steps[0]) * timestep_fs * FS_IN_PS
    else:
        return None
    return conserved_drift_ev / evidence.n_atoms / duration if duration > 0 else None


def _drifted(drift: float | None, n_frames: int) -> Finding:
    if drift is None:
        return "drift", True, ""
    sentence = f"The conserved quantity drifts by {1000 * drift:.2g} meV per atom and ps"
    if abs(drift) > MAX_DRIFT_EV_PER_ATOM_PS and n_frames >= MIN_FRAMES_FOR_DRIFT:
        return "drift", False, f"{sentence}, more than {1000 * MAX_DRIFT_EV_PER_ATOM_PS:g}: shorten the time step, or tighten the SCF."
    return "drift", True, f"{sentence}."


def _temperature(mean: float | None, asked: float | None, tolerance: float, n_usable: int) -> Finding:
    if asked is None:
        return "temperature", True, ""
    if not n_usable:
        return "temperature", False, f"No frame is left to tell whether it is that of {asked:g} K."
    if mean is None:
        return "temperature", False, f"The temperature cannot be measured, so that {asked:g} K stays a claim: keep the velocities."
    within = abs(mean - asked) <= tolerance * asked
    remedy = "" if within else ": start hotter, thermostat faster, or leave out more of the start"
    verdict = "within" if within else "more than"
    return "temperature", within, f"The mean temperature is {mean:.0f} K, {verdict} {tolerance:.0%} off the asked {asked:g} K{remedy}."


def _stress(evidence: Evidence) -> Finding:
    content = {
        "virial": "the virial alone", "estimated": "the virial, the kinetic part having been estimated from positions",
        "total": "virial plus kinetic part, as the program printed it",
    }.get(evidence.stress_content)  # fmt: skip
    if content is None:
        return "stress", True, "No frame has a stress."
    diagonal = f", {evidence.n_stress_diagonal} have only its diagonal" if evidence.n_stress_diagonal else ""
    return "stress", True, f"{evidence.n_stress} of {evidence.n_frames} frames have the whole stress{diagonal}; it holds {content}."


def _correlated(tau: float | None, n: int) -> Finding:
    if tau is None or n < 2:
        return "correlation", True, ""
    return "correlation", True, f"The energy forgets itself in {tau:.3g} frames: these are worth {n / (1 + 2 * tau):.3g} independent ones."
