"""What one writes by hand: confluent-kafka and orjson, record by record, exactly-once, in transactions of a batch."""

from __future__ import annotations

import sys

import orjson
from confluent_kafka import Consumer, Producer, TopicPartition

BATCH = 20_000
GATHER_SECONDS = 0.01
LATE_MINUTES = 15


def main(address: str, name: str, source: str, sink: str) -> None:
    """Do the stateless job until the process is ended."""
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
            ends[message.partition() or 0] = message.offset() or 0
            flight = orjson.loads(message.value() or b"null")
            if flight["dep_delay"] is None:
                continue
            air_time, arr_delay = flight["air_time"], flight["arr_delay"]
            flight["speed"] = flight["distance"] / (air_time / 60) if air_time is not None else None
            flight["late"] = arr_delay is not None and arr_delay > LATE_MINUTES
            producer.produce(sink, orjson.dumps(flight), message.key())
        offsets = [TopicPartition(source, number, offset + 1) for number, offset in ends.items()]
        producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata())
        producer.commit_transaction()


if __name__ == "__main__":
    main(*sys.argv[1:5])
