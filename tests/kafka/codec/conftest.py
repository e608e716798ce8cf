"""Records made of values alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from headrace.kafka.records import Records


@pytest.fixture(scope="session")
def records_of() -> Callable[[Sequence[bytes | None]], Records]:
    """Return the records of a topic with these values, in this order."""

    def make(values: Sequence[bytes | None]) -> Records:
        count = len(values)
        return Records(
            topic="t",
            keys=[None] * count,
            values=list(values),
            partitions=np.zeros(count, np.int32),
            offsets=np.arange(count),
            timestamps=np.zeros(count, np.int64),
            headers=[None] * count,
        )

    return make
