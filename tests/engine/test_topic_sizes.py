"""What topics accept, where nobody may read their settings: learned from what the broker refuses."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest

from headrace.engine.refusals import OversizedError, Refusals
from headrace.engine.result import Places
from headrace.engine.service.at_least_once import AtLeastOnce
from headrace.engine.service.delivery import Outgoing, OversizedBatchError
from headrace.engine.service.topic_sizes import TopicSizes
from headrace.engine.service.transactions import Transactions
from headrace.kafka.clusters import Cluster
from service_process import read_all

LIMIT = 50_000


def outgoing(topic: str, values: list[bytes], *, known: bool = True) -> Outgoing:
    count = len(values)
    places = Places(np.zeros(count, np.int64), np.arange(count) if known else np.full(count, -1))
    return Outgoing(topic, values, [b"k"] * count, np.full(count, 1_000), None, places=places)


def noise(length: int) -> bytes:
    return random.Random(length).randbytes(length)


@pytest.mark.parametrize("kind", [Transactions, AtLeastOnce])
def test_the_refused_records_are_found_among_many(
    cluster: Cluster, make_topic: Callable[..., str], kind: type[Transactions | AtLeastOnce]
) -> None:
    topic = make_topic(config={"max.message.bytes": str(LIMIT)})
    refusals = Refusals()
    delivery = kind(cluster, topic, 0, TopicSizes(cluster, [], refusals))
    large = dict.fromkeys(range(0, 3_000, 100), LIMIT + 10_000)
    values = [b"%d " % row + noise(large.get(row, 10)) for row in range(3_000)]
    values[50] = b"x" * LIMIT * 4  # small enough compressed
    records = outgoing(topic, values)
    found: dict[int, bytes] = {}
    for _ in range(12):
        kept = [row for row in range(len(values)) if refusals.at(topic, (0, row)) is None]
        batch = Outgoing(
            topic,
            [values[row] for row in kept],
            [b"k"] * len(kept),
            records.timestamps[kept],
            None,
            places=Places(np.zeros(len(kept), np.int64), np.array(kept)),
        )
        try:
            delivery.deliver([batch], [], None)
        except OversizedBatchError:
            continue
        found = {row: values[row] for row in kept}
        break
    delivery.close()
    assert found.keys() == set(range(3_000)) - large.keys()
    written = [message.value() for message in read_all(cluster, topic)]
    if kind is Transactions:
        assert written == list(found.values())
    else:
        assert set(written) == set(found.values())
    refusal, times = refusals.at(topic, (0, 100)) or pytest.fail("not refused")
    assert (refusal.topic, refusal.size, refusal.limit, times) == (topic, len(values[100]) + 1, None, 1)


def test_batches_become_smaller_until_the_topic_takes_them(cluster: Cluster, make_topic: Callable[..., str]) -> None:
    topic = make_topic(config={"max.message.bytes": str(LIMIT)})
    refusals = Refusals()
    sizes = TopicSizes(cluster, [], refusals)
    delivery = Transactions(cluster, topic, 0, sizes)
    records = outgoing(topic, [noise(1_000 + row) for row in range(500)])
    before = sizes.batch_bytes()
    for _ in range(10):
        try:
            delivery.deliver([records], [], None)
        except OversizedBatchError:
            continue
        break
    delivery.close()
    assert LIMIT / 4 < sizes.batch_bytes() < LIMIT < before
    assert [message.value() for message in read_all(cluster, topic)] == list(records.values)
    assert not refusals


def test_known_settings_bound_the_batches(cluster: Cluster, make_topic: Callable[..., str]) -> None:
    topics = [make_topic(config={"max.message.bytes": str(limit)}) for limit in (3_000_000, LIMIT)]
    assert LIMIT - 1_000 < TopicSizes(cluster, topics, Refusals()).batch_bytes() < LIMIT
    assert TopicSizes(cluster, topics[:1], Refusals()).batch_bytes() == 1_000_000


def test_outputs_of_unknown_records_are_known_by_their_bytes_and_at_last_by_their_size(
    cluster: Cluster, make_topic: Callable[..., str]
) -> None:
    topic = make_topic(config={"max.message.bytes": str(LIMIT)})
    refusals = Refusals()
    delivery = Transactions(cluster, topic, 0, TopicSizes(cluster, [topic], refusals))
    nowhere = np.full(2, -1)
    for number in range(5):
        values = [b"small", noise(LIMIT * 2 + number)]
        with pytest.raises(OversizedBatchError):
            delivery.deliver([outgoing(topic, values, known=False)], [], None)
        with pytest.raises(OversizedError) as caught:
            refusals.check(topic, values, nowhere, nowhere)
        assert caught.value.rows == (1,)
    with pytest.raises(OversizedError):
        refusals.check(topic, [b"small", noise(LIMIT * 3)], nowhere, nowhere)
    delivery.deliver([outgoing(topic, [b"small"], known=False)], [], None)
    refusals.check(topic, [b"small", noise(LIMIT * 2)], nowhere, nowhere)
    delivery.close()
