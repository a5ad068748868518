# SPDX-License-Identifier: MIT
"""An ensemble: packages in fixed names, facts that can be queried, a calibration that it carries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aiida.orm import Dict, Int, QueryBuilder, load_node

from aiida_zif.calculations.functions.ensemble import calibrate_ensemble, gather_ensemble, take_member
from aiida_zif.data.ensemble import ZifEnsembleData

Make = Callable[..., Any]
pytestmark = pytest.mark.usefixtures("aiida_profile")


def test_members_lie_in_fixed_names(ensemble: ZifEnsembleData) -> None:
    """With what they have in common as attributes."""
    assert ensemble.filenames == ensemble.base.repository.list_object_names() == ["member_01.nequip.zip", "member_02.nequip.zip"]
    facts = ensemble.base.attributes.get
    assert (facts("architecture"), facts("seeds"), facts("cutoff_angstrom")) == ("nequip", [1, 2], 4.0)
    assert ensemble.type_names == ["C", "H", "N", "Zn"]
    assert ensemble.calibration is None


def test_order_has_no_part_in_it(make_member: Make) -> None:
    """Members stand by their seeds: equal content, equal node."""
    one, two = (ZifEnsembleData.from_models([make_member(seed) for seed in seeds]).store() for seeds in ((1, 2), (2, 1)))
    assert one.base.caching.compute_hash() == two.base.caching.compute_hash()


def test_member_comes_out_as_it_went_in(ensemble: ZifEnsembleData, make_member: Make) -> None:
    """Byte by byte, with its facts; there is none beyond the last."""
    found, given = ensemble.member(2), make_member(2)
    with found.open(mode="rb") as ours, given.open(mode="rb") as theirs:
        assert ours.read() == theirs.read()
    assert found.base.attributes.all == given.base.attributes.all
    with pytest.raises(ValueError, match="members 1 to 2, but no 3"):
        ensemble.member(3)


def test_calibration_is_carried_by_a_new_node(ensemble: ZifEnsembleData) -> None:
    """The files are the same; the number can be queried."""
    ensemble.store()
    found = calibrate_ensemble(ensemble, Dict({"scale": 1.75}))
    assert found.calibration == {"scale": 1.75}
    assert found.base.repository.hash() == ensemble.base.repository.hash()
    query = QueryBuilder().append(ZifEnsembleData, filters={"attributes.calibration.scale": {">": 1.5}, "uuid": found.uuid})
    assert query.count() == 1


def test_graph_knows_the_members(make_member: Make) -> None:
    """Gathered by a calcfunction, taken out by another."""
    models = {f"member_{seed:02d}": make_member(seed).store() for seed in (1, 2)}
    ensemble = gather_ensemble(**models)
    assert {link.link_label for link in ensemble.creator.base.links.get_incoming().all()} == set(models)
    assert take_member(ensemble, Int(1)).base.attributes.get("seed") == 1
    assert load_node(ensemble.pk).filenames == ensemble.filenames


def test_what_is_no_ensemble_is_refused(make_member: Make, make_compiled: Make) -> None:
    """One model, twice the same, other data, another form: one sentence each."""
    for models, sentence in (
        ([make_member(1)], "two models or more, but 1"),
        ([make_member(1), make_member(1)], "the same file"),
        ([make_member(1), make_member(2, dataset_hash="xyz")], "differ in their dataset_hash"),
        ([make_member(1), make_compiled()], "portable packages"),
    ):
        with pytest.raises(ValueError, match=sentence):
            ZifEnsembleData.from_models(models)
