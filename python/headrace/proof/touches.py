"""See which files and hosts a cell touches while it runs: reported, not forbidden.

Python's audit events (PEP 578) say so. A hook cannot be taken away again; ours does nothing unless a cell is watched.
"""

from __future__ import annotations

import functools
import os
import sys
import sysconfig
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from headrace.engine.context import Function

_MOST_SHOWN = 3
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_APPEND | os.O_CREAT
_PARTS_OF_PYTHON = tuple(
    str(Path(place).resolve())
    for place in {*sysconfig.get_paths().values(), sys.prefix, sys.base_prefix, "/usr/share/zoneinfo", "/proc", "/dev"}
)
_running = threading.local()
_installed = threading.Lock()
_hooks: list[bool] = []


class Touches:
    """What a cell touched, in the order in which it did so first."""

    def __init__(self) -> None:
        self.read: dict[str, None] = {}
        self.written: dict[str, None] = {}
        self.hosts: dict[str, None] = {}
        self.commands: dict[str, None] = {}

    def messages(self) -> Iterator[str]:
        """Yield a sentence for each kind of thing that was touched."""
        if self.read:
            yield f"The cell reads {_listed(self.read)} with each batch: do so in another cell, a service may lack it."
        if self.written:
            yield f"The cell writes {_listed(self.written)}: replicas and restarts do so again, and it is no output."
        if self.hosts:
            yield f"The cell calls {_listed(self.hosts)} with each batch: the service waits for it, and fails with it."
        if self.commands:
            yield f"The cell starts {_listed(self.commands)} with each batch: a service may lack it."


def watched(function: Function, touches: Touches) -> Function:
    """Return a function that does the same and notes in ``touches`` what it touches in its own thread."""
    _install()

    @functools.wraps(function)
    def run(*frames: Any, **arguments: Any) -> Any:  # noqa: ANN401  whatever the cell takes and gives
        before = getattr(_running, "touches", None)
        _running.touches = touches
        try:
            return function(*frames, **arguments)
        finally:
            _running.touches = before

    return run


def _install() -> None:
    with _installed:
        if not _hooks:
            sys.addaudithook(_note)
            _hooks.append(True)


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    touches: Touches | None = getattr(_running, "touches", None)
    if touches is None:
        return
    if event == "open":
        path, mode, flags = arguments
        if isinstance(path, str | bytes | os.PathLike) and not _of_python(path):
            writes = any(letter in (mode or "") for letter in "wax+") or bool((flags or 0) & _WRITING)
            (touches.written if writes else touches.read)[f"`{os.fsdecode(path)}`"] = None
    elif event == "socket.getaddrinfo":
        touches.hosts[f"`{arguments[0]}`"] = None
    elif event == "socket.connect" and isinstance(arguments[1], tuple):
        touches.hosts.setdefault(f"`{arguments[1][0]}`")
    elif event in {"subprocess.Popen", "os.system", "os.posix_spawn"}:
        words = arguments[0]
        touches.commands[f"`{os.fsdecode(words) if isinstance(words, str | bytes) else words}`"] = None


def _of_python(path: str | bytes | os.PathLike[Any]) -> bool:
    """Whether a file is Python's own or of an installed package: a first import reads it, and no later batch."""
    return str(Path(os.fsdecode(path)).resolve()).startswith(_PARTS_OF_PYTHON)


def _listed(names: dict[str, None]) -> str:
    shown = list(names)[:_MOST_SHOWN]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
