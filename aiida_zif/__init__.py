# SPDX-License-Identifier: MIT
"""Amorphous metal–organic frameworks by machine-learned potentials, every number traceable.

The way of the data, one word per stage, and that word is the file name in every room::

    structure ─▶ aimd ─▶ dataset ─▶ train ─▶ md (melt_quench · eos · strain_fluctuation) ─▶ analysis ─▶ report

The rooms, each of which may look only at those before it:

``science``       numbers only: the physics and the statistics
``formats``       the files of other programs, in and out
``programs``      what of ours runs on the compute machine, without AiiDA
``data``          our node types: a file plus queryable facts about it
``calculations``  one CalcJob per program we start; ``functions`` for what is cheap
``parsers``       thin: open, call formats, put out nodes, give the verdict last
``workchains``    one file per stage; protocols in YAML
``report``        the page a scientist reads
``cli``           the ``aiida-zif`` command
"""

__version__ = "0.1.0"
