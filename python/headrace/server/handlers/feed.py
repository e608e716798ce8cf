"""``/headrace/feed``: the WebSocket."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from pydantic import ValidationError
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from headrace.errors import HeadraceError, UsageError
from headrace.server.feed import Feed, Subscriber
from headrace.server.handlers.access import AUTH_RESOURCE, socket_access
from headrace.server.models import ErrorMessage, SubscribeRequest
from headrace.server.paths import notebook_file

_LONGEST_MESSAGE = 16 * 1024


class FeedHandler(WebSocketMixin, WebSocketHandler, JupyterHandler):
    """One client of the feed."""

    auth_resource = AUTH_RESOURCE

    def initialize(self, feed: Feed, root: Path) -> None:
        """Take the collaborators."""
        self._feed = feed
        self._root = root
        self._subscriber: Subscriber | None = None
        self._writer: asyncio.Task[None] | None = None

    @property
    def max_message_size(self) -> int:
        """The longest message that is read, in bytes."""
        return _LONGEST_MESSAGE

    @socket_access("read")
    async def get(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 (tornado's signature)
        """Open the socket for who may read."""
        await super().get(*args, **kwargs)

    def open(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 (tornado's signature)
        """Join the feed; nothing is sent before the client has subscribed."""
        super().open(*args, **kwargs)
        self._subscriber = self._feed.join()
        self._writer = asyncio.get_running_loop().create_task(self._write(self._subscriber))

    def on_message(self, message: str | bytes) -> None:
        """Take a subscription; anything else is answered by what was wrong with it."""
        if self._subscriber is None:
            return
        try:
            asked = _read(message)
            folder = notebook_file(self._root, asked.notebook).parent if asked.notebook else self._root
            self._feed.subscribe(self._subscriber, frozenset(asked.feeds), (asked.cluster, folder))
        except HeadraceError as error:
            self._subscriber.put(ErrorMessage(message=error.message, hint=error.hint))

    def on_close(self) -> None:
        """Leave the feed."""
        if self._writer is not None:
            self._writer.cancel()
        if self._subscriber is not None:
            self._feed.leave(self._subscriber)
        super().on_close()

    async def _write(self, subscriber: Subscriber) -> None:
        """Send message after message; waiting for each is what makes a slow client's queue fill."""
        try:
            while True:
                message = await subscriber.next()
                await self.write_message(message.model_dump_json())
        except WebSocketClosedError:
            self._feed.leave(subscriber)


def _read(message: str | bytes) -> SubscribeRequest:
    try:
        return SubscribeRequest.model_validate_json(message)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        text = f"{'.'.join(str(part) for part in problem['loc']) or 'The message'}: {problem['msg']}."
        raise UsageError(text, hint='Send {"type": "subscribe", "feeds": ["services", "topics"]}.') from None
