# SPDX-License-Identifier: MIT
"""Relaxation: the atoms of dia-Zn(Im)2 at 0 K with CP2K, before anything else; goes on from where a job was stopped.

verdi run examples/10_relax.py        (after `aiida-zif setup`, in any profile)
"""

import sys
from importlib import resources

from aiida.engine import run_get_node

from aiida_zif.calculations.functions.structure import read_structure
from aiida_zif.cli.codes import choose
from aiida_zif.workchains.relax import RelaxWorkChain


def main() -> None:
    """The crystal that ships is nearly relaxed: a few steps."""
    crystal = read_structure(resources.files("aiida_zif") / "structures" / "dia-zn-im-2.xyz")
    overrides = {"relax": {"run": {"max_force_ev_per_angstrom": 0.1}}}
    builder = RelaxWorkChain.get_builder_from_protocol(choose(RelaxWorkChain), "smoke", overrides, structure=crystal)
    _, node = run_get_node(builder)
    print(f"{node.process_label}<{node.pk}> [{node.exit_status}] {node.exit_message or 'finished'}")
    sys.exit(0 if node.is_finished_ok or (node.exit_status or 0) >= 700 else 1)


main()
