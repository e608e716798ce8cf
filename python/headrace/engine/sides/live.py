"""Side inputs as a service reads them: beside the source, and waited for."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import pandas as pd

from headrace.engine.event_time import microseconds
from headrace.engine.sides.protocol import SidesBehindError
from headrace.engine.sides.reader import side_readers
from headrace.engine.sides.topic import SideTopic
from headrace.errors import CellError, ClusterError
from headrace.kafka.clusters import Cluster
from headrace.spec import StreamDocument

if TYPE_CHECKING:
    from headrace.kafka.registry import Registry

_AT_ONCE_SECONDS = 0.05
"""So long a batch waits in place; after that it is held, and the service goes on to answer its group."""
_POLL_SECONDS = 0.005

logger = logging.getLogger(__name__)


class LiveSides:
    """Gives the side inputs of a service, or of a bounded run.

    Each replica reads a side topic in full; of one that is divided as the stream is, the partitions that the replica
    has of the stream.

    A batch gets the rows of a side topic when every partition of it has passed the batch's last row, or holds nothing
    more that was there when the batch came (for rows in time: nor anything that a transaction has not committed yet).

    Args:
        document: the stream's.
        cluster: where.
        registry: where the schemas are, for the formats that have some.
        divided: the topics of which only the stream's own partitions are read.
        patient: wait in place, without limit, for what the side topics held when their reading began.
        stopped: asked while it waits in place.

    Attributes:
        unmet: batches that went on without rows that they had waited for.
    """

    def __init__(
        self,
        document: StreamDocument,
        cluster: Cluster,
        registry: Registry | None = None,
        *,
        divided: Iterable[str] = (),
        patient: bool = False,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        spec = document.spec
        grace = microseconds(spec.grace_time)
        self._topics = [SideTopic(cluster, reader, spec.name, grace) for reader in side_readers(document, registry)]
        self._divided = frozenset(divided)
        self._patient = patient
        self._stopped = stopped
        self._given_up = False
        self._wanted: tuple[int, int] | None = None
        self.unmet = 0

    @property
    def rows(self) -> int:
        """How many rows are kept."""
        return sum(len(topic.reader) for topic in self._topics)

    @property
    def late(self) -> int:
        """How many rows came after a batch had been given the rows of their time."""
        return sum(topic.late for topic in self._topics)

    @property
    def skipped(self) -> int:
        """How many records could not be rows."""
        return sum(topic.reader.skipped for topic in self._topics)

    def begin(self, partitions: Iterable[int]) -> None:
        """A new batch comes.

        Args:
            partitions: those that the replica has of the stream.
        """
        self._given_up = False
        own = frozenset(partitions)
        for topic in self._topics:
            if topic.reader.side.topic in self._divided:
                topic.restrict(own)
            topic.begin()

    def frames(self, first: int, last: int) -> dict[str, pd.DataFrame]:
        """Return each side input under its name, for rows from ``first`` to ``last`` (microseconds, both included).

        Raises:
            SidesBehindError: a side topic is not read so far yet; try again when :meth:`is_ready` says so.
            CellError: a bounded run was stopped while it waited.
            ClusterError: the cluster refuses.
        """
        self._wanted = first, last
        if self._patient:
            self._load(first, last)
        elif not self.is_ready():
            raise SidesBehindError
        return {topic.reader.side.name: topic.frame(first, last) for topic in self._topics}

    def step(self, seconds: float = 0.0) -> None:
        """Read on; waits up to ``seconds`` where nothing is at hand.

        Raises:
            ClusterError: the cluster refuses.
        """
        for topic in self._topics:
            topic.step(seconds)

    def is_ready(self) -> bool:
        """Return whether the rows last asked for are there, or need not be waited for any longer."""
        if self._wanted is None:
            return True
        first, last = self._wanted
        try:
            for topic in self._topics:
                topic.cover(first)
            return all(self._is_ready(topic, last) for topic in self._topics)
        except ClusterError as error:
            logger.warning("a side input cannot be asked for", extra={"reason": str(error)})
            return False

    def is_loading(self) -> bool:
        """Return whether rows are missing that were there when the reading began; these are always waited for."""
        return self._wanted is not None and any(topic.is_loading(self._wanted[1]) for topic in self._topics)

    def give_up(self) -> None:
        """The batch at hand has waited long enough."""
        self._given_up = True
        self.unmet += 1
        logger.warning("a side input lags; going on without it", extra={"batches": self.unmet})

    def committed(self) -> None:
        """The batch is committed: what no later one needs may go."""
        self._wanted = None
        for topic in self._topics:
            topic.expire()

    def close(self) -> None:
        """Stop reading."""
        for topic in self._topics:
            topic.close()

    def _is_ready(self, topic: SideTopic, last: int) -> bool:
        topic.step(0.0)
        if topic.has_passed(last):
            return True
        topic.ask()
        deadline = time.monotonic() + _AT_ONCE_SECONDS
        while not topic.has_reached(last):
            if self._given_up and not topic.is_loading(last):
                return True
            if time.monotonic() > deadline:
                return False
            topic.step(_POLL_SECONDS)
        return True

    def _load(self, first: int, last: int) -> None:
        for topic in self._topics:
            topic.cover(first)
            while not topic.has_loaded(last):
                if self._stopped():
                    message = "The run was stopped while it read its side inputs."
                    raise CellError(message, hint="Start it again; it begins anew.")
                topic.step(_AT_ONCE_SECONDS)
