"""The local target: each replica is a program of this data folder's supervisor."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from headrace.deploy.deployments import Deployment, read_deployment, service_folder, write_deployment
from headrace.deploy.local import places, supervisor
from headrace.deploy.local.configuration import program_name, replica_log, write_programs
from headrace.deploy.local.log import by_time, last_lines
from headrace.deploy.starts import record_wish, starts_since_wish
from headrace.deploy.target import Replica, ReplicaPhase

_PHASES: dict[str, ReplicaPhase] = {"RUNNING": "up", "STARTING": "starting", "STOPPING": "starting"}
_STARTS_BEFORE_FAILED = 4
"""A replica that was started so often and never came up is shown as failed; supervisor goes on trying."""


class LocalTarget:
    """Runs services on this machine (a :class:`~headrace.deploy.target.Target`)."""

    def deploy(self, deployment: Deployment) -> None:
        """Run ``deployment`` in place of what ran under its name."""
        with _alone(deployment.service):
            self._end(deployment.service)
            write_deployment(deployment)
            self._begin(deployment)

    def start(self, service: str) -> None:
        """Run the current deployment of ``service``."""
        deployment = read_deployment(service)
        with _alone(service):
            supervisor.ensure()
            running = supervisor.processes()
            names = [program_name(service, replica) for replica in range(deployment.replicas)]
            if all(name in running and running[name].state == "RUNNING" for name in names):
                return
            self._end(service)
            self._begin(deployment)

    def stop(self, service: str) -> None:
        """End the replicas of ``service``; its deployment stays."""
        read_deployment(service)
        with _alone(service):
            self._end(service)

    def scale(self, service: str, replicas: int) -> None:
        """Run ``service`` with this many replicas; those that stay are not restarted."""
        deployment = read_deployment(service)
        with _alone(service):
            scaled = deployment.model_copy(update={"replicas": replicas})
            write_deployment(scaled)
            if not places.programs_path(service).exists():
                return
            supervisor.ensure()
            write_programs(scaled)
            supervisor.remove(program_name(service, number) for number in range(replicas, deployment.replicas))
            new = range(deployment.replicas, replicas)
            for number in new:
                record_wish(self.folder(service), number, deployment.deploy)
            supervisor.add(program_name(service, number) for number in new)

    def delete(self, service: str) -> None:
        """End ``service`` and remove its folder: record, releases, logs."""
        read_deployment(service)
        with _alone(service):
            self._end(service)
            shutil.rmtree(service_folder(service))

    def logs(self, service: str, lines: int) -> list[str]:
        """Return the last lines of the replicas' logs, by their time; each names its ``replica``."""
        count = read_deployment(service).replicas
        return by_time(last_lines(replica_log(service, number), lines) for number in range(count))[-lines:]

    def replicas(self, service: str) -> list[Replica] | None:
        """Return the service's replicas, or None when it is stopped."""
        deployment = read_deployment(service)
        if not places.programs_path(service).exists():
            return None
        known = supervisor.processes()
        return [self._replica(deployment, number, known) for number in range(deployment.replicas)]

    def revive(self) -> None:
        """Start supervisor, and with it all programs, when there are programs and it does not answer."""
        if any(places.programs_folder().glob("*.conf")):
            supervisor.ensure()

    def rest(self) -> None:
        """End supervisor when no service is to run; the next one that is starts it again."""
        supervisor.end_when_idle()

    def folder(self, service: str) -> Path:
        """Return the service's folder in the data folder."""
        return service_folder(service)

    def _replica(self, deployment: Deployment, number: int, known: dict[str, supervisor.Process]) -> Replica:
        starts = starts_since_wish(self.folder(deployment.service), number, deployment.deploy)
        process = known.get(program_name(deployment.service, number))
        if process is None:
            return Replica(number, "failed", None, starts)
        if process.state == "BACKOFF":
            return Replica(number, "failed" if starts >= _STARTS_BEFORE_FAILED else "starting", None, starts)
        return Replica(number, _PHASES.get(process.state, "failed"), process.pid, starts)

    def _begin(self, deployment: Deployment) -> None:
        supervisor.ensure()
        names = []
        for number in range(deployment.replicas):
            record_wish(self.folder(deployment.service), number, deployment.deploy)
            names.append(program_name(deployment.service, number))
        write_programs(deployment)
        supervisor.add(names)

    def _end(self, service: str) -> None:
        """End all programs of ``service``; also those that a former deployment had and this one has not."""
        places.programs_path(service).unlink(missing_ok=True)
        supervisor.remove(name for name in supervisor.processes() if name.rpartition("-")[0] == service)


@contextmanager
def _alone(service: str) -> Iterator[None]:
    """Keep others from changing ``service`` at the same time."""
    with (places.programs_folder() / f".{service}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
