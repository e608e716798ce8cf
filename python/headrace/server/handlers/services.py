"""``/headrace/services``: list, start, stop, logs."""

from __future__ import annotations

from headrace.deploy import rollout
from headrace.deploy.local import LocalTarget
from headrace.deploy.services import services
from headrace.server.handlers.access import access
from headrace.server.handlers.base import HeadraceHandler
from headrace.server.models import LogLines, ServiceList

MOST_LINES = 5000


class ServicesHandler(HeadraceHandler):
    """The services of this user."""

    @access("read")
    async def get(self) -> None:
        """Send the services, all or those of ``?cluster=``."""
        named = self.get_query_argument("cluster", None)
        found = await self.work(lambda: services(self.cluster() if named else None))
        self.answer(ServiceList(services=tuple(found)))


class StartHandler(HeadraceHandler):
    """Starts a stopped service."""

    @access("execute")
    async def post(self, name: str) -> None:
        """Start it and send how it is then."""
        self.answer(await self.work(rollout.start, name))


class StopHandler(HeadraceHandler):
    """Stops a service; it keeps its place."""

    @access("execute")
    async def post(self, name: str) -> None:
        """Stop it and send how it is then."""
        self.answer(await self.work(rollout.stop, name))


class LogsHandler(HeadraceHandler):
    """The end of a service's log."""

    @access("read")
    async def get(self, name: str) -> None:
        """Send the last ``lines`` lines."""
        count = self.number("lines", 200, MOST_LINES)
        self.answer(LogLines(lines=tuple(await self.work(LocalTarget().logs, name, count))))
