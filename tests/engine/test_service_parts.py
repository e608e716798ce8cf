"""The parts of a service process that need no broker."""

from __future__ import annotations

import io
import json
import logging
import resource
import signal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.engine.service.counts import Counts
from headrace.engine.service.latency import LatencyWindow
from headrace.engine.service.logs import log_to_stderr
from headrace.engine.service.pace import MOST_BYTES, MOST_RECORDS, Pace
from headrace.engine.service.place import Place
from headrace.errors import RefusedError


@given(st.lists(st.integers(1, 1_000_000), min_size=1, max_size=500))
def test_percentiles_are_at_most_eight_percent_too_high(latencies: list[int]) -> None:
    window = LatencyWindow()
    window.observe(np.array(latencies, np.int64))
    ordered = sorted(latencies)
    for share, found in zip((50, 99), window.percentiles(50, 99), strict=True):
        exact = ordered[max(0, int(np.ceil(share / 100 * len(ordered))) - 1)]
        assert found is not None
        assert exact * 0.99 <= found <= exact * 1.09 + 0.1


def test_no_records_have_no_percentiles() -> None:
    assert LatencyWindow().percentiles(50, 99) == [None, None]


@given(st.builds(Counts, *[st.integers(0, 2**62)] * 4), st.text(max_size=40))
def test_counts_survive_their_metadata_but_not_another_deployment(counts: Counts, deploy: str) -> None:
    metadata = counts.to_metadata(deploy)
    assert len(metadata) < 4096
    assert Counts.from_metadata(metadata, deploy) == counts
    assert Counts.from_metadata(metadata, f"{deploy}2") is None


@pytest.mark.parametrize("metadata", [None, "", "not JSON", "[1]", '{"v":2,"deploy":"d"}'])
def test_foreign_metadata_is_no_count(metadata: str | None) -> None:
    assert Counts.from_metadata(metadata, "d") is None


def test_batches_grow_while_they_are_quick_and_stay_within_their_bounds() -> None:
    pace = Pace()
    first = pace.limit
    for _ in range(10):
        pace.observe(pace.limit, pace.limit * 200, 0.01)
    assert first < pace.limit == MOST_RECORDS
    pace.observe(1_000, 1_000 * 100_000, 0.01)
    assert pace.limit <= MOST_BYTES // 100_000


def test_a_slow_function_gets_batches_of_about_a_second() -> None:
    pace = Pace()
    pace.observe(1_000, 200_000, 20.0)
    assert pace.limit == 50
    for _ in range(5):
        pace.observe(pace.limit, pace.limit * 200, pace.limit * 0.02)
    assert 25 <= pace.limit <= 100


def test_the_highest_rate_is_kept_by_pauses() -> None:
    pace = Pace(max_rate=1_000)
    assert pace.pause == 0
    assert pace.limit == 200
    for _ in range(5):
        pace.observe(200, 40_000, 0.001)
    assert 0.5 < pace.pause <= 0.8


def test_a_place_is_taken_once_and_says_why_it_was_left() -> None:
    first, second = Place("placed", 0), Place("placed", 0)
    first.take()
    first.announce(4711)
    with pytest.raises(RefusedError, match="Replica 0 of `placed` runs already"):
        second.take(patience=0)
    first.leave("went wrong")
    assert json.loads(second.status_file.read_text())["error"] == "went wrong"
    second.take(patience=0)
    second.leave()


def test_a_place_is_told_when_there_is_room_again() -> None:
    place = Place("crowded", 0)
    place.take()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        place.announce(4_711)
        place.refresh()
        assert not place.status_file.exists()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    place.refresh()
    assert json.loads(place.status_file.read_text())["port"] == 4_711
    place.leave()


def test_a_log_line_is_one_json_object() -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    text = io.StringIO()
    try:
        log_to_stderr(text, service="s")
        logging.getLogger("headrace.x").warning("two\nlines", extra={"partitions": {1: 2}})
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    line = json.loads(text.getvalue())
    assert text.getvalue().count("\n") == 1
    assert line["message"] == "two\nlines"
    assert (line["service"], line["level"], line["partitions"]) == ("s", "warning", {"1": 2})
