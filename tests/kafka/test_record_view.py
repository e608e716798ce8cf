from __future__ import annotations

import numpy as np

from headrace.kafka.record_view import describe_records
from headrace.kafka.records import Headers, Records


def one(
    key: bytes | None, value: bytes | None, headers: Headers | None = None, timestamp: int = 1_795_341_600_123
) -> dict[str, object]:
    ones = np.ones(1, np.int64)
    records = Records("t", [key], [value], ones.astype(np.int32), ones, ones * timestamp, [headers])
    return next(describe_records(records))


def test_json_and_text() -> None:
    assert one(b"k", b'{"a": [1, null]}', [("h", b"x"), ("h", None)]) == {
        "partition": 1,
        "offset": 1,
        "timestamp": "2026-11-22T10:00:00.123000Z",
        "key": "k",
        "value": {"a": [1, None]},
        "headers": [["h", "x"], ["h", None]],
    }


def test_what_is_neither() -> None:
    assert one(b"\xff", b"{broken")["value"] == "{broken"
    assert one(b"\xff", b"\xfe")["key"] == {"base64": "/w=="}
    assert one(None, b"\xfe", [("h", b"\xff")])["value"] == {"base64": "/g=="}
    assert one(None, None, timestamp=-1) == {
        "partition": 1,
        "offset": 1,
        "timestamp": None,
        "key": None,
        "value": None,
        "headers": [],
    }
