"""Who may call what: every route that is registered is asked."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from jupyter_server.auth import Authorizer
from tornado.httpclient import HTTPClientError, HTTPResponse
from tornado.websocket import WebSocketHandler

from headrace.server import HeadraceApp
from server.conftest import Nobody, ReadOnly

Fetch = Callable[..., Awaitable[HTTPResponse]]
READING = {"GET"}

pytestmark = pytest.mark.usefixtures("extension")


def routes(extension: HeadraceApp) -> list[tuple[str, str, bool]]:
    """Return path, method and whether it is a socket of everything that the extension serves."""
    found = []
    for pattern, handler, *_ in extension.handlers:
        if "/headrace" not in pattern or "static" in pattern:
            continue
        path = pattern.replace(r"([^/]+)", "name")
        path = path[path.index("/headrace") :]
        source = inspect.getsource(handler)
        methods = [name for name in ("get", "post", "put", "patch", "delete") if f"async def {name}" in source]
        found += [(path, name.upper(), issubclass(handler, WebSocketHandler)) for name in methods]
    return found


async def status(fetch: Fetch, path: str, method: str, **options: Any) -> int:
    body = "{}" if method in {"POST", "PUT", "PATCH"} else None
    try:
        return (await fetch(path, method=method, body=body, **options)).code
    except HTTPClientError as error:
        return error.code


async def test_all_routes_are_known(extension: HeadraceApp) -> None:
    assert sorted((method, path) for path, method, _ in routes(extension)) == [
        ("GET", "/headrace/feed"),
        ("GET", "/headrace/previews/name"),
        ("GET", "/headrace/services"),
        ("GET", "/headrace/services/name/logs"),
        ("GET", "/headrace/streams"),
        ("GET", "/headrace/topics"),
        ("GET", "/headrace/topics/name/records"),
        ("POST", "/headrace/commit"),
        ("POST", "/headrace/declare"),
        ("POST", "/headrace/deploy"),
        ("POST", "/headrace/services/name/start"),
        ("POST", "/headrace/services/name/stop"),
    ]


@pytest.mark.parametrize("token", ["", "token wrong"])
async def test_without_a_token(extension: HeadraceApp, jp_fetch: Fetch, token: str) -> None:
    for path, method, _ in routes(extension):
        assert await status(jp_fetch, path, method, headers={"Authorization": token}) in {401, 403}, path


class TestReadOnly:
    @pytest.fixture
    def authorizer(self) -> type[Authorizer]:
        return ReadOnly

    async def test_what_changes_something_is_forbidden(self, extension: HeadraceApp, jp_fetch: Fetch) -> None:
        for path, method, _ in routes(extension):
            forbidden = await status(jp_fetch, path, method) == 403
            assert forbidden == (method not in READING), path

    async def test_the_feed_opens(self, jp_ws_fetch: Any) -> None:
        socket = await jp_ws_fetch("headrace", "feed")
        socket.close()


class TestNobody:
    @pytest.fixture
    def authorizer(self) -> type[Authorizer]:
        return Nobody

    async def test_everything_is_forbidden(self, extension: HeadraceApp, jp_fetch: Fetch) -> None:
        for path, method, _ in routes(extension):
            assert await status(jp_fetch, path, method) == 403, path

    async def test_the_feed_does_not_open(self, jp_ws_fetch: Any) -> None:
        with pytest.raises(HTTPClientError, match="403"):
            await jp_ws_fetch("headrace", "feed")


async def login(fetch: Fetch) -> dict[str, str]:
    """Return the headers of a browser that has logged in: its cookie, and no token."""
    answer = await fetch("headrace/services")
    cookies = [text.partition(";")[0] for text in answer.headers.get_list("Set-Cookie")]
    return {"Authorization": "", "Cookie": "; ".join(cookie for cookie in cookies if cookie.startswith("login="))}


async def test_a_page_of_another_origin_cannot_open_the_feed(
    jp_fetch: Fetch, jp_ws_fetch: Any, jp_http_port: int
) -> None:
    cookie = await login(jp_fetch)
    with pytest.raises(HTTPClientError, match="403"):
        await jp_ws_fetch("headrace", "feed", headers=cookie | {"Origin": "https://evil.example.org"})
    own = {"Origin": f"http://localhost:{jp_http_port}"}
    (await jp_ws_fetch("headrace", "feed", headers=cookie | own)).close()


async def test_another_page_cannot_make_a_browser_change_something(extension: HeadraceApp, jp_fetch: Fetch) -> None:
    cookie = await login(jp_fetch)
    assert await status(jp_fetch, "headrace/services", "GET", headers=dict(cookie)) == 200
    for path, method, _ in routes(extension):
        if method not in READING:
            assert await status(jp_fetch, path, method, headers=dict(cookie)) == 403, path
