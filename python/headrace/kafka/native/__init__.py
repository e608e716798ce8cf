"""The hot path between Kafka and columns, without a Python object a record; in C where that could be built.

Everything here has two ways that do the same: a native one over the librdkafka that confluent-kafka has loaded, and one
of Python alone. Which one runs is decided by what is there; callers see one interface.
"""

from __future__ import annotations

from headrace.kafka.native.clients import (
    BatchReader,
    BatchWriter,
    Problem,
    batch_reader,
    batch_writer,
    producer_settings,
)
from headrace.kafka.native.library import available, why_not

__all__ = [
    "BatchReader",
    "BatchWriter",
    "Problem",
    "available",
    "batch_reader",
    "batch_writer",
    "producer_settings",
    "why_not",
]
