"""A preview of the newest records gives what the running service gave for them: row by row, on the real broker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import orjson
import pandas as pd
import pytest

from headrace.engine.function import load_folder
from headrace.kafka.clusters import Cluster
from headrace.kafka.inference import infer_types
from headrace.kafka.past import PAST_LIMITS
from headrace.kafka.pins import pinned_sample
from headrace.kafka.reading import SampleLimits
from headrace.kafka.topics import create_topic
from headrace.notebook.display import bundle
from headrace.proof.examine import Examination, examine
from headrace.proof.past_sample import PastSample, pinned_past
from headrace.proof.preview import preview
from headrace.proof.preview_model import Preview
from headrace.proof.room import run_clean
from headrace.proof.side_samples import pinned_sides
from headrace.spec import ColumnType, names, read_document
from service_process import ServiceProcess, fill, read_all, stream_folder
from waiting import eventually

TYPES: dict[str, ColumnType] = {"k": "str", "at": "datetime64[us, UTC]", "x": "float64", "n": "int64"}
SIDE: dict[str, ColumnType] = {"k": "str", "seen": "datetime64[us, UTC]", "wind": "float64"}
START = pd.Timestamp("2026-02-01", tz="UTC")
COUNT, KEYS = 12_000, 20
SAMPLE = 400
MEAN = """
if (df.x == 13).any():
    raise ValueError("thirteen")
by_key = df.sort_values("k", kind="stable")
mean = by_key.groupby("k").rolling("6h", on="at")["x"].mean()
return by_key.assign(mean=mean.to_numpy()).sort_index()[["n", "k", "mean"]]
"""
LAST = """
rolled = df.groupby("k")["x"].rolling(10, min_periods=1).sum().reset_index(level=0, drop=True).sort_index()
return df.assign(total=rolled)[["n", "k", "total"]]
"""
HOURLY = """
grouped = df.groupby(["window_start", "k"])
return grouped.agg(x=("x", "sum"), rows=("n", "size")).reset_index()
"""
JOINED = """
df["wind"] = pd.merge_asof(
    df.sort_values("at", kind="stable"), side, left_on="at", right_on="seen", by="k", tolerance=pd.Timedelta("2h")
)["wind"].to_numpy()
before = df.groupby("k")["wind"].shift(1)
return df.assign(before=before)[["n", "k", "wind", "before"]]
"""


def rows(*, with_future: bool = False) -> pd.DataFrame:
    """One row a minute, of twenty keys; a few minutes out of order, some with thirteen; perhaps one of the future."""
    random = np.random.default_rng(11)
    numbers = np.arange(COUNT)
    late = np.where(random.random(COUNT) < 0.05, random.integers(0, 9, COUNT), 0)
    x = random.integers(14, 500, COUNT) + 0.25
    x[random.random(COUNT) < 0.002] = 13
    at = pd.Series(START + pd.to_timedelta(numbers - late, unit="min"))
    if with_future:
        at[11_000] = pd.Timestamp("2099-01-01", tz="UTC")
    return pd.DataFrame({"k": [f"k{key}" for key in random.integers(0, KEYS, COUNT)], "at": at, "x": x, "n": numbers})


def produce(cluster: Cluster, topic: str, frame: pd.DataFrame, time: str) -> None:
    plain = frame.assign(**{time: frame[time].dt.strftime("%Y-%m-%dT%H:%M:%SZ")})
    fill(cluster, topic, [orjson.dumps(row) for row in plain.to_dict("records")], keys=[k.encode() for k in frame.k])


@pytest.fixture
def make(tmp_path: Path, cluster: Cluster, make_topic: Callable[..., str]) -> Callable[..., ServiceProcess]:
    """``make(body, with_side=False, **spec)``: a service over filled topics, not started."""

    def made(body: str, *, with_side: bool = False, with_future: bool = False, **spec: object) -> ServiceProcess:
        source, sink = make_topic("in"), make_topic("out")
        name = f"s{source.replace('-', '_')}"
        create_topic(cluster, f"{sink}.dlq", 4)
        create_topic(cluster, f"{sink}.late", 4)
        create_topic(cluster, names.state_topic(name), 4, {"cleanup.policy": "compact"})
        produce(cluster, source, rows(with_future=with_future), "at")
        if with_side:
            side = make_topic("side", 3)
            minutes = pd.to_timedelta(np.arange(0, COUNT + 60, 5), unit="min")
            winds = [
                pd.DataFrame({"k": f"k{key}", "seen": START + minutes, "wind": np.arange(len(minutes)) + key / 100})
                for key in range(KEYS)
            ]
            produce(cluster, side, pd.concat(winds).sort_values("seen", kind="stable"), "seen")
            spec |= {"sides": (f"{side}:2h@seen",), "sides_types": {side: SIDE}}
            body = body.replace("side", side.replace("-", "_"))
        declared = {"key": "k", "time": "at", "grace": "10min", "idle": "1s", **spec}
        folder = stream_folder(tmp_path, body, TYPES, name=name, source=source, sinks=(sink,), **declared)
        return ServiceProcess(folder, cluster, source=source, sink=sink)

    return made


def look(
    service: ServiceProcess, sample: str = f"latest:{SAMPLE}", limits: SampleLimits = PAST_LIMITS
) -> tuple[Examination, Preview, PastSample]:
    """Preview a service's cell, and run it in the clean room, which must give the same."""
    spec, cluster = read_document(service.folder).spec, service.cluster
    taken = pinned_sample(cluster, spec.source, sample)
    inferred = infer_types(cluster, spec.source)
    past = pinned_past(cluster, spec, inferred, taken, limits=limits)
    sides = pinned_sides(cluster, spec, inferred, taken, past)
    found = examine(spec, load_folder(service.folder), inferred, taken.records, sides=sides, past=past)
    clean = run_clean(service.folder, taken.records, sides.records, edges=past.edges)
    assert clean.output_digest == found.output_digest
    assert clean.verdict.equal == found.verdict.equal
    return found, preview(found, taken), past


