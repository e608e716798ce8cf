"""Whether a topic's records stand by a stream's key, each key in one partition."""

from __future__ import annotations

import pandas as pd

from headrace.engine.arrivals import Arrived
from headrace.engine.frames import key_texts
from headrace.kafka.partitioning import partition_of


def stands_by_key(column: pd.Series, arrived: Arrived) -> bool:
    """Return whether every key of a sample is where all its records are.

    That a key was seen in two partitions disproves it. Where no key was, it holds if the records' own keys are that
    column, or if each record is in the partition in which Java's producers put its key, or if there is one partition.

    Args:
        column: the ``--key`` column of the sample's rows.
        arrived: those rows.
    """
    texts = key_texts(column)
    partitions = arrived.rows.partitions.tolist()
    known: dict[bytes | None, int] = {}
    for text, partition in zip(texts, partitions, strict=True):
        if known.setdefault(text, partition) != partition:
            return False
    keys = [arrived.records.keys[position] for position in arrived.positions.tolist()]
    if len(set(partitions)) < 2 or keys == texts:  # noqa: PLR2004  one partition holds everything
        return True
    count = max(partitions) + 1
    return all(text is not None and partition_of(text, count) == place for text, place in known.items())
