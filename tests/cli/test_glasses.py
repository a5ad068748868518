# SPDX-License-Identifier: MIT
"""`aiida-zif import --kind glass` and `aiida-zif glasses`: what was made elsewhere stands beside what was made here, and says so."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from aiida.orm import Dict, Group, load_node

CRYSTAL = Path(str(resources.files("aiida_zif") / "structures" / "dia-zn-im-2.xyz"))
SOURCE = "doi:10.1021/acs.chemmater.0c02950"
Call = Callable[..., Any]


@pytest.fixture
def imported(call: Call) -> Any:
    """The crystal that ships, taken up as if it were published; the certificate."""
    result = call("import", CRYSTAL, "--kind", "glass", "--source", SOURCE)
    assert result.exit_code == 0, result.output
    return load_node(int(result.output.split("Dict<")[1].split(">")[0]))


def test_imported_structure_has_a_certificate(imported: Any) -> None:
    """It says *imported*, from where, with which hash; the same numbers of structure as a glass of ours; whether molten is not known."""
    told = imported.get_dict()
    assert (told["kind"], told["source"]["source"], told["molten"], told["model"]) == ("imported", SOURCE, None, None)
    assert told["source"]["sha256"] == hashlib.sha256(CRYSTAL.read_bytes()).hexdigest()
    assert told["linkers_whole"]
    assert told["zn_n_coordination"]["mean"] == 4.0
    assert told["rings_per_cell"]
    group = Group.collection.get(label="zif/imported_glasses")
    assert {imported.uuid, told["structure"]} <= {node.uuid for node in group.nodes}


def test_glasses_are_listed(call: Call, imported: Any) -> None:
    """One line each; JSON in full; what is asked is filtered."""
    result = call("glasses", "--whole", "--kind", "imported")
    assert result.output.splitlines()[0].split()[:2] == ["pk", "kind"]
    assert "imported" in result.output
    (told,) = [one for one in json.loads(call("glasses", "--json").output) if one["certificate_uuid"] == imported.uuid]
    assert told["pk"] == load_node(told["structure"]).pk
    assert "no glass here" in call("glasses", "--molten-ps", "50").output
    assert "no glass here" in call("glasses", "--model", Dict({}).store().pk).output


def test_bad_imports_store_nothing(call: Call, refused: Callable[..., str], tmp_path: Path, stored: Callable[[], int]) -> None:
    """No source, no file, no zinc imidazolate, a source of two lines; a dry run."""
    before = stored()
    salt = tmp_path / "salt.xyz"
    salt.write_text('1\nLattice="5 0 0 0 5 0 0 0 5" Properties=species:S:1:pos:R:3\nNa 0 0 0\n')
    assert "--source" in refused("import", CRYSTAL, "--kind", "glass")
    assert "--kind glass" in refused("import", CRYSTAL, "--single-points", "--source", SOURCE)
    assert "there is no structure file" in refused("import", tmp_path / "none.cif", "--kind", "glass", "--source", SOURCE)
    assert "salt.xyz: " in refused("import", salt, "--kind", "glass", "--source", SOURCE)
    assert "must be a line" in refused("import", CRYSTAL, "--kind", "glass", "--source", "a\nb")
    assert "nothing was stored" in call("import", CRYSTAL, "--kind", "glass", "--source", SOURCE, "--dry-run").output
    assert stored() == before


def test_evidence_of_what_was_not_judged_is_refused(refused: Callable[..., str], make_chain: Callable[..., Any], tmp_path: Path) -> None:
    """A chain that came to no verdict has nothing to draw; without a file there is nowhere to draw it."""
    chain = make_chain("MeltQuenchWorkChain", 530, "a linker broke", name="melt_quench")
    assert "no melt verdict" in refused("glasses", "--evidence", chain.pk, "--figure", tmp_path / "a.svg")
    assert "belong together" in refused("glasses", "--evidence", chain.pk)
