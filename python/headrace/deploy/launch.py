"""What supervisor starts: a replica's environment, made clean, and then ``headrace run`` in its place.

``python -m headrace.deploy.launch FOLDER REPLICA``. It imports little: it runs at every start of every replica.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
import time
from pathlib import Path

from headrace.deploy.starts import pause_before_start, record_start
from headrace.errors import HeadraceError
from headrace.home import home
from headrace.kafka.clusters import resolve_cluster

_KEPT = frozenset({"HOME", "LANG", "LANGUAGE", "LOGNAME", "PATH", "PYTHONPATH", "SHELL", "TMPDIR", "TZ", "USER"})
_KEPT_PREFIXES = ("LC_", "XDG_", "HEADRACE_", "SSL_CERT_", "KRB5", "DBUS_SESSION")
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_PR_SET_PDEATHSIG = 1
MEMORY_VARIABLE = "HEADRACE_REPLICA_MEMORY_MB"


def clean_environment(inherited: dict[str, str], referenced: set[str]) -> dict[str, str]:
    """Return a replica's environment: what any program needs, and the variables its cluster's secrets refer to.

    Args:
        inherited: all variables of the supervisor.
        referenced: names of variables that ``env:NAME`` references name.
    """
    kept = {
        name: value
        for name, value in inherited.items()
        if name in _KEPT or name in referenced or name.startswith(_KEPT_PREFIXES)
    }
    return kept | dict.fromkeys(_ONE_THREAD, "1") | {"PYTHONUNBUFFERED": "1"}


def main() -> None:
    """Become the replica."""
    end_with_supervisor(home("supervisor") / "supervisord.pid")
    folder, replica = Path(sys.argv[1]), int(sys.argv[2])
    deployment = Path(os.environ["HEADRACE_DEPLOYMENT"])
    pause = pause_before_start(deployment.parent, replica)
    if pause:
        sys.stdout.write(f"started often within a minute: waiting {pause:.0f} s\n")
        sys.stdout.flush()
        time.sleep(pause)
    record_start(deployment, replica)
    limit_memory(os.environ.get(MEMORY_VARIABLE))
    environment = clean_environment(dict(os.environ), _referenced(folder, deployment))
    command = [sys.executable, "-m", "headrace", "run", str(folder), "--replica", str(replica)]
    os.execve(command[0], command, environment)  # noqa: S606 (an argument list, no shell)


def end_with_supervisor(pid_file: Path) -> None:
    """Have the system end this process, and what it becomes, with its supervisor; leave at once when it has ended."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(pid_file.read_text(encoding="ascii")):
        sys.exit("the supervisor that started this has ended")


def limit_memory(megabytes: str | None) -> None:
    """Limit the private memory of this process and of what it becomes; None or an empty text is no limit."""
    if megabytes:
        size = int(megabytes) * 1024 * 1024
        resource.setrlimit(resource.RLIMIT_DATA, (size, size))


def _referenced(folder: Path, deployment: Path) -> set[str]:
    try:
        cluster = resolve_cluster(str(json.loads(deployment.read_bytes())["cluster"]), folder)
    except HeadraceError:
        return set()  # `headrace run` meets the same error and says it in the log
    values = [str(value) for value in cluster.settings.values()]
    return {value.removeprefix("env:") for value in values if value.startswith("env:")}


if __name__ == "__main__":
    main()
