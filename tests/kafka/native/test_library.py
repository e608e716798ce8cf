"""Without the compiled library, or with a client that is not known, Python alone does the work."""

from __future__ import annotations

import subprocess
import sys

import pytest

from headrace.kafka.native.library import SWITCH

PROGRAM = """
import confluent_kafka
{before}
from headrace.kafka import native
consumer = confluent_kafka.Consumer({{"bootstrap.servers": "127.0.0.1:1", "group.id": "g", "log_level": 0}})
producer = confluent_kafka.Producer({{"bootstrap.servers": "127.0.0.1:1", "log_level": 0}})
ways = native.batch_reader(consumer, "t"), native.batch_writer(producer)
print(native.available(), *(type(way).__name__ for way in ways), native.producer_settings())
print(native.why_not())
"""


@pytest.mark.parametrize(
    ("before", "off", "reason"),
    [
        ("", "0", f"{SWITCH}=0"),
        ("confluent_kafka.version = lambda: '2.99.0'", "", "confluent-kafka 2.99.0 is not among the versions"),
        (
            "from headrace.kafka.native import library; from pathlib import Path; library.LIBRARY = Path('nowhere.so')",
            "",
            "was not compiled",
        ),
        (
            "from headrace.kafka.native import library; from pathlib import Path; library.LIBRARY = Path('/bin/sh')",
            "",
            "cannot be loaded",
        ),
    ],
)
def test_the_way_of_python_alone(before: str, off: str, reason: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(before=before)],
        env={SWITCH: off},
        check=True,
        capture_output=True,
        text=True,
    )
    first, second = done.stdout.splitlines()
    assert first == "False PlainReader PlainWriter {}"
    assert reason in second
