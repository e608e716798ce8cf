"""Wrong words, foreign paths and errors of other layers, as statuses and messages."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient
from tornado.httpclient import HTTPClientError, HTTPResponse

from headrace import errors
from headrace.kafka.clusters import CLUSTER_VARIABLE
from headrace.server.statuses import status_of

Fetch = Callable[..., Awaitable[HTTPResponse]]

pytestmark = pytest.mark.usefixtures("extension")


async def refused(fetch: Fetch, path: str, **options: Any) -> tuple[int, dict[str, str]]:
    with pytest.raises(HTTPClientError) as caught:
        await fetch(path, **options)
    assert caught.value.response is not None
    problem = json.loads(caught.value.response.body)
    assert set(problem) == {"message", "hint"}
    return caught.value.code, problem


def post(body: object) -> dict[str, Any]:
    return {"method": "POST", "body": json.dumps(body)}


def test_every_error_has_a_status() -> None:
    kinds = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.HeadraceError)
    ]
    statuses = {kind.__name__: status_of(kind("what")) for kind in kinds if kind is not errors.HeadraceError}
    assert set(statuses.values()) == {400, 404, 409, 502}
    assert statuses["UnsafeSettingError"] == statuses["UsageError"] == 400
    assert statuses["MissingTopicError"] == statuses["MissingServiceError"] == 404
    assert statuses["DirtyFolderError"] == statuses["UnknownNameError"] == 409
    assert statuses["ClusterError"] == 502


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("../outside.ipynb", 400),
        ("a/../../outside.ipynb", 400),
        ("/../outside.ipynb", 400),
        (".hidden/a.ipynb", 400),
        ("..\\outside.ipynb", 400),
        ("link/outside.ipynb", 400),
        ("link.ipynb", 400),
        ("secret.txt", 400),
        ("", 400),
        ("missing.ipynb", 404),
        ("folder.ipynb", 404),
    ],
)
async def test_notebooks_outside_the_root(jp_fetch: Fetch, jp_root_dir: Path, path: str, status: int) -> None:
    outside = jp_root_dir.parent / "outside.ipynb"
    outside.write_text('{"cells": []}')
    (jp_root_dir / "link").symlink_to(jp_root_dir.parent)
    (jp_root_dir / "link.ipynb").symlink_to(outside)
    (jp_root_dir / "secret.txt").write_text("secret")
    (jp_root_dir / "folder.ipynb").mkdir()

    assert (await refused(jp_fetch, "headrace/streams", params={"notebook": path}))[0] == status
    body = {"notebook": path, "stream": "late"}
    assert (await refused(jp_fetch, "headrace/commit", **post(body)))[0] == status
    assert (await refused(jp_fetch, "headrace/deploy", **post(body)))[0] == status


@pytest.mark.parametrize("name", ["../../etc", "..", ".", "-x", "a b", "<b>", "a\n", "%2e%2e"])
async def test_names_that_are_none(jp_base_url: str, jp_fetch: Fetch, name: str) -> None:
    encoded = quote(name, safe="").replace(".", "%2E")
    for route, options in (
        (f"headrace/services/{encoded}/stop", post({})),
        (f"headrace/services/{encoded}/start", post({})),
        (f"headrace/services/{encoded}/logs", {}),
        (f"headrace/previews/{encoded}", {}),
    ):
        assert (await refused_raw(jp_fetch, route, **options)) in {400, 404}, route
    for body in ({"notebook": "a.ipynb", "stream": name},):
        assert (await refused(jp_fetch, "headrace/deploy", **post(body)))[0] == 400


async def refused_raw(fetch: Fetch, path: str, **options: Any) -> int:
    with pytest.raises(HTTPClientError) as caught:
        await fetch(path, **options)
    return caught.value.code


@pytest.mark.parametrize(
    "body", ["", "[]", "not json", '{"stream": "late"}', '{"notebook": "a.ipynb", "stream": "late", "shell": "ls"}']
)
async def test_bodies_that_are_none(jp_fetch: Fetch, body: str) -> None:
    status, problem = await refused(jp_fetch, "headrace/commit", method="POST", body=body)
    assert status == 400
    assert problem["message"]


@pytest.mark.parametrize("limit", ["0", "501", "-1", "many", "1e3"])
async def test_limits_that_are_none(jp_fetch: Fetch, limit: str) -> None:
    status, problem = await refused(jp_fetch, "headrace/topics/flights/records", params={"limit": limit})
    assert (status, limit in problem["message"]) == (400, True)


async def test_nothing_changes_on_get(jp_fetch: Fetch) -> None:
    for route in ("commit", "deploy", "services/late/start", "services/late/stop"):
        assert await refused_raw(jp_fetch, f"headrace/{route}") == 405


async def test_no_cluster(jp_fetch: Fetch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CLUSTER_VARIABLE, raising=False)
    status, problem = await refused(jp_fetch, "headrace/topics")
    assert status == 404
    assert "headrace.toml" in problem["hint"]


async def test_a_cluster_that_does_not_answer(jp_fetch: Fetch) -> None:
    status, problem = await refused(jp_fetch, "headrace/topics", params={"cluster": "127.0.0.1:1"}, request_timeout=60)
    assert status == 502
    assert "127.0.0.1:1" in problem["message"]


async def test_an_unsafe_setting_is_refused_before_a_client_exists(
    jp_fetch: Fetch, jp_root_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    for client in (Consumer, Producer, AdminClient):
        monkeypatch.setattr(f"headrace.kafka.clients.{client.__name__}", lambda *_, **__: made.append("client"))
    (jp_root_dir / "headrace.toml").write_text(
        'cluster = "evil"\n[clusters.evil]\n"bootstrap.servers" = "127.0.0.1:9092"\n"plugin.library.paths" = "e.so"\n'
    )

    for route in ("headrace/topics", "headrace/topics/flights/records"):
        status, problem = await refused(jp_fetch, route)
        assert status == 400
        assert "plugin.library.paths" in problem["message"]
    assert made == []


@pytest.mark.usefixtures("default_cluster")
async def test_a_topic_that_is_not_there_is_not_created(jp_fetch: Fetch) -> None:
    for _ in range(2):
        status, problem = await refused(jp_fetch, "headrace/topics/not_there/records")
        assert status == 404
        assert "not_there" in problem["message"]


async def test_a_defect_says_nothing_of_itself(jp_fetch: Fetch, monkeypatch: pytest.MonkeyPatch) -> None:

    def fail(*_: object) -> None:
        raise ZeroDivisionError("a path and a secret")

    monkeypatch.setattr("headrace.server.handlers.services.services", fail)
    status, problem = await refused(jp_fetch, "headrace/services")
    assert status == 500
    assert "secret" not in json.dumps(problem)
