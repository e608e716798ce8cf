"""What is remembered stays within its memory, and where it is changes no result."""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import orjson
import pandas as pd
import pytest

from drawn import START, TYPES, records_of
from headrace.engine.bounded.run import run_bounded
from headrace.engine.history import Backlog, MemoryBudget, Segment, budget
from headrace.engine.history.kept_rows import size_of
from headrace.engine.processor import MEMORY_VARIABLE, Processor, make_processor
from headrace.engine.result import BatchResult
from headrace.engine.rows import Rows, key_hashes
from headrace.engine.stream import Stream
from headrace.kafka.clusters import Cluster
from headrace.kafka.records import Records
from headrace.spec import ColumnType, StreamDocument, StreamSpec
from idioms import previous, rolling_by_key, stream_of
from service_process import fill

TINY = 10_000
MEGABYTE = 1024 * 1024
Cell = Callable[[pd.DataFrame], pd.DataFrame]
OBJECTS: dict[str, ColumnType] = {**TYPES, "tags": "object"}


def flow(count: int, keys: int = 20, seconds: float = 1.0, seed: int = 1) -> pd.DataFrame:
    """Return rows in time, a few out of order, keys by turns at random."""
    random = np.random.default_rng(seed)
    early = np.where(random.random(count) < 0.05, random.integers(0, 60, count), 0)
    return pd.DataFrame(
        {
            "k": pd.array([f"k{number}" for number in random.integers(0, keys, count)], dtype="str"),
            "t": (START + pd.to_timedelta(np.arange(count) * seconds - early, unit="s")).as_unit("us"),
            "x": random.integers(0, 100, count).astype(float),
            "n": random.integers(0, 5, count),
            "partition": 0,
        }
    )


def with_tags(records: Records) -> Records:
    """Give the records a nested column."""
    values: list[bytes | None] = [
        orjson.dumps({**orjson.loads(value or b"null"), "tags": {"place": place, "of": [place % 3, None, "ä"]}})
        for place, value in enumerate(records.values)
    ]
    headers: list[list[tuple[str, bytes | None]] | None] = [
        [("trace", b"%d" % place)] if place % 2 else None for place in range(len(values))
    ]
    return Records("in", records.keys, values, records.partitions, records.offsets, records.timestamps, headers)


def run(
    stream: Stream,
    records: Records,
    memory: int | None,
    look: Callable[[Processor], None] = lambda _: None,
    each: int = 200,
) -> list[tuple[object, ...]]:
    """Run a stream in batches of ``each``; return outputs with all that goes with them. ``look`` sees each commit."""
    processor = make_processor(stream, memory=memory)
    processor.begin(0)
    results: list[BatchResult] = []
    for first in range(0, len(records), each):
        results.append(processor.process(records.take(np.arange(first, min(first + each, len(records))))))
        processor.commit()
        look(processor)
    results.append(processor.finish())
    processor.close()
    assert not [failure for result in results for failure in result.failures]
    return [
        (bytes(value), key, int(stamp), header)
        for result in results
        for value, key, stamp, header in zip(
            result.values, result.keys, result.timestamps, result.headers or [None] * len(result.values), strict=True
        )
    ]


