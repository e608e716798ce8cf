"""``headrace demo --headless``: the whole way once, without a browser."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from headrace.cli.demo_project import STREAM_NAME, TOPIC
from headrace.deploy import rollout
from headrace.deploy.deployments import service_names
from headrace.deploy.services import service
from headrace.deploy.status import ServiceStatus
from headrace.errors import ToolError
from headrace.kafka.clusters import Cluster
from headrace.kafka.pins import pinned_sample
from headrace.kafka.replay import replay
from headrace.kafka.topics import committed, list_topics, watermarks
from headrace.repo.commit import commit
from headrace.repo.folder import STREAMS_FOLDER
from headrace.spec import DEFAULT_SAMPLE, read_document
from headrace.spec.names import group_id

FLIGHTS = 336_776
"""Records of the demo data."""

_PAUSE = 0.25
_PATIENCE = 120.0
"""Seconds without a further record after which the demo gives up."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What the demo did; the names are the command line's contract.

    Attributes:
        commit: SHA of the stream's commit.
        service: its name.
        records_in: records processed by this deployment.
        records_out: outputs written.
        msgs_per_s: records a second while the service worked through them.
        p99_ms: 99th percentile of a record's time from its timestamp to its output's commit.
    """

    commit: str
    service: str
    records_in: int
    records_out: int
    msgs_per_s: int
    p99_ms: float | None


def run_headless(notebook: Path, cluster: Cluster, say: Say) -> DemoResult:
    """Replay the flights, commit the notebook's stream, deploy it, and wait until every record is through.

    The service is stopped at the end, whatever happens.

    Args:
        notebook: the demo's notebook in its project.
        cluster: where.
        say: called with lines of text about what was done.

    Raises:
        ToolError: the service does not get on.
        HeadraceError: whatever a step raises.
    """
    _fill(cluster, say)
    sample = pinned_sample(cluster, TOPIC, DEFAULT_SAMPLE)
    say(f"sample   {len(sample.records)} records of {TOPIC}: {sample.pin.offsets}")
    done = commit(notebook, STREAM_NAME)
    folder = notebook.parent / STREAMS_FOLDER / STREAM_NAME
    proof = read_document(folder).proof
    if proof:
        word = {True: "equal", False: "differs", None: "not proved"}[proof.equal]
        say(f"verdict  {word}: {proof.reason} {proof.rows_in} -> {proof.rows_out} records, {proof.failed} failed")
    say(f"commit   {done.commit} on {done.branch}")
    say(f"         {done.message.splitlines()[0]}")
    waiting = _waiting(cluster)
    try:
        status = rollout.deploy(folder, report=say)
        say(f"service  {status.service}, {status.replicas} replica, {waiting:,} records before it")
        status, rate = _follow(waiting)
    finally:
        if STREAM_NAME in service_names():
            rollout.stop(STREAM_NAME)
    counts = (status.records_in or 0, status.records_out or 0, status.failed or 0)
    say("through  {:,} records in, {:,} out, {:,} failed".format(*counts))
    say(f"rate     {rate:,} records/s")
    latency = "-" if status.p99_ms is None else f"{status.p99_ms:,.0f} ms"
    say(f"p99      {latency} from a record's timestamp, its wait before the service was there included")
    return DemoResult(
        commit=status.commit,
        service=status.service,
        records_in=status.records_in or 0,
        records_out=status.records_out or 0,
        msgs_per_s=rate,
        p99_ms=status.p99_ms,
    )


def _fill(cluster: Cluster, say: Say) -> None:
    """Send the flights unless a whole set of them waits to be processed already."""
    known = {topic.name for topic in list_topics(cluster)}
    if TOPIC in known and _waiting(cluster) >= FLIGHTS:
        say(f"replay   {TOPIC} holds {_waiting(cluster):,} records that no service has processed")
        return
    sent = replay(cluster, "flights", TOPIC, key="origin", time="time_hour")
    say(f"replay   {sent.records:,} records sent to {TOPIC} in {sent.seconds:.1f} s")


def _waiting(cluster: Cluster) -> int:
    """Return how many records of the source the service has still before it."""
    places = committed(cluster, group_id(STREAM_NAME), TOPIC)
    ends = watermarks(cluster, TOPIC)
    return sum(high - (places[number].offset if number in places else low) for number, (low, high) in ends.items())


def _follow(waiting: int) -> tuple[ServiceStatus, int]:
    """Watch the service until it has processed ``waiting`` records; return it and its records a second."""
    first: tuple[float, int] | None = None
    last = (time.monotonic(), 0)
    latency = None
    while True:
        status = service(STREAM_NAME)
        now, processed = time.monotonic(), status.records_in or 0
        latency = status.p99_ms if status.p99_ms is not None else latency
        if processed > last[1]:
            first = first or (now, processed)
            last = (now, processed)
        if processed >= waiting:
            seconds, records = last[0] - (first or last)[0], last[1] - (first or last)[1]
            rate = round(records / seconds) if seconds > 0 else round(status.in_per_s)
            return status.model_copy(update={"p99_ms": latency}), rate
        if status.state == "failed" or now - last[0] > _PATIENCE:
            message = f"`{STREAM_NAME}` is {status.state} after {processed:,} of {waiting:,} records. {status.message}"
            raise ToolError(message, hint=f"Its log: headrace logs {STREAM_NAME}")
        time.sleep(_PAUSE)
