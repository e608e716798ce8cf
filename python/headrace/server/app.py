"""The extension's application: it makes the collaborators and hands them to the handlers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from jupyter_server.extension.application import ExtensionApp
from traitlets import Int

from headrace.server.feed import Feed
from headrace.server.handlers.feed import FeedHandler
from headrace.server.handlers.repository import CommitHandler, DeployHandler
from headrace.server.handlers.services import LogsHandler, ServicesHandler, StartHandler, StopHandler
from headrace.server.handlers.streams import DeclareHandler, PreviewHandler, StreamsHandler
from headrace.server.handlers.topics import RecordsHandler, TopicsHandler
from headrace.server.topics import TopicRates

_NAME = r"([^/]+)"


class HeadraceApp(ExtensionApp):
    """Serves ``/headrace`` of a Jupyter server."""

    name = "headrace"
    load_other_extensions = True

    threads = Int(8, min=2, help="Threads for work that blocks: Kafka, Git, supervisor.").tag(config=True)

    _pool: ThreadPoolExecutor | None = None
    _feed: Feed | None = None

    def initialize_handlers(self) -> None:
        """Make the collaborators and register the routes."""
        root = Path(str(self.serverapp.root_dir)) if self.serverapp else Path.cwd()
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="headrace")
        rates = TopicRates()
        self._feed = Feed(self._pool, root, rates)
        common: dict[str, Any] = {"pool": self._pool, "root": root}
        self.handlers.extend(
            [
                (r"/headrace/topics", TopicsHandler, {**common, "rates": rates}),
                (rf"/headrace/topics/{_NAME}/records", RecordsHandler, common),
                (r"/headrace/streams", StreamsHandler, common),
                (r"/headrace/declare", DeclareHandler, common),
                (rf"/headrace/previews/{_NAME}", PreviewHandler, common),
                (r"/headrace/commit", CommitHandler, common),
                (r"/headrace/deploy", DeployHandler, common),
                (r"/headrace/services", ServicesHandler, common),
                (rf"/headrace/services/{_NAME}/start", StartHandler, common),
                (rf"/headrace/services/{_NAME}/stop", StopHandler, common),
                (rf"/headrace/services/{_NAME}/logs", LogsHandler, common),
                (r"/headrace/feed", FeedHandler, {"feed": self._feed, "root": root}),
            ]
        )

    async def stop_extension(self) -> None:
        """Stop polling and let the threads end; services run on."""
        if self._feed is not None:
            await self._feed.close()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
