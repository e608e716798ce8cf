"""A short round of what `make chaos` does at length: a few faults on a broker and processes of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_FAULTS = ("kill", "terminate", "rescale", "full-disk")
"""Those that take seconds; `make chaos` has the others, the broker's among them."""


@pytest.mark.timeout(240)
def test_five_faults_lose_and_double_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.system.chaos", "--kind", "stateless", "--kind", "lookback", "--seed", "7"]
    command += ["--faults", "10", "--records", "24000", "--keep", str(tmp_path / "chaos")]
    for name in _FAULTS:
        command += ["--fault", name]
    done = subprocess.run(
        command, cwd=_ROOT, env=os.environ.copy(), capture_output=True, text=True, timeout=230, check=False
    )
    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-2_000:]
    assert "exactly-once: 0 lost, 0 doubled" in done.stdout
    assert "10 faults over 24,006 records" in done.stdout  # with the marks that end the lookback's partitions
