"""Which side topics are divided as a stream is, by the keys of their records."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from headrace.kafka.partitioning import partition_of
from headrace.kafka.records import Records
from headrace.proof.copartitioning import divided_alike, places_of

COUNT = 4
KEYS = [f"k{number}".encode() for number in range(12)]
ANYWHERE = np.arange(len(KEYS)) % COUNT
MURMUR = np.array([partition_of(key, COUNT) for key in KEYS])


def side(keys: Sequence[bytes | None], partitions: np.ndarray) -> Records:
    numbers = np.arange(len(keys), dtype=np.int64)
    return Records("side", keys, [b"{}"] * len(keys), partitions.astype(np.int32), numbers, numbers, [None] * len(keys))


def test_keys_that_stand_alike_in_both_are_divided_alike() -> None:
    places = places_of(KEYS, ANYWHERE.astype(np.int32), None)
    assert divided_alike(KEYS, places, side(KEYS, ANYWHERE), COUNT)
    assert divided_alike([*KEYS, None], np.append(places, 0), side(KEYS, ANYWHERE), COUNT), "null joins nothing"


@pytest.mark.parametrize(
    ("keys", "partitions"),
    [
        (KEYS, np.roll(ANYWHERE, 1)),
        ([*KEYS, KEYS[0]], np.append(ANYWHERE, 3)),
        ([*KEYS[:-1], None], ANYWHERE),
        ([f"other{number}".encode() for number in range(12)], ANYWHERE),
        (KEYS[:3], ANYWHERE[:3]),
        (KEYS[::4], ANYWHERE[::4]),
    ],
    ids=["elsewhere", "one in two partitions", "a null key", "other keys", "too few", "one partition"],
)
def test_what_else_is_not(keys: list[bytes | None], partitions: np.ndarray) -> None:
    assert not divided_alike(KEYS, places_of(KEYS, ANYWHERE.astype(np.int32), None), side(keys, partitions), COUNT)


def test_a_key_of_the_stream_in_two_partitions_is_not_divided() -> None:
    keys, places = [*KEYS, KEYS[0]], np.append(ANYWHERE, 3).astype(np.int64)
    assert not divided_alike(keys, places, side(KEYS, ANYWHERE), COUNT)


def test_few_keys_are_enough_where_javas_producers_put_them() -> None:
    few = [next(key for key in KEYS if partition_of(key, COUNT) == place) for place in sorted(set(MURMUR))[:3]]
    where = np.array([partition_of(key, COUNT) for key in few])
    assert len(set(where.tolist())) == 3
    assert divided_alike(few, where.astype(np.int64), side(few, where), COUNT)


def test_a_repartitioned_stream_stands_where_its_own_topic_has_the_key() -> None:
    places = places_of([*KEYS, None], np.zeros(13, np.int32), COUNT)
    assert places.tolist() == [*MURMUR.tolist(), -1]
    assert divided_alike(KEYS, places[:-1], side(KEYS, MURMUR), COUNT)
    assert not divided_alike(KEYS, places[:-1], side(KEYS, (MURMUR + 1) % COUNT), COUNT)