def served(service: ServiceProcess, count: int = 1) -> pd.DataFrame:
    """Run the service over all there is, until it gave ``count`` outputs, and return them."""
    service.start()
    try:
        service.caught_up()
        eventually(lambda: len(read_all(service.cluster, service.sink)) >= count, 30)
    finally:
        service.kill()
    return pd.DataFrame([orjson.loads(message.value() or b"") for message in read_all(service.cluster, service.sink)])


def of_failed(found: Examination) -> list[int]:
    """Return the numbers of the records that failed."""
    before, failed = found.whole.before, {failure.position for failure in found.whole.failures}
    return before.n[[position in failed for position in found.whole.before_positions.tolist()]].tolist()


def compared(found: Examination, given: pd.DataFrame, column: str, but: set[int] | None = None) -> pd.DataFrame:
    """Return both sides of each row of the preview, by the number in it; they must be equal."""
    shown = pd.DataFrame([orjson.loads(value) for value in found.whole.values])
    shown = shown[~shown.n.isin(but or ())]
    assert shown.n.is_unique
    assert given.n.is_unique
    both = shown.merge(given, on=["n", "k"], suffixes=("", "_service"), how="left", indicator=True)
    assert (both["_merge"] == "both").all()
    np.testing.assert_allclose(both[column].astype(float), both[f"{column}_service"].astype(float), rtol=1e-9)
    return both


@pytest.mark.timeout(180)
def test_a_lookback_in_time(cluster: Cluster, make: Callable[..., ServiceProcess]) -> None:
    service = make(MEAN, lookback="6h", with_future=True, idle="1d")
    found, shown, past = look(service)
    assert past.edges is not None
    assert 2_000 < len(past.edges.past) < COUNT, "as much as is needed, not the whole log"
    failed = {int(failure.offset) for failure in found.whole.failures}
    assert len(found.whole.values) + len(failed) == SAMPLE
    assert failed
    waiting = {row.before[3] for row in shown.rows if row.edge == "end" and row.before}
    given = served(service)
    both = compared(found, given, "mean", waiting)
    assert len(both) == SAMPLE - len(failed) - len(waiting - set(of_failed(found)))
    assert not waiting & set(given.n), "they wait in the service too"
    assert (shown.incomplete, shown.open_windows, shown.waiting) == (0, 0, len(waiting))
    assert waiting
    assert any("within the grace" in message for message in shown.verdict.messages)


@pytest.mark.timeout(180)
def test_a_lookback_in_rows(cluster: Cluster, make: Callable[..., ServiceProcess]) -> None:
    service = make(LAST, lookback="9rows", grace="0s")
    found, shown, _ = look(service)
    assert shown.incomplete == 0
    assert found.verdict.failed == 0
    compared(found, served(service, COUNT), "total")


