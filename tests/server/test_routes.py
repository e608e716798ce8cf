"""What the routes answer, on the real broker."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from tornado.httpclient import HTTPResponse

from deploy.supervision import clean_supervisor  # noqa: F401 (a fixture)
from headrace.kafka.clients import admin, producer
from headrace.kafka.clusters import Cluster
from headrace.kafka.topics import list_topics
from headrace.server import HeadraceApp
from headrace.server.openapi import DOCUMENT, document, text
from headrace.server.topics import TopicRates
from headrace.spec import StreamSpec
from projects import git, make_repository
from server.conftest import notebook_text
from waiting import eventually

Fetch = Callable[..., Awaitable[HTTPResponse]]
CELL = (
    "%%stream late --from {source} --to {source}.late\nslow = df[df.delay > LATE]\nslow.assign(hours=slow.delay / 60)"
)

pytestmark = pytest.mark.usefixtures("extension")


def send(cluster: Cluster, topic: str, count: int) -> None:
    client = producer(cluster, purpose="test")
    for number in range(count):
        client.produce(topic, json.dumps({"delay": number}), key=str(number), partition=0, headers={"a": b"\xff"})
    assert client.flush(20) == 0


async def get(fetch: Fetch, path: str, **params: Any) -> Any:
    return json.loads((await fetch(path, params=params)).body)


async def post(fetch: Fetch, path: str, **body: Any) -> Any:
    answer = await fetch(path, method="POST", body=json.dumps(body), request_timeout=120, raise_error=False)
    assert answer.code == 200, answer.body
    return json.loads(answer.body)


def test_the_document_in_the_package_is_that_of_the_models() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == text()
    assert YAML(typ="safe").load(text()) == json.loads(json.dumps(document()))


async def test_the_document_has_the_routes_that_are_served(extension: HeadraceApp) -> None:
    served = {pattern[pattern.index("/headrace") :] for pattern, *_ in extension.handlers if "/headrace/" in pattern}
    described = {path.replace("{name}", "([^/]+)").replace("{id}", "([^/]+)") for path in document()["paths"]}
    assert {path for path in served if "static" not in path} - {"/headrace/feed"} == described


async def test_topics(jp_fetch: Fetch, default_cluster: Cluster, make_topic: Callable[..., str]) -> None:
    topic = make_topic("flights", partitions=3)
    send(default_cluster, topic, 7)

    answer = await get(jp_fetch, "headrace/topics")

    assert answer["cluster"] == {"name": default_cluster.name, "address": default_cluster.address}
    (found,) = [item for item in answer["topics"] if item["name"] == topic]
    assert (found["partitions"], found["records"]) == (3, 7)
    assert not any(item["name"].startswith("__") for item in answer["topics"])
    assert answer == await get(jp_fetch, "headrace/topics", cluster=default_cluster.address) | {
        "topics": answer["topics"]
    }


def test_rates_come_from_how_far_the_ends_moved(cluster: Cluster, make_topic: Callable[..., str]) -> None:
    topic, rates = make_topic("flights"), TopicRates()

    def rate() -> float | None:
        return next(item.rate_per_s for item in rates.look(cluster).topics if item.name == topic)

    assert rate() is None
    send(cluster, topic, 100)
    assert (eventually(rate, 10) or 0) > 0
    eventually(lambda: rate() == 0, 10)


async def test_the_newest_records_leave_no_group_behind(
    jp_fetch: Fetch, default_cluster: Cluster, make_topic: Callable[..., str]
) -> None:
    topic = make_topic("flights")
    send(default_cluster, topic, 20)

    def there() -> tuple[set[str], set[str]]:
        groups = admin(default_cluster).list_consumer_groups().result().valid or []
        topics = {item.name for item in list_topics(default_cluster) if not item.internal}
        return topics, {group.group_id for group in groups}

    before = there()

    records = (await get(jp_fetch, f"headrace/topics/{topic}/records", limit=5))["records"]

    assert [record["offset"] for record in records] == [19, 18, 17, 16, 15]
    assert set(records[0]) == {"partition", "offset", "timestamp", "key", "value", "headers"}
    assert (records[0]["key"], records[0]["value"]) == ("19", {"delay": 19})
    assert records[0]["headers"] == [["a", {"base64": "/w=="}]]
    assert there() == before


async def test_streams_of_a_notebook_without_repository(jp_fetch: Fetch, write_notebook: Callable[..., Path]) -> None:
    write_notebook("work/flights.ipynb", "LATE = 15", CELL.format(source="flights"), "%%stream broken --from")

    late, broken = (await get(jp_fetch, "headrace/streams", notebook="work/flights.ipynb"))["streams"]

    assert (late["name"], late["source"], late["sink"]) == ("late", "flights", "flights.late")
    assert (late["state"], late["verdict"], late["commit"], late["error"]) == ("not previewed", None, None, None)
    assert late["cell_id"] == "cell-1"
    assert broken["name"] == "broken"
    assert "--from" in broken["error"]


async def test_a_suggestion_goes_into_a_magic_line(jp_fetch: Fetch) -> None:
    line = {"magic": "late --from flights --lookback 5h --key k", "options": "--lookback 6h"}
    assert await post(jp_fetch, "headrace/declare", **line) == {"magic": "late --from flights --key k --lookback 6h"}
    refused = await jp_fetch(
        "headrace/declare", method="POST", body=json.dumps(line | {"options": "--colour red"}), raise_error=False
    )
    assert refused.code == 400
    assert "--colour" in json.loads(refused.body)["message"]


async def test_a_name_that_no_cell_defines_is_named(jp_fetch: Fetch, write_notebook: Callable[..., Path]) -> None:
    write_notebook("flights.ipynb", CELL.format(source="flights"))

    (late,) = (await get(jp_fetch, "headrace/streams", notebook="flights.ipynb"))["streams"]

    assert "LATE" in late["error"]


async def test_commit_and_then_the_stream_is_committed(
    jp_fetch: Fetch,
    jp_root_dir: Path,
    write_notebook: Callable[..., Path],
    default_cluster: Cluster,
    make_topic: Callable[..., str],
) -> None:
    source = make_topic("flights")
    send(default_cluster, source, 100)
    write_notebook("flights.ipynb", "LATE = 15", CELL.format(source=source))
    asked = {"notebook": "flights.ipynb", "stream": "late"}

    planned = await post(jp_fetch, "headrace/commit", **asked, dry_run=True)
    assert planned["commit"] is None
    assert "streams/late/transform.py" in planned["files"]

    done = await post(jp_fetch, "headrace/commit", **asked)

    assert done["commit"] == git(jp_root_dir, "rev-parse", "HEAD")
    (late,) = (await get(jp_fetch, "headrace/streams", notebook="flights.ipynb"))["streams"]
    assert (late["state"], late["commit"]) == ("committed", done["commit"])
    write_notebook("flights.ipynb", "LATE = 16", CELL.format(source=source))
    (late,) = (await get(jp_fetch, "headrace/streams", notebook="flights.ipynb"))["streams"]
    assert late["state"] != "committed"


@pytest.mark.usefixtures("clean_supervisor")
async def test_deploy_stop_and_start_by_the_panel(
    jp_fetch: Fetch, jp_root_dir: Path, default_cluster: Cluster, make_topic: Callable[..., str]
) -> None:
    source = make_topic("numbers")
    spec = StreamSpec(name="paneled", source=source, sinks=(f"{source}.out",))
    make_repository(jp_root_dir, spec)
    (jp_root_dir / "numbers.ipynb").write_text(notebook_text(f"%%stream paneled --from {source} --to {source}.out"))
    client = producer(default_cluster, purpose="test")
    for number in range(100):
        client.produce(source, json.dumps({"id": number, "value": float(number)}))
    assert client.flush(20) == 0

    deployed = await post(jp_fetch, "headrace/deploy", notebook="numbers.ipynb", stream="paneled", replicas=2)

    assert (deployed["state"], deployed["replicas"], len(deployed["pids"])) == ("running", 2, 2)
    assert deployed["commit"] == git(jp_root_dir, "rev-parse", "HEAD")
    async with asyncio.timeout(60):
        while (services := (await get(jp_fetch, "headrace/services"))["services"])[0]["records_in"] != 100:
            assert len(services) == 1
    assert services[0]["service"] == "paneled"
    assert (await get(jp_fetch, "headrace/services/paneled/logs", lines=3))["lines"]
    stopped = await post(jp_fetch, "headrace/services/paneled/stop")
    assert (stopped["state"], stopped["records_out"]) == ("stopped", 100)
    assert (await post(jp_fetch, "headrace/services/paneled/start"))["state"] == "running"
