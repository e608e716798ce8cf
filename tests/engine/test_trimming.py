"""A repartition topic, whose retention is for good, holds no more than what a restart may read again."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable

import pytest

from headrace.engine.memo import Memo
from headrace.engine.service import trimming as trimming_module
from headrace.engine.service.source import Partition
from headrace.engine.service.trimming import TRIM_SECONDS, Trimming
from headrace.home import home
from headrace.kafka.clusters import Cluster
from headrace.kafka.topics import committed, create_topic, watermarks
from headrace.spec import names
from late_flights import TYPES, flights, outputs, values_of
from service_process import ServiceProcess, fill
from waiting import eventually

COUNT = 20_000
BODY = 'return df[["number", "tailnum"]].assign(before=df.groupby("tailnum", dropna=False)["number"].shift())'


def lows(cluster: Cluster, topic: str) -> list[int]:
    return [low for low, _ in watermarks(cluster, topic).values()]


@pytest.mark.parametrize("lookback", ["6h", "1rows"])
@pytest.mark.timeout(200)
def test_what_no_restart_reads_again_is_deleted(
    cluster: Cluster, make_service: Callable[..., ServiceProcess], lookback: str
) -> None:
    declared = {"key": "tailnum", "time": "time", "grace": "2h", "idle": "2s", "lookback": lookback}
    arguments = ("--max-rate", "3000")  # what is needed is known by batches
    service = make_service(BODY, types=TYPES, repartition=True, arguments=arguments, **declared)
    topic = names.repartition_topic(service.name, "tailnum")
    create_topic(cluster, topic, 4, {"retention.ms": "-1"})
    values, _ = values_of(flights(COUNT))
    keys = [b"all"] * COUNT  # one partition, so that the topic is about in the order of time
    half = COUNT // 2
    fill(cluster, service.source, values[:half], keys=keys[:half])
    service.start().caught_up()
    eventually(lambda: service.status()["records_out"] > half * 9 // 10, 60)
    service.terminate()
    service.start()
    eventually(lambda: all(low > 0 for low in lows(cluster, topic)), 60)
    service.kill()
    places = committed(cluster, names.by_key_group_id(service.name), topic)
    assert all(low <= place.offset for low, place in zip(lows(cluster, topic), places.values(), strict=True))
    shutil.rmtree(home("services", service.name) / "state-0")
    fill(cluster, service.source, values[half:], keys=keys[half:])
    service.start().caught_up()
    eventually(lambda: service.status()["records_out"] == COUNT, 60)
    found = outputs(cluster, service.sink)
    assert sorted(found.number.tolist()) == list(range(COUNT))
    assert "cannot be deleted" not in service.log


def place(offset: int, **memo: int) -> Partition:
    return Partition(offset, memo=Memo(**memo))  # type: ignore[arg-type]  # whole numbers all


def test_nothing_that_a_commit_needs_is_deleted(cluster: Cluster, make_topic: Callable[..., str]) -> None:
    topic, now = make_topic("trimmed", 3), [0.0]
    fill(cluster, topic, [b"x"] * 3_000, keys=[b"%d" % number for number in range(3_000)])
    trimming = Trimming(cluster, topic, lambda: now[0])
    trimming.step({0: place(500, lowest=200), 1: place(500), 2: place(500, lowest=200, kept_since=100)})
    eventually(lambda: lows(cluster, topic) == [200, 500, 500])
    trimming.step({0: place(600, lowest=300)})
    now[0] = TRIM_SECONDS
    trimming.step({0: Partition(700), 1: place(400, lowest=300)})  # no commit, and one from before
    trimming.step({1: place(600)})
    eventually(lambda: lows(cluster, topic) == [200, 600, 500])


def test_what_cannot_be_deleted_is_said_once(
    cluster: Cluster, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    trimming = Trimming(cluster, "not-there", lambda: now[0])
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(trimming_module.logger, "disabled", False)  # a Jupyter server of another test disables it
    for turn in range(3):
        now[0] = TRIM_SECONDS * turn
        trimming.step({0: place(5 + turn)})
        eventually(lambda: not trimming.waits, 60)
    said = [record for record in caplog.records if "cannot be deleted" in record.message]
    assert len(said) == 1
