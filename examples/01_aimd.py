# SPDX-License-Identifier: MIT
"""AIMD: 60 steps of dia-Zn(Im)2 (34 atoms) at 300 K with CP2K; energy, forces and stress of every step.

verdi run examples/01_aimd.py        (after `aiida-zif setup`, in any profile)
"""

import sys
from importlib import resources

from aiida.engine import run_get_node
from aiida.orm import Float

from aiida_zif.calculations.functions.structure import read_structure
from aiida_zif.cli.codes import choose
from aiida_zif.workchains.aimd import AimdWorkChain


def main() -> None:
    """Start from the crystal that ships. So short a run is rarely at its temperature: the tolerance is wide."""
    crystal = read_structure(resources.files("aiida_zif") / "structures" / "dia-zn-im-2.xyz")
    overrides = {"aimd": {"run": {"steps": 60, "equilibration_steps": 20}}}
    builder = AimdWorkChain.get_builder_from_protocol(
        choose(AimdWorkChain), "smoke", overrides, structure=crystal, temperature_tolerance=Float(0.6)
    )
    _, node = run_get_node(builder)
    print(f"{node.process_label}<{node.pk}> [{node.exit_status}] {node.exit_message or 'finished'}")
    sys.exit(0 if node.is_finished_ok or (node.exit_status or 0) >= 700 else 1)


main()
