"""``headrace run DIR --from START --to END --out TOPIC|FILE``."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from uuid import uuid4

from pydantic import BaseModel, ConfigDict

from headrace.engine.bounded.ranges import ranges_of
from headrace.engine.bounded.reading import batches_of
from headrace.engine.bounded.target import FileTarget, Target, TopicTarget, is_file, sinks_of, topics_of
from headrace.engine.codecs import make_codecs, registry_for
from headrace.engine.processor import Processor, make_processor
from headrace.engine.refusals import Refusals
from headrace.engine.result import BatchResult
from headrace.engine.service.at_least_once import AtLeastOnce
from headrace.engine.service.delivery import OversizedBatchError
from headrace.engine.service.letters import roomier
from headrace.engine.service.outbox import Outbox
from headrace.engine.service.pace import Pace
from headrace.engine.service.topic_sizes import TopicSizes
from headrace.engine.service.transactions import Transactions
from headrace.engine.sides.live import LiveSides
from headrace.engine.stream import Stream
from headrace.errors import CellError
from headrace.kafka.clusters import Cluster
from headrace.kafka.records import Records
from headrace.kafka.topics import size_limits_of
from headrace.spec import names

_WAIT_SECONDS = 0.1

Progress = Callable[[int, int], None]
"""Is told how many offsets are read, of how many."""


class BoundedResult(BaseModel):
    """What a bounded run did.

    Attributes:
        records_in: records of the range.
        records_out: outputs.
        failed: records that failed.
        late: records that came too late.
        seconds: how long it took.
        records_per_s: records of the range by seconds.
    """

    model_config = ConfigDict(frozen=True)

    records_in: int = 0
    records_out: int = 0
    failed: int = 0
    late: int = 0
    seconds: float = 0.0
    records_per_s: float = 0.0


def run_bounded(  # noqa: PLR0913  all by name
    stream: Stream,
    cluster: Cluster,
    *,
    start: str,
    end: str | None,
    out: str,
    max_rate: float | None = None,
    progress: Progress | None = None,
    report: Callable[[str], None] = lambda _: None,
    stopped: Callable[[], bool] = lambda: False,
) -> BoundedResult:
    """Process a range of the source as fast as it goes, through the step that the service uses.

    It reads by itself, without the service's group, so that a live service is not touched. Before the range a
    lookback's history is read, see :func:`~headrace.engine.bounded.past.first_offsets`; at its end every window closes.

    Args:
        stream: what to run.
        cluster: where.
        start: ``earliest``, a time, or ``P:OFFSET[,...]``; see :func:`~headrace.engine.bounded.ranges.ranges_of`.
        end: the same, not included; ``None``: all there is now.
        out: a topic, which is created when it does not exist, or a file of JSON lines when it has a slash or ends in
            ``.jsonl``.
        max_rate: records of the range per second not to exceed.
        progress: is told how far it is.
        report: is told, in a line each, what people should know: topics that are created, a range without records, what
            a run has left that failed.
        stopped: asked between batches; a run that is stopped leaves no file. A KeyboardInterrupt stops it at any time.

    Raises:
        UsageError: a place that is none, or an ``out`` that the stream reads.
        MissingTopicError: the source does not exist.
        CellError: a record failed and the stream says ``--on-error fail``, or the run was stopped.
        ClusterError: the cluster refuses or falls silent.
    """
    began = time.monotonic()
    spec = stream.document.spec
    topics = {} if is_file(out) else topics_of(spec, out)
    offsets, lows = ranges_of(cluster, spec.source, start, end)
    refusals = Refusals()
    codecs = make_codecs(stream, cluster=cluster, registers=not is_file(out), refusals=refusals)
    registry = registry_for(spec, cluster)
    outbox = Outbox(stream, cluster, refusals)
    pace = Pace(max_rate) if max_rate is not None else None
    total = BoundedResult()
    nothing = Records.empty(spec.source)
    with contextlib.ExitStack() as stack:
        sides = LiveSides(stream.document, cluster, registry, patient=True, stopped=stopped) if spec.sides else None
        if sides is not None:
            stack.callback(sides.close)
        # states too go to disk: a range can have many keys
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="headrace-")))
        processor = make_processor(
            stream, codecs=codecs, folder=folder, sides=sides, one_lane=stream.document.repartition
        )
        stack.callback(processor.close)
        target = _target(stream, cluster, out, topics, len(lows), refusals, report)
        try:
            for batch, read, of in batches_of(stream, cluster, processor, offsets, lows, pace):
                _wait(pace, stopped)
                started = time.monotonic()
                total = _written(stream, outbox, target, processor, batch, partial(processor.process, batch), total)
                processor.commit()
                if sides is not None:
                    sides.committed()
                if pace is not None:
                    pace.observe(len(batch), 0, time.monotonic() - started)  # their bytes are in memory as it is
                if progress:
                    progress(read, of)
            _go_on_unless(stopped)
            total = _written(stream, outbox, target, processor, nothing, processor.finish, total)
            target.finish()
        except KeyboardInterrupt:
            target.abandon()
            message = f"The run was stopped before its end. {target.left(total.records_out, total.records_in)}"
            raise CellError(message) from None
        except BaseException:
            target.abandon()
            report(target.left(total.records_out, total.records_in))
            raise
    if not total.records_in:
        report(f"The range holds no records: `{spec.source}` has none from {start} to {end or 'its end'}.")
    seconds = time.monotonic() - began
    return total.model_copy(
        update={"seconds": round(seconds, 3), "records_per_s": round(total.records_in / max(seconds, 1e-9), 1)}
    )


def _wait(pace: Pace | None, stopped: Callable[[], bool]) -> None:
    """Wait until the highest rate, where there is one, allows another batch."""
    _go_on_unless(stopped)
    while pace is not None and (seconds := pace.pause):
        time.sleep(min(seconds, _WAIT_SECONDS))
        _go_on_unless(stopped)


def _go_on_unless(stopped: Callable[[], bool]) -> None:
    if stopped():
        raise KeyboardInterrupt


def _written(
    stream: Stream,
    outbox: Outbox,
    target: Target,
    processor: Processor,
    batch: Records,
    process: Callable[[], BatchResult],
    total: BoundedResult,
) -> BoundedResult:
    while True:
        result = outbox.sorted_out(process())
        if result.failures and stream.document.spec.on_error == "fail":
            first = result.failures[0]
            message = f"A record failed: {first.summary}."
            raise CellError(message, hint="Mend the stream, or run it with --on-error dlq.")
        try:
            target.write(outbox.pack(batch, replace(result, changes=[])))  # nothing goes on from the end of the run
        except OversizedBatchError:
            processor.rollback()
        else:
            break
    return total.model_copy(
        update={
            "records_in": total.records_in + len(batch),
            "records_out": total.records_out + len(result.values),
            "failed": total.failed + len(result.failures),
            "late": total.late + len(result.late),
        }
    )


def _target(
    stream: Stream,
    cluster: Cluster,
    out: str,
    topics: dict[str, str],
    partitions: int,
    refusals: Refusals,
    report: Callable[[str], None],
) -> Target:
    spec = stream.document.spec
    letters, late = names.dead_letter_topic(spec.name, spec.sink), names.late_topic(spec.name, spec.sink)
    if is_file(out):
        path, sinks = Path(out), sinks_of(spec)
        files = {sink: f"{path.stem}.{sink}{path.suffix}" if len(sinks) > 1 else path.name for sink in sinks}
        return FileTarget(path, files | {letters: f"{path.name}.dlq", late: f"{path.name}.late"})
    kind = Transactions if spec.delivery == "exactly-once" else AtLeastOnce
    own = {name: topic for topic, name in topics.items()}
    delivery = kind(cluster, spec.name, f"bounded-{uuid4().hex[:12]}", TopicSizes(cluster, list(own), refusals, own))
    limit = size_limits_of(cluster, [spec.source]).get(spec.source)
    creates = {letters: roomier(limit), late: roomier(limit)}
    return TopicTarget(cluster, delivery, topics, sinks_of(spec), creates, partitions, report)
