# SPDX-License-Identifier: MIT
"""AIMD campaign: two state points of dia-Zn(Im)2, of which each has its own volume, temperature, length and verdict.

verdi run examples/11_aimd_campaign.py        (after `aiida-zif setup`, in any profile)
"""

import sys
from importlib import resources

from aiida.engine import run_get_node
from aiida.orm import Float

from aiida_zif.calculations.functions.structure import read_structure
from aiida_zif.cli.codes import choose
from aiida_zif.workchains.aimd_campaign import AimdCampaignWorkChain

POINTS = [{"temperature_k": 300, "picoseconds": 0.015}, {"temperature_k": 1000, "volume": 1.05, "picoseconds": 0.02}]


def main() -> None:
    """A table, and what its rows have in common. So short runs are rarely at their temperature: the tolerance is wide."""
    crystal = read_structure(resources.files("aiida_zif") / "structures" / "dia-zn-im-2.xyz")
    common = {"heating_steps": 8, "heating_time_fs": 2.0, "equilibration_steps": 12}
    overrides = {"aimd": {"state_points": POINTS, "min_state_points": 2, "run": common}}
    builder = AimdCampaignWorkChain.get_builder_from_protocol(
        choose(AimdCampaignWorkChain), "smoke", overrides, structure=crystal, temperature_tolerance=Float(0.8)
    )
    _, node = run_get_node(builder)
    print(f"{node.process_label}<{node.pk}> [{node.exit_status}] {node.exit_message or 'finished'}")
    sys.exit(0 if node.is_finished_ok or (node.exit_status or 0) >= 700 else 1)


main()
