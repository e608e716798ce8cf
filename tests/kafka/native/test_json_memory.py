"""What the compiled library allocates for JSON is freed."""

from __future__ import annotations

import gc

import psutil

from headrace.kafka.codec.json import JsonDecoder, JsonEncoder
from headrace.spec import TIME_TYPE


def test_memory_stays_flat_over_a_million_rows() -> None:
    decoder = JsonDecoder({"id": "int64", "name": "str", "at": TIME_TYPE, "x": "float64"})
    values: list[bytes | None] = [
        b'{"id":%d,"name":"n%d","at":"2013-01-01T10:00:00Z","x":%d.25}' % (row, row, row) for row in range(20_000)
    ]
    process, sizes = psutil.Process(), []
    for _ in range(50):
        decoded = decoder.decode_values(values)
        assert not decoded.failures
        encoded = JsonEncoder().encode(decoded.frame)
        assert len(encoded) == len(values)
        del decoded, encoded
        gc.collect()
        sizes.append(process.memory_info().rss)
    assert max(sizes[30:]) - max(sizes[5:30]) < 10 * 2**20
