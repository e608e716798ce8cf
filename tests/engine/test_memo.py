"""What is committed beside an offset: it fits, however many partitions there are, and says what was meant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.engine.event_time import ALWAYS, NEVER
from headrace.engine.memo import Memo
from headrace.engine.service.counts import MOST_LETTERS, Counts, memo_of
from headrace.kafka.clusters import Cluster
from headrace.kafka.topics import create_topic
from headrace.spec import ColumnType, names
from service_process import ServiceProcess, fill, read_all, stream_folder
from waiting import eventually

LARGEST = Counts(2**62, 2**62, 2**62, 2**62)
TYPES: dict[str, ColumnType] = {"k": "str", "n": "int64"}


def back(memo: Memo) -> Memo:
    """Return what a restart reads of a commit, having checked that the commit is accepted."""
    text = LARGEST.to_metadata("d" * 32, memo)
    assert len(text.encode()) <= MOST_LETTERS
    found = memo_of(text)
    assert found is not None
    assert Counts.from_metadata(text, "d" * 32) == LARGEST
    return found


@given(
    newest=st.dictionaries(st.integers(0, 999), st.just(NEVER) | st.integers(-(2**61), 2**61), max_size=1_000),
    spread=st.sampled_from([1, 1_000_000, 3_600_000_000, 86_400_000_000]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=200, deadline=None)
def test_any_memo_fits_and_is_never_ahead(newest: dict[int, int], spread: int, seed: int) -> None:
    many = np.random.default_rng(seed)
    within = many.integers(0, 40 * spread, int(many.integers(0, 1_000))).tolist()
    for times in (newest, {number: 1_790_000_000_000_000 + time for number, time in enumerate(within)}):
        memo = Memo(ALWAYS, times, 2**62, {max(times, default=0): NEVER}, 2**62, "d" * 8)
        found = back(memo)
        assert replace(found, newest={}) == replace(memo, newest={})
        assert found.newest.keys() == times.keys()
        assert all(found.newest[number] <= time for number, time in times.items())
        assert [number for number, time in times.items() if time == NEVER] == [
            number for number in times if found.newest[number] == NEVER
        ]
        assert min(found.newest.values(), default=0) == min(times.values(), default=0)


def test_times_of_whole_seconds_are_exact_for_a_thousand_partitions() -> None:
    random = np.random.default_rng(7)
    day = {number: 10**15 + int(second) * 10**6 for number, second in enumerate(random.integers(0, 86_400, 1_000))}
    assert back(Memo(0, day)).newest == day


def test_rounded_times_are_close() -> None:
    random = np.random.default_rng(7)
    hour = {number: 10**15 + int(time) for number, time in enumerate(random.integers(0, 3_600_000_000, 1_000))}
    found = back(Memo(0, hour)).newest
    assert max(hour[number] - found[number] for number in hour) < 10_000  # microseconds


def test_what_earlier_versions_wrote_is_read() -> None:
    newest = {str(number): 10**15 + number for number in range(80)}
    fields = {"c": 5, "n": newest, "l": 7, "b": {"0": NEVER}, "s": 3, "d": "abcdef12"}
    text = orjson.dumps({"v": 1, "deploy": "x", "in": 1, "out": 1, "failed": 0, "late": 0, "m": fields}).decode()
    wanted = Memo(5, {int(number): time for number, time in newest.items()}, 7, {0: NEVER}, 3, "abcdef12")
    assert memo_of(text) == wanted


@pytest.mark.timeout(300)
def test_a_source_of_240_partitions_is_repartitioned_and_goes_on_after_a_kill(
    cluster: Cluster, make_topic: Callable[..., str], tmp_path: Path
) -> None:
    count, keys = 24_000, 40
    source, sink = make_topic("in", 240), make_topic("out", 2)
    name = f"s{source.replace('-', '_')}"
    for topic in (f"{sink}.dlq", names.repartition_topic(name, "k")):
        create_topic(cluster, topic, 2)
    create_topic(cluster, names.state_topic(name), 2, {"cleanup.policy": "compact"})
    body = 'return df[["n", "k"]].assign(seen=df.groupby("k").cumcount() + 1)'
    spec: dict[str, object] = {"key": "k", "lookback": "1d", "grace": "1h", "idle": "1s"}
    spec |= {"name": name, "source": source, "sinks": (sink,)}
    folder = stream_folder(tmp_path, body, TYPES, repartition=True, **spec)
    service = ServiceProcess(folder, cluster, ("--max-rate", "6000"), source=source, sink=sink)
    values: list[bytes | None] = [b'{"k": "k%d", "n": %d}' % (number % keys, number) for number in range(count)]
    fill(cluster, source, values, keys=[b"%d" % number for number in range(count)])
    try:
        service.start()
        eventually(service.progressed_past(count // 4), 90)
        service.kill()
        service.start().caught_up()
        eventually(lambda: len(read_all(cluster, sink)) == count, 90)
    finally:
        service.kill()
    rows = [orjson.loads(message.value() or b"") for message in read_all(cluster, sink)]
    assert sorted(row["n"] for row in rows) == list(range(count))
    by_key = {key: sorted(row["seen"] for row in rows if row["k"] == key) for key in {row["k"] for row in rows}}
    assert len(by_key) == keys
    assert all(seen == list(range(1, count // keys + 1)) for seen in by_key.values())
