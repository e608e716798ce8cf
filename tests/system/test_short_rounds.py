"""Short rounds of what `make chaos` does at length: a few faults on a broker and processes of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_ROUNDS = {
    "exactly-once": ("lookback", 16_000, ("kill", "terminate", "rescale", "full-disk", "freeze", "broker-kill")),
    "at-least-once": ("stateless", 10_000, ("kill", "rescale", "freeze", "broker-kill")),
}
_PROMISES = {"exactly-once": "exactly-once: 0 lost, 0 doubled", "at-least-once": "at-least-once: 0 lost, "}
_SEED = 140
"""Its freezes are the short ones: past the session, and within the time that a transaction may stay open."""


@pytest.mark.timeout(240)
@pytest.mark.parametrize("delivery", _ROUNDS)
def test_a_short_round_of_faults_keeps_the_promise(tmp_path: Path, delivery: str) -> None:
    kind, records, faults = _ROUNDS[delivery]
    command = [sys.executable, "-m", "tests.system.chaos", "--kind", kind, "--delivery", delivery]
    command += ["--seed", str(_SEED), "--faults", str(len(faults)), "--records", str(records)]
    command += ["--keep", str(tmp_path / "chaos"), *(word for name in faults for word in ("--fault", name))]
    done = subprocess.run(
        command, cwd=_ROOT, env=os.environ.copy(), capture_output=True, text=True, timeout=230, check=False
    )
    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-2_000:]
    assert _PROMISES[delivery] in done.stdout
    counted = next(line for line in done.stdout.splitlines() if line.startswith("faults: "))
    assert sorted(counted.removeprefix("faults: ").split(", ")) == sorted(f"{name} 1" for name in faults)
