"""One poller for all clients of the feed, and a bounded queue for each: a slow client loses its oldest messages."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from functools import partial
from pathlib import Path

from headrace.deploy.services import services
from headrace.errors import HeadraceError
from headrace.kafka.clusters import resolve_cluster
from headrace.server.models import ErrorMessage, FeedMessage, FeedName, ServicesMessage, TopicsMessage
from headrace.server.topics import TopicRates

SECONDS = 1.0
_TOPICS_EVERY = 2
_LONGEST_QUEUE = 16

Place = tuple[str | None, Path]
"""Whose topics: the cluster that was named, if any, and the folder whose ``headrace.toml`` counts."""


class Subscriber:
    """A client of the feed: what it wants, and what it has not been sent yet."""

    def __init__(self, place: Place) -> None:
        self.feeds: frozenset[FeedName] = frozenset()
        self.place = place
        self.dropped = 0
        self._queue: deque[FeedMessage] = deque()
        self._filled = asyncio.Event()

    def put(self, message: FeedMessage) -> None:
        """Add a message; the oldest is dropped, and counted, when there are too many."""
        if len(self._queue) == _LONGEST_QUEUE:
            self._queue.popleft()
            self.dropped += 1
        self._queue.append(message)
        self._filled.set()

    async def next(self) -> FeedMessage:
        """Return the next message once there is one."""
        while not self._queue:
            self._filled.clear()
            await self._filled.wait()
        return self._queue.popleft().model_copy(update={"dropped": self.dropped})


class Feed:
    """Asks for services and topics while somebody wants them, and gives the answers to all who do.

    Args:
        pool: threads for work that blocks.
        root: the folder that the Jupyter server serves; its ``headrace.toml`` names the default cluster.
        rates: what remembers the topics' ends.
        seconds: between two looks at the services; topics are looked at half as often.
    """

    def __init__(self, pool: Executor, root: Path, rates: TopicRates, *, seconds: float = SECONDS) -> None:
        self._pool = pool
        self._root = root
        self._rates = rates
        self._seconds = seconds
        self._subscribers: set[Subscriber] = set()
        self._poller: asyncio.Task[None] | None = None

    @property
    def is_polling(self) -> bool:
        """Whether anything is being asked for now."""
        return self._poller is not None and not self._poller.done()

    def join(self) -> Subscriber:
        """Add a client that wants nothing yet."""
        subscriber = Subscriber((None, self._root))
        self._subscribers.add(subscriber)
        return subscriber

    def leave(self, subscriber: Subscriber) -> None:
        """Remove a client; the poller stops by itself when it was the last that wanted something."""
        self._subscribers.discard(subscriber)

    def subscribe(self, subscriber: Subscriber, feeds: frozenset[FeedName], place: Place) -> None:
        """Change what a client wants; it gets it at once and then regularly."""
        subscriber.feeds, subscriber.place = feeds, place
        if feeds and not self.is_polling:
            self._poller = asyncio.get_running_loop().create_task(self._poll())

    async def close(self) -> None:
        """Stop polling."""
        self._subscribers.clear()
        if self._poller is not None:
            self._poller.cancel()
            await asyncio.gather(self._poller, return_exceptions=True)

    async def _poll(self) -> None:
        turn = 0
        while any(subscriber.feeds for subscriber in self._subscribers):
            if any(self._wanting("services")):
                message = await self._ask("services", _services)
                self._give("services", message)
            if turn % _TOPICS_EVERY == 0:
                for place in {subscriber.place for subscriber in self._wanting("topics")}:
                    message = await self._ask("topics", partial(self._topics, place))
                    self._give("topics", message, place)
            turn += 1
            await asyncio.sleep(self._seconds)

    async def _ask(self, feed: FeedName, question: Callable[[], FeedMessage]) -> FeedMessage:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, question)
        except HeadraceError as error:
            return ErrorMessage(feed=feed, message=error.message, hint=error.hint)

    def _topics(self, place: Place) -> TopicsMessage:
        named, folder = place
        found = self._rates.look(resolve_cluster(named, folder))
        return TopicsMessage(cluster=found.cluster, topics=found.topics)

    def _give(self, feed: FeedName, message: FeedMessage, place: Place | None = None) -> None:
        for subscriber in self._wanting(feed):
            if place is None or subscriber.place == place:
                subscriber.put(message)

    def _wanting(self, feed: FeedName) -> Iterator[Subscriber]:
        return (subscriber for subscriber in tuple(self._subscribers) if feed in subscriber.feeds)


def _services() -> ServicesMessage:
    return ServicesMessage(services=tuple(services()))
