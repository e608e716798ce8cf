"""The contestants' environments: each its own, with pinned versions, made when it is first needed."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

PEERS = Path(__file__).parent / "peers"
ENVIRONMENTS = Path(__file__).parent.parent / ".venv-bench"
_INSTALL_SECONDS = 900


class NotInstalledError(Exception):
    """A contestant cannot be installed here; the message has the reason."""


def python_of(name: str, say: Callable[[str], None]) -> Path:
    """Return the Python of a contestant's own environment, made of its ``requirements.txt`` when it is not there.

    Raises:
        NotInstalledError: pip did not succeed; the message has its last lines.
    """
    requirements = PEERS / name / "requirements.txt"
    folder = ENVIRONMENTS / name
    python, mark = folder / "bin" / "python", folder / ".installed"
    wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()
    if not mark.exists() or mark.read_text(encoding="ascii") != wanted:
        say(f"Installing {name} into {folder.relative_to(ENVIRONMENTS.parent)}.")
        run_to_end([sys.executable, "-m", "venv", "--clear", str(folder)])
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        run_to_end([*pip, "--requirement", str(requirements)])
        mark.write_text(wanted, encoding="ascii")
    return python


def run_to_end(command: list[str]) -> str:
    """Run a program that prepares something; return what it printed.

    Raises:
        NotInstalledError: it cannot be started, failed, or takes too long.
    """
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=_INSTALL_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalledError(str(error)) from error
    if done.returncode:
        message = f"{Path(command[0]).name} failed: {done.stdout.strip()[-500:]}"
        raise NotInstalledError(message)
    return done.stdout
