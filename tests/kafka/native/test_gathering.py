"""How long a batch waits for more records."""

from __future__ import annotations

import time

import pytest

from headrace.kafka.native.gathering import gather


class Taking:
    """Gives one record a call, as long as there are some, and notes how long each call might have waited."""

    def __init__(self, records: int) -> None:
        self.left = records
        self.waits: list[float] = []

    def __call__(self, most: int, seconds: float) -> int:
        self.waits.append(seconds)
        came = min(most, self.left)
        self.left -= came
        return came


@pytest.mark.parametrize(("since", "least", "most"), [(1.0, 0.001, 0.002), (0.0, 0.5, 0.6)])
def test_more_is_waited_for_after_the_first_and_until_a_while_after_the_batch_before(
    since: float, least: float, most: float
) -> None:
    taking = Taking(1)
    gather(taking, lambda: 10, (100, 1_000), 0.25, 0.002, time.monotonic() - since + 0.6)
    first, second = taking.waits
    assert first == 0.25
    assert least <= second <= most


def test_a_full_batch_waits_for_nothing() -> None:
    taking = Taking(5)
    gather(taking, lambda: 10, (1, 1_000), 0.25, 0.002, time.monotonic() + 60)
    assert taking.waits == [0.25]