@pytest.mark.timeout(180)
def test_windows_that_are_complete(cluster: Cluster, make: Callable[..., ServiceProcess]) -> None:
    service = make(HOURLY, window="tumbling=1h", windows_at_once=True, idle="1d")
    found, shown, _ = look(service)
    given = served(service)
    windows = pd.DataFrame([orjson.loads(value) for value in found.whole.values])
    place = ["window_start", "k"]
    both = windows.merge(given, on=place, suffixes=("", "_service"), how="left")
    assert len(both) == len(windows) > KEYS * 3
    assert (both["rows"] == both.rows_service).all()
    assert (both.x == both.x_service).all()
    first = pd.to_datetime(windows.window_start).min()
    in_sample = pd.to_datetime([row.before[1] for row in shown.rows if row.before], utc=True).min()
    assert first <= in_sample < first + pd.Timedelta("2h"), "the window over the sample's start is shown, and whole"
    begins = {row.partition: pd.Timestamp(row.before[1]) for row in reversed(shown.rows) if row.before}
    since = pd.to_datetime(given.window_start) >= max(begins.values()).floor("1h")
    missing = given[since].merge(windows, on=place, how="left", indicator=True)
    assert since.sum() > KEYS * 3
    assert (missing["_merge"] == "both").all(), "and all that the service gave since"
    assert shown.open_windows in {1, 2}
    assert any("open at the sample's edges" in message for message in shown.verdict.messages)
    text = bundle(shown)
    assert "open at the sample's edges" in text["text/plain"]
    assert text["application/vnd.headrace.preview+json"]["edges"]["open_windows"] == shown.open_windows


@pytest.mark.timeout(180)
def test_a_side_input_joined_to_history(cluster: Cluster, make: Callable[..., ServiceProcess]) -> None:
    service = make(JOINED, lookback="6h", with_side=True, matching="label")
    found, shown, _ = look(service)
    assert shown.failed == 0
    given = served(service, COUNT)
    both = compared(found, given, "wind")
    assert both.wind.notna().all()
    compared(found, given, "before")


@pytest.mark.timeout(180)
def test_what_the_limits_cut_off_is_said(cluster: Cluster, make: Callable[..., ServiceProcess]) -> None:
    service = make(MEAN, lookback="6h", grace="0s")
    found, shown, past = look(service, limits=SampleLimits(records=240))
    assert past.edges is not None
    assert len(past.edges.past) <= 240
    assert 0 < shown.incomplete < SAMPLE
    lacking = [row for row in shown.rows if row.edge == "start"]
    assert len(lacking) == shown.incomplete
    assert any(
        "have less history than in the service; the first with all of it is" in m for m in shown.verdict.messages
    )
    full = {(row.partition, row.offset) for row in shown.rows if row.edge != "start"}
    given = served(service)
    numbers = {
        orjson.loads(found.whole.values[place])["n"]
        for place, source in enumerate(found.whole.source.tolist())
        if (shown.rows[source].partition, shown.rows[source].offset) in full
    }
    own = pd.DataFrame([orjson.loads(value) for value in found.whole.values])
    both = own[own.n.isin(numbers)].merge(given, on=["n", "k"], suffixes=("", "_service"))
    assert len(both) == len(numbers) > 0
    np.testing.assert_allclose(both["mean"].astype(float), both.mean_service.astype(float), rtol=1e-9)


@pytest.mark.timeout(180)
def test_windows_cut_by_the_limits_are_not_shown(cluster: Cluster, make: Callable[..., ServiceProcess]) -> None:
    service = make(HOURLY, window="tumbling=12h", windows_at_once=True, idle="1d")
    found, shown, _ = look(service, sample="latest:3000", limits=SampleLimits(records=100))
    given = served(service)
    windows = pd.DataFrame([orjson.loads(value) for value in found.whole.values])
    both = windows.merge(given, on=["window_start", "k"], suffixes=("", "_service"))
    assert len(both) == len(windows) > KEYS
    assert (both["rows"] == both.rows_service).all()
    begins = {row.partition: pd.Timestamp(row.before[1]) for row in reversed(shown.rows) if row.before}
    assert pd.to_datetime(windows.window_start).min() > max(begins.values()) - pd.Timedelta("1h")
    assert shown.open_windows >= 2, "one at each end, and those that one partition alone has whole"


@pytest.mark.timeout(120)
def test_a_topic_that_is_quiet_closes_its_last_window(cluster: Cluster, make: Callable[..., ServiceProcess]) -> None:
    service = make(HOURLY, window="tumbling=1h", windows_at_once=True, idle="0s")
    found, shown, past = look(service, sample="latest:600")
    assert past.edges is not None
    assert len(past.edges.quiet) == 4
    assert shown.open_windows == 0
    windows = pd.DataFrame([orjson.loads(value) for value in found.whole.values])
    assert pd.to_datetime(windows.window_start).max() == START + pd.Timedelta(COUNT - 1, unit="min").floor("1h")
