"""What the compiled library allocates for JSON is freed."""

from __future__ import annotations

import json
import subprocess
import sys

WORK = """
import gc, json, psutil
from headrace.kafka.codec.json import JsonDecoder, JsonEncoder
decoder = JsonDecoder({"id": "int64", "name": "str", "at": "datetime64[us, UTC]", "x": "float64"})
values = [b'{"id":%d,"name":"n%d","at":"2013-01-01T10:00:00Z","x":%d.25}' % (row, row, row) for row in range(20_000)]
process, sizes = psutil.Process(), []
for _ in range(50):
    decoded = decoder.decode_values(values)
    assert not decoded.failures
    encoded = JsonEncoder().encode(decoded.frame)
    assert len(encoded) == len(values)
    del decoded, encoded
    gc.collect()
    sizes.append(process.memory_info().rss)
print(json.dumps(sizes))
"""


def test_memory_stays_flat_over_a_million_rows() -> None:
    """In a process of its own: in this one others allocate, too."""
    sizes = json.loads(subprocess.check_output([sys.executable, "-c", WORK]))
    assert len(sizes) == 50
    assert max(sizes[30:]) - max(sizes[5:30]) < 10 * 2**20
