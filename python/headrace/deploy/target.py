"""What runs services: the interface that every deploy target fills."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from headrace.deploy.deployments import Deployment

ReplicaPhase = Literal["starting", "up", "failed"]
"""What the target knows of a process: it is being started, it runs, or the target gave up on it."""


@dataclass(frozen=True, slots=True)
class Replica:
    """One process of a service as its target sees it.

    Attributes:
        number: 0-based.
        phase: see :data:`ReplicaPhase`.
        pid: its process id where it runs on this machine, else None.
        starts: how often it was started since the deployment or the last `start`.
    """

    number: int
    phase: ReplicaPhase
    pid: int | None
    starts: int


class Target(Protocol):
    """Where services run. All operations are safe to repeat."""

    def deploy(self, deployment: Deployment) -> None:
        """Run ``deployment``; a deployment of the same service that runs is first ended as on SIGTERM.

        Raises:
            ToolError: the target's machinery failed.
        """

    def start(self, service: str) -> None:
        """Run the current deployment of ``service``; nothing happens where it runs.

        Raises:
            MissingServiceError: there is no such service.
        """

    def stop(self, service: str) -> None:
        """End the replicas of ``service`` as on SIGTERM and keep the deployment.

        Raises:
            MissingServiceError: there is no such service.
        """

    def scale(self, service: str, replicas: int) -> None:
        """Run ``service`` with this many replicas; those that stay are not restarted.

        Raises:
            MissingServiceError: there is no such service.
        """

    def delete(self, service: str) -> None:
        """End ``service`` and forget it on this target.

        Raises:
            MissingServiceError: there is no such service.
        """

    def logs(self, service: str, lines: int) -> list[str]:
        """Return the last ``lines`` lines of the service's log, oldest first.

        Raises:
            MissingServiceError: there is no such service.
        """

    def replicas(self, service: str) -> list[Replica] | None:
        """Return the service's replicas by number, or None when it is stopped.

        Raises:
            MissingServiceError: there is no such service.
        """

    def revive(self) -> None:
        """Bring back what should run and does not since the target itself was ended."""

    def folder(self, service: str) -> Path:
        """Return the folder in which the replicas of ``service`` leave their status files."""
