# SPDX-License-Identifier: MIT
"""MD: 0.1 ps of the crystal at 150 K in LAMMPS with the newest compiled model, every linker watched.

verdi run examples/04_md.py        (after 03_train.py)
"""

import sys
from importlib import resources

from aiida.engine import run_get_node
from aiida.orm import QueryBuilder

from aiida_zif.calculations.functions.structure import read_structure
from aiida_zif.cli.codes import choose
from aiida_zif.data.model import ZifModelData
from aiida_zif.workchains.md import MdWorkChain


def main() -> None:
    """Hold the crystal colder than the frames that the model learned from: it knows too little for more."""
    query = QueryBuilder().append(ZifModelData, filters={"attributes.form": "compiled"}, tag="node")
    model = query.order_by({"node": {"ctime": "desc"}}).first(flat=True)
    if model is None:
        sys.exit("There is no compiled model in this profile: run examples/03_train.py first.")
    crystal = read_structure(resources.files("aiida_zif") / "structures" / "dia-zn-im-2.xyz")
    overrides = {"md": {"hold": {"temperature_k": 150, "picoseconds": 0.1}, "run": {"dump_fs": 10}}}
    builder = MdWorkChain.get_builder_from_protocol(choose(MdWorkChain), "smoke", overrides, structure=crystal, potential=model)
    _, node = run_get_node(builder)
    print(f"{node.process_label}<{node.pk}> [{node.exit_status}] {node.exit_message or 'finished'}")
    sys.exit(0 if node.is_finished_ok or (node.exit_status or 0) >= 700 else 1)


main()
