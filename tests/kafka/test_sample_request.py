from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import UsageError
from headrace.kafka.sample_request import Count, Every, Failing, Keys, Ranges, TimeSpan, format_ranges, parse_sample

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
MS = int(NOW.timestamp()) * 1000


@pytest.mark.parametrize(
    ("text", "request_"),
    [
        ("latest:500", Count(500, newest=True)),
        ("first:1", Count(1, newest=False)),
        ("last:10m", TimeSpan(MS - 600_000, None)),
        ("-1h..-30min", TimeSpan(MS - 3_600_000, MS - 1_800_000)),
        ("-1h..", TimeSpan(MS - 3_600_000, None)),
        ("2026-11-22..2026-11-22T10:00:00Z", TimeSpan(MS - 36_000_000, MS)),
        ("2026-11-22T10:00:00+01:00..2026-11-22T10:00", TimeSpan(MS - 3_600_000, MS)),
        ("every:1000", Every(1000)),
        ("failing:100", Failing(100)),
        ("keys:a, b,a,c:d", Keys(("a", " b", "c:d"))),
        ("0:5..0:9", Ranges(((0, 5, 9),))),
        ("0:100-225, 1:90-215", Ranges(((0, 100, 225), (1, 90, 215)))),
    ],
)
def test_the_forms(text: str, request_: object) -> None:
    assert parse_sample(text, now=NOW) == request_


@pytest.mark.parametrize(
    "text",
    [
        "0:9-12,0:5-7",
        "0:1-9,0:5-12",
        "0:1-2,",
        "latest:\u0665",
        "",
        "latest",
        "latest:0",
        "every:0",
        "failing:0",
        "failing",
        "every:-1",
        "keys:",
        "keys:,",
        "latest:-1",
        "newest:5",
        "last:10",
        "..",
        "x..y",
        "-1m..-1h",
        "0:5-5",
        "0:5",
        "0:5..1:6",
    ],
)
def test_what_is_not_understood_is_quoted_with_the_forms(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_sample(text, now=NOW)
    assert caught.value.hint


@pytest.mark.parametrize("text", ["last:999999999999d", "-999999999999d..", "-1h..-999999999999d"])
def test_a_length_of_time_that_is_too_long_is_named(text: str) -> None:
    with pytest.raises(UsageError, match="`999999999999d` is too long"):
        parse_sample(text, now=NOW)
    assert isinstance(parse_sample("last:99999d", now=NOW), TimeSpan)


@given(st.dictionaries(st.integers(0, 99), st.tuples(st.integers(0, 2**62), st.integers(1, 2**30)), min_size=1))
def test_ranges_survive_their_text(ranges: dict[int, tuple[int, int]]) -> None:
    written = tuple((partition, start, start + length) for partition, (start, length) in ranges.items())
    assert parse_sample(format_ranges(written)) == Ranges(written)


@given(st.integers(1, 10_000))
def test_a_duration_counts_back_from_now(minutes: int) -> None:
    start = int((NOW - timedelta(minutes=minutes)).timestamp()) * 1000
    assert parse_sample(f"last:{minutes}m", now=NOW) == TimeSpan(start, None)
