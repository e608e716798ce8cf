"""``headrace demo --headless``: the whole way once, without a browser."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from headrace.cli.demo_live import LiveFlights
from headrace.cli.demo_project import KEY, STREAM_NAME, TIME, TOPIC
from headrace.cli.demo_topics import clear, held, waiting
from headrace.deploy import rollout
from headrace.deploy.deployments import read_deployment, service_names
from headrace.deploy.identity import identify
from headrace.deploy.ledger import current_deployment, refuse_other_owner
from headrace.deploy.local import LocalTarget
from headrace.deploy.repository import Repository
from headrace.deploy.services import service
from headrace.deploy.status import ServiceStatus
from headrace.errors import ToolError
from headrace.kafka.clusters import Cluster
from headrace.kafka.pins import pinned_sample
from headrace.kafka.replay import replay
from headrace.repo.commit import CommitResult, commit
from headrace.repo.folder import STREAMS_FOLDER
from headrace.spec import DEFAULT_SAMPLE, StreamDocument, read_document

_FIRST = 20_000
"""Flights that are there before the stream is looked at; the others come while its service runs."""
_PAUSE = 0.5
_PATIENCE = 120.0
"""Seconds without a further record after which the demo gives up."""
_VERDICTS = {True: "equal", False: "differs", None: "not proved"}

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What the demo did; the names are the command line's contract.

    Attributes:
        commit: SHA of the stream's commit.
        service: its name.
        records_in: records processed by this deployment.
        records_out: outputs written.
        msgs_per_s: records a second, from when the service ran until the last one was through.
        p99_ms: of the flights that came in while the service ran: 99th percentile of the time from a flight's
            timestamp until a consumer that reads committed records had its output. Where none came in, the service's
            own figure over its last minute, which counts how long the records had waited for it.
    """

    commit: str
    service: str
    records_in: int
    records_out: int
    msgs_per_s: int
    p99_ms: float | None


def run_headless(
    notebook: Path, cluster: Cluster, *, own: bool, flights: int, rate: float, note: Say, say: Say
) -> DemoResult:
    """Replay flights, commit the notebook's stream, deploy it, and wait until every record is through.

    The first flights are there before; the others are sent while the service runs. The service is stopped at the
    end, whatever happens.

    Args:
        notebook: the demo's notebook in its project.
        cluster: where.
        own: the cluster is the demo's own: topics of a former run are deleted first. Elsewhere records that are
            there are used as they are, and nothing is deleted.
        flights: how many.
        rate: flights a second while the service runs.
        note: called with lines of text about what goes on.
        say: called with the lines that sum it up in the end.

    Raises:
        RefusedError: the service's name belongs to another repository.
        ToolError: the service does not get on.
        HeadraceError: whatever a step raises.
    """
    _refuse_other_owner(notebook, cluster)
    if own:
        if STREAM_NAME in service_names():
            rollout.stop(STREAM_NAME)
        if deleted := clear(cluster):
            note(f"deleted  {', '.join(deleted)} of a former run")
    there = held(cluster)
    live = 0 if there else flights - _send_first(cluster, flights, note)
    pinned_sample(cluster, TOPIC, DEFAULT_SAMPLE, renew=not there)
    if there:
        note(f"replay   {TOPIC} holds {there:,} records: used as they are, nothing is sent")
    done = commit(notebook, STREAM_NAME)
    folder = notebook.parent / STREAMS_FOLDER / STREAM_NAME
    document = read_document(folder)
    for line in (facts := _facts(done, document)):
        note(line)
    before = waiting(cluster)
    try:
        status = _run(folder, done, renew=own or before > 0, start="committed" if there else "earliest", note=note)
        with ExitStack() as stack:
            feed = None
            if live:
                note(f"replay   {live:,} more flights, {rate:,.0f} a second")
                feed = LiveFlights(cluster, document.spec.sinks[0], skip=flights - live, count=live, rate=rate)
                stack.enter_context(feed)
            status, per_second = _follow(status, before + live, feed)
            p99 = feed.p99_ms() if feed else status.p99_ms
    finally:
        if STREAM_NAME in service_names():
            rollout.stop(STREAM_NAME)
        LocalTarget().rest()
    result = DemoResult(
        commit=status.commit,
        service=status.service,
        records_in=status.records_in or 0,
        records_out=status.records_out or 0,
        msgs_per_s=per_second,
        p99_ms=p99,
    )
    for line in [*facts, *_figures(result, status, live=live)]:
        say(line)
    return result


