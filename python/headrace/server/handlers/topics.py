"""``GET /headrace/topics`` and ``GET /headrace/topics/NAME/records``."""

from __future__ import annotations

from concurrent.futures import Executor
from pathlib import Path

from headrace.kafka.clusters import Cluster
from headrace.kafka.record_view import describe_records
from headrace.kafka.sampling import take_sample
from headrace.server.handlers.access import access
from headrace.server.handlers.base import HeadraceHandler
from headrace.server.models import Record, RecordList
from headrace.server.topics import TopicRates

MOST_RECORDS = 500


class TopicsHandler(HeadraceHandler):
    """The topics of a cluster."""

    def initialize(self, pool: Executor, root: Path, rates: TopicRates) -> None:  # type: ignore[override]
        """Take the collaborators, among them what remembers the topics' ends."""
        super().initialize(pool, root)
        self._rates = rates

    @access("read")
    async def get(self) -> None:
        """Send the topics."""
        self.answer(await self.work(lambda: self._rates.look(self.cluster())))


class RecordsHandler(HeadraceHandler):
    """The newest records of a topic, read without leaving a trace on the cluster."""

    @access("read")
    async def get(self, topic: str) -> None:
        """Send at most ``limit`` records, newest first."""
        name, limit = self.topic(topic), self.number("limit", 50, MOST_RECORDS)
        self.answer(await self.work(lambda: _newest(self.cluster(), name, limit)))


def _newest(cluster: Cluster, topic: str, limit: int) -> RecordList:
    records = take_sample(cluster, topic, f"latest:{limit}").records
    described = [Record.model_validate(record) for record in describe_records(records)]
    return RecordList(records=tuple(reversed(described)))
