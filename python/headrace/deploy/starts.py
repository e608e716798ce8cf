"""How often a replica was started: one line a start in ``replica-N.starts``, beside its log."""

from __future__ import annotations

import json
import time
from pathlib import Path

_MINUTE = 60.0
_CALM = 15
_PAUSE_SECONDS = 10.0


def record_start(deployment: Path, replica: int) -> None:
    """Note a start of a replica of the deployment whose record is ``deployment``."""
    _append(deployment.parent, replica, str(json.loads(deployment.read_bytes())["deploy"]), "start")


def record_wish(folder: Path, replica: int, deploy: str) -> None:
    """Note that somebody asked for the next start of a replica, so that it is no restart."""
    _append(folder, replica, deploy, "wish")


def count_restarts(folder: Path, replica: int, deploy: str) -> int:
    """Return how often the replica was started within ``deploy`` without anybody having asked for it."""
    words = [word for _, word in _entries(folder, replica, deploy)]
    return max(0, words.count("start") - words.count("wish"))


def starts_since_wish(folder: Path, replica: int, deploy: str) -> int:
    """Return how often the replica was started since somebody last asked for it."""
    words = [word for _, word in _entries(folder, replica, deploy)]
    return words[::-1].index("wish") if "wish" in words else len(words)


def pause_before_start(folder: Path, replica: int) -> float:
    """Return the seconds to wait before the next start: none, until a replica was started often within a minute."""
    recent = [
        moment for moment, word in _entries(folder, replica) if word == "start" and moment > time.time() - _MINUTE
    ]
    return _PAUSE_SECONDS if len(recent) >= _CALM else 0.0


def _path(folder: Path, replica: int) -> Path:
    return folder / f"replica-{replica}.starts"


def _append(folder: Path, replica: int, deploy: str, word: str) -> None:
    known = bool(_entries(folder, replica, deploy))
    with _path(folder, replica).open("a" if known else "w", encoding="utf-8") as starts:  # earlier deployments' go
        starts.write(f"{time.time():.3f} {deploy} {word}\n")


def _entries(folder: Path, replica: int, deploy: str | None = None) -> list[tuple[float, str]]:
    path = _path(folder, replica)
    if not path.is_file():
        return []
    lines = (line.split(" ") for line in path.read_text(encoding="utf-8").splitlines())
    return [(float(moment), word) for moment, of, word in lines if deploy is None or of == deploy]
