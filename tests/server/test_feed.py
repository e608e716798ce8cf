"""The feed: who subscribes gets, who does not costs nothing."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tornado.websocket import WebSocketClientConnection

from headrace.kafka.clusters import CLUSTER_VARIABLE, Cluster
from headrace.server import HeadraceApp
from headrace.server.feed import Feed, Subscriber
from headrace.server.models import ErrorMessage
from headrace.server.topics import TopicRates

pytestmark = pytest.mark.usefixtures("extension")


async def receive(socket: WebSocketClientConnection, kind: str) -> dict[str, Any]:
    """Return the next message of that type."""
    async with asyncio.timeout(20):
        while True:
            text = await socket.read_message()
            assert text is not None
            message: dict[str, Any] = json.loads(text)
            if message["type"] == kind:
                return message


async def subscribe(socket: WebSocketClientConnection, *feeds: str, **more: str) -> None:
    await socket.write_message(json.dumps({"type": "subscribe", "feeds": feeds, **more}))


def feed_of(extension: HeadraceApp) -> Feed:
    assert extension._feed is not None
    return extension._feed


async def until(condition: Any) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 (what is waited for is outside of the loop)
            await asyncio.sleep(0.02)


async def test_subscribers_get_what_they_want_regularly(
    extension: HeadraceApp, jp_ws_fetch: Any, default_cluster: Cluster
) -> None:
    socket = await jp_ws_fetch("headrace", "feed")
    assert not feed_of(extension).is_polling

    await subscribe(socket, "services", "topics")

    for _ in range(2):
        assert (await receive(socket, "services"))["services"] == []
        topics = await receive(socket, "topics")
        assert topics["cluster"]["address"] == default_cluster.address
        assert topics["dropped"] == 0
    socket.close()


@pytest.mark.usefixtures("default_cluster")
async def test_polling_ends_with_the_last_subscription(extension: HeadraceApp, jp_ws_fetch: Any) -> None:
    feed = feed_of(extension)
    first, second = await jp_ws_fetch("headrace", "feed"), await jp_ws_fetch("headrace", "feed")
    await subscribe(first, "services")
    await subscribe(second, "topics")
    await receive(first, "services")
    await receive(second, "topics")
    assert feed.is_polling

    await subscribe(first)
    second.close()

    await until(lambda: not feed.is_polling)
    await subscribe(first, "services")
    await receive(first, "services")
    first.close()
    await until(lambda: not feed.is_polling)


async def test_without_a_cluster_topics_are_an_error_and_services_go_on(
    jp_ws_fetch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(CLUSTER_VARIABLE, raising=False)
    socket = await jp_ws_fetch("headrace", "feed")
    await subscribe(socket, "topics", "services")

    problem = await receive(socket, "error")

    assert (problem["feed"], bool(problem["hint"])) == ("topics", True)
    assert "services" in await receive(socket, "services")
    socket.close()


@pytest.mark.parametrize(
    "message",
    [
        "not json",
        "[]",
        '{"type": "subscribe", "feeds": ["secrets"]}',
        '{"type": "run", "feeds": []}',
        '{"type": "subscribe", "feeds": [], "notebook": "../a.ipynb"}',
    ],
)
async def test_what_is_no_subscription_is_answered(extension: HeadraceApp, jp_ws_fetch: Any, message: str) -> None:
    socket = await jp_ws_fetch("headrace", "feed")
    await socket.write_message(message)

    assert (await receive(socket, "error"))["message"]
    assert not feed_of(extension).is_polling
    socket.close()


async def test_a_long_message_ends_the_socket(jp_ws_fetch: Any) -> None:
    socket = await jp_ws_fetch("headrace", "feed")
    await socket.write_message(" " * 100_000)
    async with asyncio.timeout(20):
        assert await socket.read_message() is None


async def test_a_slow_client_loses_its_oldest_messages_and_is_told() -> None:
    subscriber = Subscriber((None, Path()))
    for number in range(20):
        subscriber.put(ErrorMessage(message=str(number), hint=""))

    first = await subscriber.next()

    assert (first.dropped, subscriber.dropped) == (4, 4)
    assert isinstance(first, ErrorMessage)
    assert first.message == "4"


@pytest.mark.usefixtures("default_cluster")
async def test_closing_ends_the_poller(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        feed = Feed(pool, tmp_path, TopicRates(), seconds=0.01)
        subscriber = feed.join()
        feed.subscribe(subscriber, frozenset({"topics"}), (None, tmp_path))
        await subscriber.next()
        await feed.close()
        assert not feed.is_polling
