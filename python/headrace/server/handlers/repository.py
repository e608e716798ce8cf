"""``POST /headrace/commit`` and ``POST /headrace/deploy``."""

from __future__ import annotations

from pathlib import Path

from headrace.deploy import rollout
from headrace.deploy.status import ServiceStatus
from headrace.repo.commit import commit
from headrace.server.handlers.access import access
from headrace.server.handlers.base import HeadraceHandler
from headrace.server.models import CommitRequest, DeployRequest
from headrace.server.streams import stream_folder

PATIENCE_SECONDS = 30.0


class CommitHandler(HeadraceHandler):
    """Commits; the notebook's code runs in the clean room alone, a process of its own."""

    @access("write")
    async def post(self) -> None:
        """Commit a stream and send what was written."""
        asked = self.body(CommitRequest)
        notebook = self.notebook(asked.notebook)
        done = await self.work(commit, notebook, asked.stream, message=asked.message, dry_run=asked.dry_run)
        self.answer(done)


class DeployHandler(HeadraceHandler):
    """Deploys what is committed."""

    @access("execute")
    async def post(self) -> None:
        """Deploy a stream at HEAD and send the service."""
        asked = self.body(DeployRequest)
        self.answer(await self.work(_deploy, self.notebook(asked.notebook), asked))


def _deploy(notebook: Path, asked: DeployRequest) -> ServiceStatus:
    folder = stream_folder(notebook, asked.stream)
    return rollout.deploy(folder, replicas=asked.replicas, patience=PATIENCE_SECONDS)
