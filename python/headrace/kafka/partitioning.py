"""The partition that a key belongs to, as Java's producers choose it."""

from __future__ import annotations

_SEED = 0x9747B28C
_M = 0x5BD1E995
_R = 24
_WORD = 0xFFFFFFFF
_POSITIVE = 0x7FFFFFFF


def murmur2(key: bytes) -> int:
    """Return the 32-bit MurmurHash2 (Austin Appleby, public domain) of ``key``, with the seed that Kafka uses."""
    length = len(key)
    value = _SEED ^ length
    whole = length & ~3
    for place in range(0, whole, 4):
        word = int.from_bytes(key[place : place + 4], "little") * _M & _WORD
        word = (word ^ (word >> _R)) * _M & _WORD
        value = (value * _M & _WORD) ^ word
    rest = key[whole:]
    if rest:
        value = (value ^ int.from_bytes(rest, "little")) * _M & _WORD
    value = (value ^ (value >> 13)) * _M & _WORD
    return value ^ (value >> 15)


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition, among ``partitions``, to which Java's default partitioner and ours send a key."""
    return (murmur2(key) & _POSITIVE) % partitions
