# SPDX-License-Identifier: MIT
"""Ratios measured side by side in one run: ``python -m benchmarks [NAME] [--json]``.

A benchmark is a module here with ``run() -> dict``: plain numbers, each key ending in its unit, and every comparison as a key ending
in ``_ratio`` (ours by theirs, smaller is better), measured by turns so that both see the same load. The dict may carry
``limits``, a mapping from such a key to the ratio that must not be exceeded.
"""
