"""Memory that a burst has taken goes back to the system."""

from __future__ import annotations

import psutil

from headrace.engine.service.memory import give_back

COUNT = 50_000
LENGTH = 2_000
"""Bytes; Python itself keeps what is smaller than 512."""


def test_what_a_burst_leaves_free_in_the_heap_is_given_back() -> None:
    process = psutil.Process()
    kept: list[list[bytes]] = []
    for _ in range(5):
        burst = [b"%02000d" % number for number in range(COUNT)]
        kept.append(burst[::1_000])  # some of it stays, all over the heap
        del burst
    before = process.memory_info().rss
    give_back()
    after = process.memory_info().rss
    assert after < before - COUNT * LENGTH // 2
    assert [len(part) for part in kept] == [COUNT // 1_000] * 5
