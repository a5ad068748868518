# SPDX-License-Identifier: MIT
"""A replica that came to its end, as the numbers of ``science`` stand in its nodes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiida import orm

from aiida_zif.calculations.plain import plain
from aiida_zif.report import curves, page, table
from aiida_zif.science.elasticity import ElasticResult
from aiida_zif.science.eos import birch_murnaghan, fit_birch_murnaghan
from aiida_zif.science.melting import MeltVerdict
from aiida_zif.science.statistics import Estimate
from aiida_zif.science.units import EV_PER_CUBIC_ANGSTROM_IN_GPA

VOLUMES = np.array([4700.0, 4850.0, 5000.0, 5150.0, 5300.0])


def summary(coordination: float) -> orm.Dict:
    """What ``analyse_structure`` stores."""
    found = {
        "density_g_per_cm3": Estimate(1.31, 0.0, 40.0), "zn_n_coordination": Estimate(coordination, 0.021, 12.0),
        "zn_n_first_peak_angstrom": 1.98, "n_zn_n_angle_deg": {"mean": 109.0, "std": 7.0}, "rings_per_cell": {8: {"mean": 4.0, "std": 0.0}},
    }  # fmt: skip
    return orm.Dict(plain(found))


def array(**arrays: Any) -> orm.ArrayData:
    node = orm.ArrayData()
    for name, values in arrays.items():
        node.set_array(name, np.asarray(values))
    return node


def equation_of_state() -> orm.Dict:
    """What ``fit_equation_of_state`` stores, of a solid whose K is 3 GPa."""
    pressures = birch_murnaghan(VOLUMES, 3.0, 5000.0) / EV_PER_CUBIC_ANGSTROM_IN_GPA
    errors = np.full(5, 2e-4)
    points = {
        "volumes_angstrom3": VOLUMES,
        "pressures_ev_per_angstrom3": pressures,
        "errors_ev_per_angstrom3": errors,
        "temperature_k": 300.0,
    }
    return orm.Dict(plain({**points, "modulus": "Voigt", **fit_birch_murnaghan(VOLUMES, pressures, errors, 4000.0).as_dict()}))


@pytest.fixture(scope="module")
def pipeline(aiida_profile: Any, process: Callable[..., Any], made: Callable[..., None]) -> orm.WorkChainNode:
    """A pipeline with one certified glass and one solid that did not melt; made once, and only read."""
    aiida_profile.reset_storage()
    structure = orm.StructureData(cell=np.diag([8.0, 9.0, 10.0]).tolist())
    structure.append_atom(symbols="Zn", position=(0.0, 0.0, 0.0))
    root = process(orm.WorkChainNode, "PipelineWorkChain", structure=structure, seed=orm.Int(1))
    ensemble = process(orm.WorkChainNode, "GlassEnsembleWorkChain", "glasses", root)
    crystal = process(orm.WorkChainNode, "AnalysisWorkChain", "analysis_crystal", root)
    r = np.linspace(0.1, 8, 9)
    shape = {"r": r, "g_zn_n": r, "n_zn_n": r, "angle": r, "angle_density": r}
    made(crystal, summary=summary(4.0), curves=array(**shape))
    for label, molten in (("replica_01", True), ("replica_02", False)):
        chain = process(
            orm.WorkChainNode, "MeltQuenchWorkChain", label, ensemble, status=0 if molten else 710, message="" if molten else "not molten",
            run=orm.Dict({"tmax_k": 1500.0, "timestep_fs": 0.5}), seed=orm.Int(1001),
        )  # fmt: skip
        verdict = MeltVerdict(0.5 if molten else 0.0, Estimate(2.5, 0.1, 9.0), (), molten, "…", {}, None, None)
        run = orm.Dict({"stages": [{"label": "plateau", "steps": 100}, {"label": "quench", "steps": 100}]})
        glass = structure.clone()
        made(chain, glass=glass, melt=orm.Dict(plain(verdict)), run=run, thermo_melt=array(step=[0, 100], temperature=[300.0, 1500.0]))
        eos = process(orm.WorkChainNode, "EquationOfStateWorkChain", f"eos_{label}", root)
        made(eos, equation_of_state=equation_of_state())
        strain = process(
            orm.WorkChainNode,
            "StrainFluctuationWorkChain",
            f"strain_fluctuation_{label}",
            root,
            status=711,
            run=orm.Dict({"timestep_fs": 0.5}),
        )
        found = ElasticResult("not yet", 11.6, "not yet (N_eff = 11.6; at least 30 is needed).")
        cells = array(step=[0, 20, 40], cell=np.diag([8.0, 9.0, 10.0]) * np.array([1.0, 1.01, 0.99])[:, None, None])
        made(strain, elastic_constants=orm.Dict(plain(found.as_dict())), cells=cells)
        analysis = process(orm.WorkChainNode, "AnalysisWorkChain", f"analysis_{label}", ensemble)
        made(analysis, summary=summary(3.8), curves=array(**shape))
        made(root, **{f"certificates__{label}": orm.Dict({"kind": "glass" if molten else "quenched solid, not molten"})})
    return root


def test_glass_has_all_its_numbers(pipeline: orm.WorkChainNode) -> None:
    """K, ρ₀, structure and the reason why there are no elastic constants yet, as ``science`` wrote them."""
    glass, other = table.collect(pipeline)["glasses"]
    assert (glass["kind"], other["kind"]) == ("glass", "quenched solid, not molten")
    assert glass["equation_of_state"]["bulk_modulus_gpa"][0] == pytest.approx(3.0, abs=1e-6)
    assert glass["elasticity"]["n_eff"] == 11.6
    assert glass["zn_n_coordination"]["mean"] == 3.8


def test_table_of_real_numbers_is_whole(pipeline: orm.WorkChainNode) -> None:
    """The crystal stands beside glass and solid, and each number has found its row."""
    text = table.render(table.collect(pipeline))
    for words in (
        "crystal",
        "glass 01",
        "solid 02",
        "3.0 ±",
        "1.310 g/cm³",
        "3.80 ± 0.02",
        "4.00 ± 0.02",
        "not yet (N_eff = 11.6)",
        "2.50 ± 0.10",
    ):
        assert words in text


def test_page_has_a_figure_of_each_kind(pipeline: orm.WorkChainNode, tmp_path: Path) -> None:
    """Melt-quench, RDF, angles, rings, P(V) and strain."""
    page.write(pipeline, table.collect(pipeline), tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text().count("<figure>") == 6


def test_curves_are_named_by_what_they_show(pipeline: orm.WorkChainNode) -> None:
    """The crystal first; a solid that did not melt is none of the glasses; times in ps."""
    found = curves.collect(pipeline, table.collect(pipeline))
    assert list(found.structures) == ["crystal", "glass 01", "solid 02"]
    assert found.cells["glass 01"]["time_ps"] == pytest.approx([0.0, 0.01, 0.02])
    assert found.melt_quenches[0].stages == (("plateau", 0.0, 0.05), ("quench", 0.05, 0.1))