def _refuse_other_owner(notebook: Path, cluster: Cluster) -> None:
    """Refuse, before anything is deleted or sent, a service's name that another repository owns."""
    repository = Repository.around(notebook.parent)
    identity = identify(repository, repository.commit())
    former = read_deployment(STREAM_NAME) if STREAM_NAME in service_names() else None
    for deployment in (former, current_deployment(cluster, STREAM_NAME)):
        refuse_other_owner(deployment, identity)


def _send_first(cluster: Cluster, flights: int, note: Say) -> int:
    first = min(_FIRST, -(-flights // 2))
    sent = replay(cluster, "flights", TOPIC, key=KEY, time=TIME, limit=first)
    note(f"replay   {sent.records:,} flights sent to {TOPIC} in {sent.seconds:.1f} s")
    return sent.records


def _run(folder: Path, done: CommitResult, *, renew: bool, start: str, note: Say) -> ServiceStatus:
    """Deploy the stream; where this commit is deployed and has nothing to do, just start it: its counts stay."""
    deployed = read_deployment(STREAM_NAME).commit if STREAM_NAME in service_names() else None
    if not renew and deployed is not None and deployed == done.commit:
        note(f"service  {STREAM_NAME} of this commit is deployed and has processed every record: started again")
        return rollout.start(STREAM_NAME)
    return rollout.deploy(folder, start=start, report=note)


def _follow(status: ServiceStatus, expected: int, feed: LiveFlights | None) -> tuple[ServiceStatus, int]:
    """Watch the service until it has processed ``expected`` records; return it and its records a second since then.

    Raises:
        ToolError: it has failed, or does not get on.
    """
    began = moved = time.monotonic()
    before = processed = status.records_in or 0
    latency = status.p99_ms
    while True:
        if feed:
            feed.check()
        status = service(STREAM_NAME)
        now, latency = time.monotonic(), status.p99_ms if status.p99_ms is not None else latency
        if (status.records_in or 0) > processed:
            processed, moved = status.records_in or 0, now
        if processed >= expected:
            per_second = (processed - before) / (moved - began) if moved > began else status.in_per_s
            return status.model_copy(update={"p99_ms": latency}), round(per_second)
        if status.state == "failed" or now - moved > _PATIENCE:
            message = f"`{STREAM_NAME}` is {status.state} after {processed:,} of {expected:,} records. {status.message}"
            raise ToolError(message, hint=f"Its log: headrace logs {STREAM_NAME}")
        time.sleep(_PAUSE)


def _facts(done: CommitResult, document: StreamDocument) -> list[str]:
    lines = []
    if proof := document.proof:
        counts = f"{proof.rows_in:,} -> {proof.rows_out:,} records, {proof.failed:,} failed"
        lines.append(f"sample   {proof.rows_in:,} records of {document.spec.source}: {proof.sample}")
        lines.append(f"verdict  {_VERDICTS[proof.equal]} ({counts}). {proof.reason}")
    lines.append(f"commit   {(done.commit or '')[:10]} on {done.branch}: {done.message.splitlines()[0]}")
    return lines


def _figures(result: DemoResult, status: ServiceStatus, *, live: int) -> list[str]:
    plural = "" if status.replicas == 1 else "s"
    latency = "not measured" if result.p99_ms is None else f"{result.p99_ms:,.0f} ms"
    sink = status.sink or "the sink"
    what = f"from a flight's timestamp until a consumer of {sink} had its output, over the {live:,} sent meanwhile"
    if not live:
        what = "from a record's timestamp to its output's commit, its wait before the service ran included"
    counts = (result.records_in, result.records_out, status.failed or 0)
    return [
        f"service  {result.service}, {status.replicas} replica{plural}, exactly-once",
        "through  {:,} records in, {:,} out, {:,} failed".format(*counts),
        f"rate     {result.msgs_per_s:,} records/s",
        f"p99      {latency} {what}",
    ]