def by_value(rows: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    return sorted(rows, key=lambda row: bytes(row[0]))  # type: ignore[call-overload]  # the value


def tagged_totals(df: pd.DataFrame) -> pd.DataFrame:
    grouped = df.assign(place=[tags["place"] for tags in df.tags]).groupby(["window_start", "k"])
    return grouped.agg(
        total=("x", "sum"), rows=("n", "size"), first=("place", "first"), last=("place", "max")
    ).reset_index()


def tagged_before(df: pd.DataFrame) -> pd.DataFrame:
    return df.assign(before=df.groupby("k")["tags"].shift(1), kept=df.tags)


KINDS: dict[str, tuple[Cell, dict[str, object]]] = {
    "tumbling": (tagged_totals, {"window": "tumbling=10min"}),
    "hopping": (tagged_totals, {"window": "hopping=20min,10min"}),
    "session": (tagged_totals, {"window": "session=90s"}),
    "count": (tagged_totals, {"window": "count=50"}),
    "lookback": (tagged_before, {"lookback": "1h", "grace": "20min"}),
    "rows": (tagged_before, {"lookback": "30rows", "grace": "20min"}),
    "no key": (tagged_before, {"lookback": "1h", "grace": "20min", "key": None}),
    "meta": (tagged_before, {"lookback": "1h", "grace": "20min", "meta": True}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_beyond_the_memory_rows_are_on_disk_and_the_outputs_are_the_same(kind: str) -> None:
    function, spec = KINDS[kind]
    stream = stream_of(function, **spec)
    stream = Stream(stream.document.model_copy(update={"input": OBJECTS, "windows_at_once": True}), function)
    records = with_tags(records_of(flow(3_000)))
    most: dict[str, list[int]] = {"rows": [], "bytes": []}

    def look(processor: Processor) -> None:
        rows, size = processor.size()
        most["rows"].append(rows)
        most["bytes"].append(size)

    plain = run(stream, records, None)
    spilled = run(stream, records, TINY, look)
    assert by_value(spilled) == by_value(plain)
    assert len(plain) > 20
    assert max(most["rows"]) > 500
    assert max(most["bytes"]) <= TINY  # what 500 rows take is a hundred times as much


def test_the_variable_says_how_many_megabytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MEMORY_VARIABLE, "1")
    records = records_of(flow(30_000, keys=500, seconds=0.5))
    sizes: list[tuple[int, int]] = []

    def totals(df: pd.DataFrame) -> pd.DataFrame:
        return df.groupby(["window_start", "k"]).agg(total=("x", "sum"), rows=("n", "size")).reset_index()

    stream = stream_of(totals, window="tumbling=3h")
    small = run(stream, records, None, lambda processor: sizes.append(processor.size()), each=2_000)
    monkeypatch.setenv(MEMORY_VARIABLE, "512")
    assert small == run(stream, records, None, each=2_000)
    rows = max(rows for rows, _ in sizes)
    assert rows > 15_000
    assert max(size for _, size in sizes) <= MEGABYTE < rows * 80  # each takes more than that


def seen_by(function: Cell) -> tuple[Cell, list[int]]:
    """Return a function that notes how many rows it gets."""
    seen: list[int] = []

    def noting(df: pd.DataFrame) -> pd.DataFrame:
        seen.append(len(df))
        return function(df)

    return noting, seen


def test_new_rows_and_their_past_in_one_call_are_bounded() -> None:
    frame = flow(6_000, keys=40)
    records = records_of(frame)
    noting, seen = seen_by(rolling_by_key)
    stream = stream_of(noting, lookback="10d")
    cut = run(stream, records, TINY, each=1_000)  # so little memory that a call may have 1,000 rows
    assert max(seen) <= 1_000
    plain_noting, plain_seen = seen_by(rolling_by_key)
    whole = run(stream_of(plain_noting, lookback="10d"), records, None, each=1_000)
    assert max(plain_seen) > 5_000
    assert by_value(cut) == by_value(whole)


def test_a_hot_key_gets_few_new_rows_in_one_call() -> None:
    records = records_of(flow(4_000, keys=1))
    noting, seen = seen_by(previous)
    cut = run(stream_of(noting, lookback="10d"), records, TINY, each=1_000)
    assert max(seen) <= 4_000  # its whole past has to be there
    assert max(np.diff(seen)) <= 100  # new rows by a hundred
    assert cut == run(stream_of(previous, lookback="10d"), records, None, each=1_000)


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("tumbling=1min", "k"),
        ("tumbling=1min", None),
        ("hopping=2min,1min", "k"),
        ("hopping=2min,1min", None),
        ("session=30s", "k"),
        ("count=20", "k"),
    ],
)
def test_windows_that_close_together_are_handed_over_a_few_at_a_time(kind: str, key: str | None) -> None:
    def totals(df: pd.DataFrame) -> pd.DataFrame:
        return df.groupby(["window_start", "window_end", "k"]).agg(total=("x", "sum"), rows=("n", "size")).reset_index()

    records = records_of(flow(6_000, keys=30, seconds=2))
    outputs = []
    for memory in (TINY, None):
        noting, seen = seen_by(totals)
        stream = stream_of(noting, window=kind, key=key, grace="10d")  # nothing closes before the end
        stream = Stream(stream.document.model_copy(update={"windows_at_once": True}), noting)
        outputs.append(run(stream, records, memory, each=1_000))
        assert max(seen) <= 1_000 + 200 if memory else max(seen) > 5_000
    assert by_value(outputs[0]) == by_value(outputs[1])


