"""The limit: confluent-kafka alone consumes and produces, exactly-once, without looking at a record."""

from __future__ import annotations

import sys

from confluent_kafka import Consumer, Producer, TopicPartition

BATCH = 20_000
GATHER_SECONDS = 0.01


def main(address: str, name: str, source: str, sink: str) -> None:
    """Copy records from ``source`` to ``sink``, with the service's settings, until the process is ended."""
    producer = Producer(
        {
            "bootstrap.servers": address,
            "transactional.id": name,
            "partitioner": "murmur2_random",
            "compression.type": "lz4",
            "linger.ms": 5,
            "retry.backoff.ms": 5,
            "queue.buffering.max.messages": 1_000_000,
            "delivery.report.only.error": True,
        }
    )
    producer.init_transactions(30)
    consumer = Consumer(
        {
            "bootstrap.servers": address,
            "group.id": name,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "fetch.queue.backoff.ms": 2,
            "queued.min.messages": 200_000,
            "queued.max.messages.kbytes": 64 * 1024,
        }
    )
    consumer.subscribe([source])
    while True:
        messages = consumer.consume(BATCH, GATHER_SECONDS)
        if not messages:
            continue
        producer.begin_transaction()
        ends: dict[int, int] = {}
        for message in messages:
            producer.produce(sink, message.value(), message.key())
            ends[message.partition() or 0] = message.offset() or 0
        offsets = [TopicPartition(source, number, offset + 1) for number, offset in ends.items()]
        producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata())
        producer.commit_transaction()


if __name__ == "__main__":
    main(*sys.argv[1:5])
