"""Whether every record of a sample failed."""

from __future__ import annotations

import orjson
import pytest

from flight_records import flights, function_of, of_values
from headrace.engine.edges import Edges
from headrace.kafka.inference import infer_from_values
from headrace.kafka.records import Records
from headrace.proof.examine import Examination, examine
from headrace.proof.past_sample import PastSample
from headrace.spec import StreamSpec

WINDOW = {"key": "origin", "window": "tumbling=6h", "time": "time_hour", "grace": "1h"}
LOOKBACK = {"key": "origin", "lookback": "2rows"}


def look(body: str, records: Records | None = None, past: PastSample | None = None, **spec: object) -> Examination:
    sample = flights(60) if records is None else records
    declared = StreamSpec.model_validate({"name": "s", "source": "flights", "sinks": ("out",), **spec})
    return examine(declared, function_of(body), infer_from_values(sample.values), sample, past=past)


@pytest.mark.parametrize("spec", [{}, LOOKBACK, WINDOW], ids=["plain", "lookback", "window"])
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("df.assign(x=NOPE)", True),
        ("df[df.distance < 0]", False),
        ("df.assign(x=df.distance * 2)", False),
        ("assert (df.id != 3).all()\ndf[df.distance < 0]", False),
        ("assert (df.id % 24 < 6).all()\ndf", False),
    ],
)
def test_all_records_failed_or_not(body: str, expected: bool, spec: dict[str, object]) -> None:  # noqa: FBT001
    assert look(body, None, None, **spec).all_failed is expected


def test_an_empty_sample_and_records_that_cannot_be_read() -> None:
    assert not look("df", flights(4).take([])).all_failed
    assert look("df", of_values([b"no", b"no"])).all_failed
    several: list[bytes | None] = [orjson.dumps([{"a": 1}, {"a": 1}]), orjson.dumps({"a": 2})]
    found = look("assert (df.a > 1).all()\ndf", of_values(several))
    assert (found.all_failed, found.verdict.failed, found.verdict.rows_out) == (False, 1, 1)


def test_windows_that_the_sample_has_in_part_are_run_where_all_others_failed() -> None:
    sample = flights(60)
    edges = Edges(sample.take([]), dict.fromkeys(range(4), 0))
    last_passes = "assert (df.time_hour.dt.hour >= 18).all()\ndf[df.distance < 0]"
    for body, expected in (("df.assign(x=NOPE)", True), (last_passes, False)):
        found = look(body, sample, PastSample(edges), **WINDOW)
        assert found.whole.failures
        assert found.whole.open_windows
        assert found.all_failed is expected
