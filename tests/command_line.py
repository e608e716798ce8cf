"""Run the command line as people and scripts do: a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What a command left: its exit status and what it printed."""

    status: int
    output: str
    errors: str

    @property
    def document(self) -> Any:
        """The one JSON document that is all of stdout."""
        return json.loads(self.output)

    @property
    def lines(self) -> list[Any]:
        """The JSON lines that are all of stdout."""
        return [json.loads(line) for line in self.output.splitlines()]


def headrace(*words: str | Path, folder: Path | None = None, timeout: float = 200.0) -> Answer:
    """Run ``headrace WORDS`` in ``folder`` to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "headrace", *map(str, words)],
        cwd=folder,
        env=os.environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return Answer(done.returncode, done.stdout, done.stderr)
