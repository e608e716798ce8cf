"""Produces the input, whatever happens to the broker meanwhile."""

from __future__ import annotations

from collections.abc import Sequence

from confluent_kafka import KafkaError, Producer

from .data import Flight

_FLUSH_SECONDS = 240.0


class Feeder:
    """Sends records to a topic, each once, in order within a partition.

    Args:
        address: ``HOST:PORT``.
        topic: the source topic.
    """

    def __init__(self, address: str, topic: str) -> None:
        self._topic = topic
        self._failed: list[KafkaError] = []
        self._producer = Producer(
            {
                "bootstrap.servers": address,
                "log_level": 0,  # that the broker is away is what is tested
                "enable.idempotence": True,
                "partitioner": "murmur2_random",
                "linger.ms": 20,
                "message.timeout.ms": int(_FLUSH_SECONDS * 1000),
                "queue.buffering.max.messages": 2_000_000,
                "queue.buffering.max.kbytes": 1024 * 1024,
            }
        )

    def send(self, flights: Sequence[Flight]) -> None:
        """Produce records; they are in the log when :meth:`flush` has returned."""
        for flight in flights:
            self._producer.produce(self._topic, flight.value, flight.key, flight.partition, on_delivery=self._delivered)
            self._producer.poll(0)

    def flush(self) -> None:
        """Wait until all is in the log."""
        left = self._producer.flush(_FLUSH_SECONDS)
        assert not left, f"{left} input records are not confirmed"
        assert not self._failed, f"the input cannot be produced: {self._failed[0].str()}"

    def _delivered(self, error: KafkaError | None, _message: object) -> None:
        if error is not None:
            self._failed.append(error)
