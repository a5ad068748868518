# SPDX-License-Identifier: MIT
"""``python -m benchmarks``: names are found, a wrong one is refused, a failure or a limit shows in the exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import benchmarks.help
from benchmarks.__main__ import exceeded, main

ROOT = Path(__file__).resolve().parents[2]


def call(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "benchmarks", *arguments], capture_output=True, text=True, cwd=ROOT, check=False)


def test_unknown_benchmark_is_refused_in_one_sentence() -> None:
    """The sentence says which there are."""
    done = call("nonsense")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "help" in done.stderr


def test_json_carries_load_and_versions(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The help benchmark runs, and its document has numbers, load average and versions."""
    monkeypatch.setattr(benchmarks.help, "REPEATS", 1)
    monkeypatch.setattr(sys, "argv", ["benchmarks", "help", "--json"])
    main()
    document = json.loads(capsys.readouterr().out)
    result = document["results"]["help"]
    assert "error" not in result
    assert result["help_ratio"] > 0
    assert len(result["load_average"]) == 2
    assert document["versions"]["python"]


def test_limit_that_is_exceeded_is_named() -> None:
    """``exceeded`` names the key above its limit, and takes NaN for exceeded."""
    limits = {"a_ratio": 1.3, "b_ratio": 1.3, "c_ratio": 1.0}
    assert exceeded({"a_ratio": 1.2, "b_ratio": 2.0, "c_ratio": float("nan"), "limits": limits}) == ["b_ratio", "c_ratio"]
