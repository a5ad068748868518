# SPDX-License-Identifier: MIT
"""The table in the terminal."""

from __future__ import annotations

from typing import Any

import pytest

from aiida_zif.report import table


def test_table_fits_the_terminal(facts: dict[str, Any]) -> None:
    """No line is wider than 100 columns, also with long verdicts and more solids than fit beside each other."""
    facts["glasses"] += [{**facts["glasses"][0], "label": f"glass_{k:02d}", "kind": "damaged " + "long " * 20} for k in range(3, 9)]
    facts["verdicts"].append({**facts["verdicts"][1], "verdict": "[420] " + "words " * 60})
    assert max(map(len, table.render(facts).splitlines())) <= table.WIDTH


def test_only_a_glass_is_called_glass(facts: dict[str, Any]) -> None:
    """What did not melt is a solid, in the heading and in the column."""
    text = table.render(facts)
    assert "solid 02" in text
    assert "glass 02" not in text
    assert "quenched solid, not molten" in " ".join(text.split())


def test_no_glass_is_said_first(facts: dict[str, Any]) -> None:
    """Where nothing melted the headline says so."""
    facts["glasses"] = facts["glasses"][1:]
    assert table.render(facts).splitlines()[1].startswith("No glass: solid 02 (quenched solid, not molten).")


def test_numbers_carry_errors_and_units(facts: dict[str, Any]) -> None:
    """K and ρ₀ have error bars; constants that are not converged have none, but a reason."""
    text = table.render(facts)
    assert "3.1 ± 0.4 GPa" in text
    assert "1.502 ± 0.011 g/cm³" in text
    assert "not yet (N_eff = 11.6)" in text


def test_converged_elasticity_is_told_whole(facts: dict[str, Any]) -> None:
    """K, E, G, ν each with an error."""
    moduli = {f"{name}_modulus_gpa": [value, 0.3] for name, value in (("bulk", 3.0), ("young", 4.0), ("shear", 1.6))}
    facts["glasses"][0]["elasticity"] |= {"verdict": "converged", "n_eff": 64.0, **moduli, "poisson_ratio": [0.27, 0.03]}
    text = table.render(facts)
    for expected in ("K 3.0 ± 0.3 GPa", "E 4.0 ± 0.3 GPa", "G 1.6 ± 0.3 GPa", "ν 0.27 ± 0.03"):
        assert expected in text


def test_broken_linker_is_named(facts: dict[str, Any]) -> None:
    """Its number, the step and the temperature."""
    one = {"linker": 7, "bond": [3, 4], "step": 6100, "temperature": 1483.2, "reason": "C–N bond of 2.10 Å", "during": "melt-quench (melt)"}
    facts["glasses"] = [{**facts["glasses"][0], "kind": "damaged", "linkers": {**facts["glasses"][0]["linkers"], "breaks": [one]}}]
    facts["crystal"] = None
    assert "linker 7 broke in melt-quench (melt) at step 6100, 1483 K: C–N bond of 2.10 Å" in " ".join(table.render(facts).split())


def test_verdicts_are_printed_in_words(facts: dict[str, Any]) -> None:
    """Every verdict that is not plain success is told, and how many were."""
    text = table.render(facts)
    assert "1 of 2 jobs and chains ended with [0]" in text
    assert "md: [531] The run blew up at step 7" in text
    assert "[510] The trajectory has 900 K" in text


def test_recorded_trajectories_are_said_to_be(facts: dict[str, Any]) -> None:
    """A reader must not take them for run."""
    facts["pipeline"]["recorded"] = True
    assert "recorded trajectories, not run here" in table.render(facts)


@pytest.mark.parametrize("missing", ["aimd", "models", "glasses", "aids", "limits", "verdicts"])
def test_missing_stage_is_a_word(facts: dict[str, Any], missing: str) -> None:
    """A pipeline that ended early still has a table."""
    facts[missing] = []
    assert table.render(facts)


def test_empty_pipeline_has_a_table(facts: dict[str, Any]) -> None:
    """One that failed before anything was made."""
    facts |= {"aimd": [], "labels": None, "dataset": None, "models": [], "crystal": None, "glasses": [], "verdicts": [], "aids": []}
    facts["pipeline"] |= {"finished_ok": False, "verdict": "[420] aimd failed"}
    text = table.render(facts)
    assert "The pipeline failed: [420] aimd failed" in text
    assert text.count("missing") == 4


def test_replica_without_anything_has_a_column(facts: dict[str, Any]) -> None:
    """One whose first job died has a kind and dashes."""
    nothing = dict.fromkeys(facts["glasses"][0])
    linkers = {"n": None, "frames": 0, "transients": 0, "breaks": [], "uuids": []}
    facts["glasses"].append({**nothing, "label": "replica_03", "kind": "failed", "verdict": "[331] LAMMPS aborted", "linkers": linkers})
    text = table.render(facts)
    assert "replica 03" in text
    assert "not watched" in text


def test_cache_is_told(facts: dict[str, Any]) -> None:
    """Jobs that did not run because the cache knew their results are counted apart."""
    facts["cost"]["jobs"].append({**facts["cost"]["jobs"][0], "cached": True, "core_s": None})
    assert "1 of 2 jobs were not run, their results came from the cache" in " ".join(table.render(facts).split())


def test_melt_verdict_shows_its_margin(facts: dict[str, Any]) -> None:
    """How many Zn exchanged and how many would do stand beside each other, and how often was judged."""
    facts["crystal"] = None
    facts["glasses"][0] |= {"judged": 2, "held_ps": 12.0, "melt": {**facts["glasses"][0]["melt"], "exchanged_share": 0.125}}
    text = table.render(facts)
    assert "2 of 16; a melt has 2 or more" in text
    assert "12 ps, judged 2 times" in text
