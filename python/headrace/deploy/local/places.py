"""Where supervisor's files are in the data folder, and its socket, whose path the system keeps short."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from headrace.errors import RefusedError
from headrace.home import home

_LONGEST_SOCKET_PATH = 90  # 104 bytes on macOS, 108 on Linux; supervisor binds a name with its pid behind it first


def configuration_path() -> Path:
    """Return supervisor's own configuration."""
    return home("supervisor") / "supervisord.conf"


def programs_folder() -> Path:
    """Return the folder with one file of programs a service that should run."""
    return home("supervisor", "programs")


def programs_path(service: str) -> Path:
    """Return the programs of ``service``; the file is there exactly when the service should run."""
    return programs_folder() / f"{service}.conf"


def log_path() -> Path:
    """Return supervisor's own log."""
    return home("supervisor") / "supervisord.log"


def socket_path() -> Path:
    """Return the unix socket of this data folder's supervisor, in a folder that is the user's alone.

    Raises:
        RefusedError: the short folder that a long data folder needs belongs to somebody else.
    """
    path = home("supervisor") / "socket"
    path.parent.chmod(0o700)
    if len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH:
        return path
    digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    folder = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()) / f"headrace-{os.getuid()}-{digest}"
    folder.mkdir(mode=0o700, exist_ok=True)
    facts = folder.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid() or facts.st_mode & 0o077:
        message = f"`{folder}` is not a folder of yours alone (mode 0700), so supervisor's socket cannot be there."
        raise RefusedError(message, hint="Remove it, or set HEADRACE_HOME to a shorter path.")
    return folder / "socket"
