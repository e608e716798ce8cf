"""Supervisor's configuration: its own, and one file of programs a service."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from headrace.deploy.deployments import Deployment, deployment_path, service_folder, write_whole
from headrace.deploy.local import places
from headrace.errors import RefusedError
from headrace.home import HOME_VARIABLE, home
from headrace.kafka.registry.configuration import REGISTRY_VARIABLE

_UNSPEAKABLE = set('"\n\r;#')
STOP_SECONDS = 10


def program_name(service: str, replica: int) -> str:
    """Return the name of one replica's program."""
    return f"{service}-{replica}"


def replica_log(service: str, replica: int) -> Path:
    """Return the log of one replica; older parts have ``.1``, ``.2`` behind it."""
    return service_folder(service) / f"replica-{replica}.log"


def write_own_configuration() -> None:
    """Write the configuration of supervisor itself."""
    folder = home("supervisor")
    write_whole(
        places.configuration_path(),
        f"""[supervisord]
identifier=headrace
directory={_ini(folder)}
logfile={_ini(places.log_path())}
logfile_maxbytes=5MB
logfile_backups=2
pidfile={_ini(folder / "supervisord.pid")}
childlogdir={_ini(folder)}
nodaemon=false
umask=077
minfds=1024

[unix_http_server]
file={_ini(places.socket_path())}
chmod=0600

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

[include]
files={_ini(places.programs_folder())}/*.conf
""",
    )


def write_programs(deployment: Deployment) -> None:
    """Write the programs of ``deployment``: one a replica, so that scaling restarts none of those that stay."""
    programs = (_program(deployment, replica) for replica in range(deployment.replicas))
    write_whole(places.programs_path(deployment.service), "\n".join(programs))


def _program(deployment: Deployment, replica: int) -> str:
    command = [sys.executable, "-m", "headrace.deploy.launch", deployment.folder, str(replica)]
    environment = {
        HOME_VARIABLE: str(home()),
        "HEADRACE_DEPLOYMENT": str(deployment_path(deployment.service)),
        "HEADRACE_DIE_WITH_PARENT": "1",
        **{name: os.environ[name] for name in (REGISTRY_VARIABLE,) if name in os.environ},
    }
    return f"""[program:{program_name(deployment.service, replica)}]
command={_ini(shlex.join(command))}
environment={",".join(f'{name}="{_ini(value)}"' for name, value in environment.items())}
directory={_ini(service_folder(deployment.service))}
autostart=true
autorestart=true
startsecs=1
startretries=1000000
stopsignal=TERM
stopwaitsecs={STOP_SECONDS}
killasgroup=true
redirect_stderr=true
stdout_logfile={_ini(replica_log(deployment.service, replica))}
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=3
"""


def _ini(value: str | os.PathLike[str]) -> str:
    """Return ``value`` as supervisor reads it: ``%`` doubled; what would start a comment or end a value is refused."""
    text = os.fspath(value)
    if _UNSPEAKABLE & set(text):
        message = f"`{text}` cannot stand in supervisor's configuration: it has a quote, `;`, `#` or a line's end."
        raise RefusedError(message, hint="Set HEADRACE_HOME to a plainer path.")
    return text.replace("%", "%%")
