# SPDX-License-Identifier: MIT
"""The calcfunctions: a line of science and a node of it, and a sentence for a file that is no structure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiida.orm import ArrayData, Dict, Float, List

from aiida_zif.calculations.functions.certificate import add_mechanics, certify_glass
from aiida_zif.calculations.functions.linkers import scale_volume
from aiida_zif.calculations.functions.structure import make_supercell, read_structure
from aiida_zif.calculations.functions.trajectory import join_trajectories
from aiida_zif.calculations.job import structure_arrays, validate_structure

ANALYSIS = {"density_g_per_cm3": {"mean": 1.0}, "zn_n_coordination": {}, "n_zn_n_angle_deg": {}, "rings_per_cell": {}}


def test_supercell_is_still_a_crystal(crystal: Any) -> None:
    """Twice and thrice along two vectors: six times the atoms in six times the volume, every linker whole."""
    found = make_supercell(crystal, List([2, 3, 1]))
    assert len(found.sites) == 6 * 34
    assert found.get_cell_volume() == pytest.approx(6 * crystal.get_cell_volume())
    assert validate_structure(found, None) is None
    assert found.base.links.get_incoming(link_label_filter="result").one().node.process_label == "make_supercell"


def test_scaled_volume_keeps_the_linkers(crystal: Any) -> None:
    """1.06 times the volume, the C–H bonds as long as before."""
    found = scale_volume(crystal, Float(1.06))
    assert found.get_cell_volume() == pytest.approx(1.06 * crystal.get_cell_volume())
    assert validate_structure(found, None) is None
    lengths = []
    for structure in (crystal, found):
        ase = structure.get_ase()
        distances = ase.get_all_distances(mic=True)
        hydrogen, carbon = (np.flatnonzero(ase.symbols == symbol) for symbol in ("H", "C"))
        lengths.append(np.sort(distances[np.ix_(hydrogen, carbon)].min(axis=1)))
    np.testing.assert_allclose(*lengths, atol=1e-6)


def test_joined_trajectory_counts_a_step_once_as_last_run(make_trajectory: Callable[..., Any]) -> None:
    """In the order of the names, whatever the order given; facts of the first, unconverged steps of all."""
    first, second = make_trajectory(5, seed=1, unconverged_steps=[1]), make_trajectory(5, seed=2, first_step=3, unconverged_steps=[6])
    found = join_trajectories(segment_02=second, segment_01=first)
    frames = found.frames()
    assert frames.steps.tolist() == list(range(8))
    assert np.array_equal(frames.positions[3], second.frames().positions[0])
    assert found.base.attributes.get("unconverged_steps") == [1, 6]
    assert found.base.attributes.get("asked_temperature_k") == 300.0


def certified(crystal: Any, whole: bool, molten: bool) -> Dict:
    """Return the certificate of a solid of which no energies are known."""
    melt = Dict({"molten": molten, "exchanged_share": 0.2, "coordination_at_tmax": {}, "sentence": "so"})
    plan = Dict({"stages": [{"label": "plateau", "steps": 500}], "timestep_fs": 1.0})
    made = Dict({"seed": 3})
    return certify_glass(crystal, crystal, plan, melt, Dict({"whole": whole}), Dict(ANALYSIS), ArrayData(), ArrayData(), made)


@pytest.mark.parametrize(
    ("whole", "molten", "kind"),
    [(True, True, "glass"), (True, False, "quenched solid, not molten"), (False, True, "damaged"), (False, False, "damaged")],
)
def test_certificate_calls_it_what_it_is(crystal: Any, whole: bool, molten: bool, kind: str) -> None:
    """A glass was molten and every linker is whole; anything else has another name."""
    found = certified(crystal, whole, molten)
    assert (found["kind"], found["held_ps"], found["seed"]) == (kind, 0.5, 3)
    assert found["energy_missing"] == "no energies of the crystal"
    assert found["bulk_modulus_gpa"] is None
    assert found["elasticity"] is None


def test_certificate_says_why_there_is_no_modulus(crystal: Any) -> None:
    """An equation of state that could not be fitted leaves its reason."""
    found = add_mechanics(certified(crystal, True, True), eos=Dict({"reason": "P rises with V"}))
    assert found["bulk_modulus_missing"] == "P rises with V"


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("absent.cif", None, "there is no structure file"),
        ("empty.cif", b"", "could not be read"),
        ("noise.cif", b"\xff\x00\xfe", "could not be read"),
        ("molecule.xyz", b"2\n\nH 0 0 0\nH 0 0 0.74\n", "no periodic cell"),
        ("folder", None, "there is no structure file"),
    ],
)
def test_file_that_is_no_structure_is_refused(tmp_path: Path, name: str, content: bytes | None, sentence: str) -> None:
    """One sentence with the name of the file."""
    path = tmp_path / name
    if name == "folder":
        path.mkdir()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=sentence) as caught:
        read_structure(path)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_structure_that_ships_is_accepted(repository: Path) -> None:
    """Both crystals of the project are zinc and whole imidazolates."""
    for name, atoms in (("dia-zn-im-2.xyz", 34), ("zif-4.xyz", 272)):
        structure = read_structure(repository / "aiida_zif" / "structures" / name)
        assert validate_structure(structure, None) is None
        assert len(structure_arrays(structure)[0]) == atoms