def rows_with(count: int, **columns: object) -> Rows:
    frame = pd.DataFrame({"k": pd.array(["a", "b"] * (count // 2), dtype="str"), **columns})
    times: npt.NDArray[np.int64] = np.arange(count, dtype=np.int64)
    return Rows(frame, times, np.zeros(count, np.int32), times, times + 5, key_hashes(frame.k))


def test_rows_come_back_from_disk_as_they_were() -> None:
    count = 100
    nested: list[object] = [{"a": [1, (2, 3)], "b": b"\x00"}, None, float("nan"), [], "text"] * 20
    rows = rows_with(
        count,
        nested=pd.Series(nested, dtype=object),
        flag=pd.array([True, None] * 50, dtype="boolean"),
        at=pd.date_range("2026-01-01", periods=count, freq="s", tz="UTC").as_unit("us"),
        small=np.arange(count, dtype=np.int64),
    )
    keys, headers = np.empty(count, object), np.empty(count, object)
    keys[:] = [b"k", None] * 50
    headers[0] = [("name", b"value"), ("none", None)]
    rows = Rows(rows.frame, rows.times, rows.partitions, rows.offsets, rows.timestamps, rows.hashes, keys, headers)
    backlog = Backlog(MemoryBudget(1))
    backlog.add(rows)
    assert backlog.nbytes == 0
    (found,) = backlog.up_to(49)
    wanted = rows.take(np.arange(50))
    pd.testing.assert_frame_equal(found.frame, wanted.frame)
    for name in ("times", "partitions", "offsets", "timestamps", "hashes", "keys", "headers"):
        one, other = getattr(found, name), getattr(wanted, name)
        assert one.dtype == other.dtype
        assert one.tolist() == other.tolist()
    assert (len(backlog), backlog.earliest) == (50, 50)


def test_the_size_of_objects_counts() -> None:
    plain = size_of(rows_with(1_000, x=np.zeros(1_000)))
    nested = size_of(rows_with(1_000, x=pd.Series([{"text": "x" * 1_000, "of": [1, 2]}] * 1_000, dtype=object)))
    assert 1_000 * 1_000 < nested - plain < 1_000 * 2_000


def test_objects_of_another_process_are_not_read(tmp_path: Path) -> None:
    segment = Segment.of(rows_with(10, x=pd.Series([{"a": 1}] * 10, dtype=object)))
    path = segment.save(tmp_path)
    with pytest.raises(ValueError, match="Python objects of another process"):
        Segment.load(path, {"k": "str", "x": "object"})


def test_files_end_with_the_rows_in_them(tmp_path: Path) -> None:
    backlog = Backlog(MemoryBudget(1, tmp_path))
    for _ in range(200):
        backlog.add(rows_with(10, x=np.zeros(10)))
    assert len(backlog) == 2_000
    assert len(backlog.pieces) <= 64
    gc.collect()
    assert len(list(tmp_path.glob("*.arrow"))) == len(backlog.pieces)
    assert sum(map(len, backlog.up_to(1_000))) == 2_000
    gc.collect()
    assert not list(tmp_path.glob("*.arrow"))


def test_a_backlog_in_memory_gives_the_room_of_rows_that_left() -> None:
    backlog = Backlog(MemoryBudget(1 << 30))
    backlog.add(rows_with(10_000, x=np.zeros(10_000)))
    before = backlog.nbytes
    backlog.up_to(9_000)
    assert backlog.nbytes < before // 5


def test_states_of_a_bounded_run_are_on_disk(
    cluster: Cluster, make_topic: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    source = make_topic("in")
    fill(cluster, source, [orjson.dumps({"k": f"k{n % 7}", "x": n}) for n in range(500)], keys=[b"a"] * 500)
    databases: set[Path] = set()

    def count(df: pd.DataFrame, seen: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        databases.update(tmp_path.glob("headrace-*/rocksdb"))
        before = df.k.map(seen["rows"]).fillna(0) if len(seen) else 0
        out = df.assign(rows=df.groupby("k").cumcount() + 1 + before)
        return out, out.groupby("k")[["rows"]].last()

    spec = StreamSpec.model_validate({"name": "s", "source": source, "sinks": ("out",), "key": "k", "states": ["seen"]})
    stream = Stream(StreamDocument(spec=spec, input={"k": "str", "x": "int64"}), count)
    out = tmp_path / "out.jsonl"
    result = run_bounded(stream, cluster, start="earliest", end=None, out=str(out))
    assert (result.records_out, result.failed) == (500, 0)
    rows = pd.DataFrame([orjson.loads(line) for line in out.read_bytes().splitlines()])
    assert rows.groupby("k")["rows"].max().to_dict() == rows.groupby("k").size().to_dict()
    assert len(databases) == 1
    assert not list(tmp_path.glob("headrace-*"))


def test_a_disk_that_was_full_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "state"
    folder.write_bytes(b"no folder can be made here")
    backlog = Backlog(MemoryBudget(1, folder))
    backlog.add(rows_with(10, x=np.zeros(10)))
    folder.unlink()
    backlog.add(rows_with(10, x=np.zeros(10)))
    assert backlog.nbytes > 1  # not for a minute
    monkeypatch.setattr(budget, "RETRY_SECONDS", 0.0)
    backlog = Backlog(MemoryBudget(1, tmp_path / "other"))
    (tmp_path / "other").write_bytes(b"nor here")
    backlog.add(rows_with(10, x=np.zeros(10)))
    (tmp_path / "other").unlink()
    backlog.add(rows_with(10, x=np.zeros(10)))
    assert backlog.nbytes == 0
