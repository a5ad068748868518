# SPDX-License-Identifier: MIT
"""Every bad input is one sentence, and nothing is stored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Refused = Callable[..., str]
CRYSTAL = "dia-zn-im-2"
CELL = 'Lattice="9 0 0 0 9 0 0 0 9" Properties=species:S:1:pos:R:3 pbc="T T T"'


@pytest.fixture(autouse=True)
def _nothing_stored(codes: Any, stored: Callable[[], int]) -> Any:
    before = stored()
    yield
    assert stored() <= before + 1  # a node that the test itself made


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (f"3\n{CELL}\nO 0 0 0\nH 0.96 0 0\nH -0.24 0.93 0\n", "holds no Zn"),
        (f"4\n{CELL}\nZn 5 5 5\nO 0 0 0\nH 0.96 0 0\nH -0.24 0.93 0\n", "1 × H2O besides Zn"),
        (f"1\n{CELL}\nQq 0 0 0\n", "could not be read as a structure"),
        ("nonsense", "could not be read as a structure"),
        ("1\nno cell\nZn 0 0 0\n", "no periodic cell"),
    ],
    ids=["no zinc", "another molecule", "unknown element", "no structure", "no cell"],
)
def test_structure_of_a_file_that_cannot_be(content: str, words: str, refused: Refused, tmp_path: Path) -> None:
    """The sentence says what is wrong with it."""
    path = tmp_path / "mine.xyz"
    path.write_text(content)
    assert words in refused("launch", "aimd", "--structure", path, "--dry-run")


@pytest.mark.parametrize(
    ("text", "words"), [("absent.cif", "no structure file 'absent.cif'"), ("4711", "no node '4711'"), ("absent", "no node 'absent'")]
)
def test_structure_that_is_not_there(text: str, words: str, refused: Refused) -> None:
    """What has a suffix is a file; a number or a word a node."""
    assert words in refused("launch", "aimd", "--structure", text)


def test_node_of_another_kind(refused: Refused, codes: dict[str, Any]) -> None:
    """The sentence names what it is and what is needed."""
    sentence = refused("launch", "aimd", "--structure", codes["cp2k"].pk)
    assert "InstalledCode" in sentence
    assert "StructureData is needed" in sentence
    assert "ZifModelData or ZifForceFieldData is needed" in refused("launch", "eos", "--structure", CRYSTAL, "--model", codes["cp2k"].pk)


def test_element_that_the_model_does_not_know(refused: Refused, make_compiled: Any) -> None:
    """Before anything runs."""
    node = make_compiled(type_names="C H Zn", num_types="3").store()
    assert "knows C, H, Zn, but the structure holds N" in refused("launch", "eos", "--structure", CRYSTAL, "--model", node.pk)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "zif.aimd needs --structure"),
        (["--structure", CRYSTAL, "--protocol", "gold"], "'gold' is not"),
        (["--structure", CRYSTAL, "--override", "aimd"], "should be STAGE.KEY=VALUE"),
        (["--structure", CRYSTAL, "--override", "amid.run.steps=4"], "no amid; there are aimd, relax, dataset"),
        (["--structure", CRYSTAL, "--override", "aimd.run.stepz=4"], "'stepz' is no setting"),
        (["--structure", CRYSTAL, "--override", "aimd.run.steps=-4"], "has nothing to do"),
        (["--structure", CRYSTAL, "--override", "aimd.run.steps=many"], "steps"),
        (["--structure", CRYSTAL, "--override", "aimd.state_points=7"], "of the wrong kind"),
        (["--structure", CRYSTAL, "--override", "eos.order=3"], "eos.order changes nothing in zif.aimd"),
        (["--structure", CRYSTAL, "--options", "{queue: "], "neither a file nor YAML"),
        (["--structure", CRYSTAL, "--options", "fast"], "neither a file nor a mapping"),
        (["--structure", CRYSTAL, "--options", "{quue: fast}"], "unknown options quue"),
        (["--structure", CRYSTAL, "--options", "{aimd: {gpus: 1}, amid: {gpus: 1}}"], "but there is amid"),
        (["--structure", CRYSTAL, "--code", "lammps=zif-lmp"], "with a role of this stage: cp2k"),
        (["--structure", CRYSTAL, "--code", "cp2k=absent"], "'absent' names no code"),
        (["--structure", CRYSTAL, "--seed", "0"], "'--seed'"),
        (["--structure", CRYSTAL, "--daemon"], "the daemon is not running"),
        (["--structure", CRYSTAL, "--profile", "absent"], "there is no AiiDA profile to work in"),
        (["--structure", CRYSTAL, "--model", "1"], "No such option"),
    ],
)
def test_argument_that_cannot_be(arguments: list[str], words: str, refused: Refused) -> None:
    """The sentence repeats what was given or says what is allowed."""
    assert words in refused("launch", "aimd", *arguments)


@pytest.mark.parametrize("text", ["eos.volume_factors=3", "eos.deform_ps=long", "eos.temperature_k=-1", "eos.volume_factors=[1.0, 20.0]"])
def test_plan_that_cannot_be(text: str, refused: Refused, model: Any) -> None:
    """What a chain would only find when it makes its first job is found before."""
    model.store()
    assert refused("launch", "eos", "--structure", CRYSTAL, "--model", model.pk, "--override", text)


@pytest.mark.parametrize(
    "text",
    ["aimd.run.method=magic", "train.runs.nequip.l_max=-1", "melt_quench.run.tmax_k=0", "eos.volume_factors=7", "aimd.state_points=[]"],
)
def test_pipeline_whose_later_stages_cannot_be(text: str, refused: Refused) -> None:
    """A pipeline checks all its stages first: nobody wants to hear it after the training."""
    assert refused("launch", "pipeline", "--structure", CRYSTAL, "--override", text)


def test_stage_that_draws_nothing_takes_no_seed(refused: Refused, make_trajectory: Any) -> None:
    """It would be lost without a word."""
    node = make_trajectory().store()
    assert "draws nothing at random" in refused("launch", "analysis", "--reference", CRYSTAL, "--trajectory", node.pk, "--seed", 2)


@pytest.mark.usefixtures("no_cp2k")
def test_code_that_is_missing(refused: Refused) -> None:
    """The sentence says what brings the program and what to type."""
    sentence = refused("launch", "aimd", "--structure", CRYSTAL)
    for words in ("no code for cp2k", "apt-get install cp2k", "aiida-zif setup", "--code cp2k=LABEL@COMPUTER"):
        assert words in sentence


def test_run_that_raises_or_is_stopped(refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception and Ctrl-C end in one line, too."""

    def fail(problem: BaseException) -> Callable[..., None]:
        def raising(*_: Any) -> None:
            raise problem

        return raising

    monkeypatch.setattr("aiida.engine.runners.Runner.run_get_node", fail(RuntimeError("disk\nfull")))
    assert "RuntimeError: disk full" in refused("launch", "aimd", "--structure", CRYSTAL)
    monkeypatch.setattr("aiida.engine.runners.Runner.run_get_node", fail(KeyboardInterrupt()))
    assert "stopped" in refused("launch", "aimd", "--structure", CRYSTAL)


@pytest.mark.parametrize("command", [("launch", "aimd", "--structure", CRYSTAL), ("setup",), ("status",), ("report", "1")])
def test_no_profile(command: tuple[str, ...], refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody made a profile yet, the sentence says how."""
    from aiida.common.exceptions import MissingConfigurationError

    def absent(_: Any) -> None:
        raise MissingConfigurationError("configuration file does not exist")

    monkeypatch.setattr("aiida.manage.configuration.load_profile", absent)
    assert "verdi presto" in refused(*command)
