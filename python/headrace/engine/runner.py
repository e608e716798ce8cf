"""The service process: gather, process, deliver, for as long as nobody says stop."""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from confluent_kafka import KafkaException

from headrace.engine.batch import BatchProcessor, BatchResult
from headrace.engine.service.at_least_once import AtLeastOnce
from headrace.engine.service.counts import Counts
from headrace.engine.service.delivery import Delivery, Outgoing, UndeliveredError
from headrace.engine.service.deployment import DeploymentInfo, read_deployment_info
from headrace.engine.service.health import HealthServer
from headrace.engine.service.letters import dead_letters
from headrace.engine.service.metrics import ServiceMetrics
from headrace.engine.service.pace import Pace
from headrace.engine.service.place import Place
from headrace.engine.service.source import Gathered, Source
from headrace.engine.service.stopping import Stopping
from headrace.engine.service.transactions import Transactions
from headrace.engine.stream import Stream
from headrace.errors import CellError, ClusterError, ExpiredOffsetError, HeadraceError
from headrace.kafka.clients import cluster_error
from headrace.kafka.clusters import Cluster
from headrace.kafka.records import Headers
from headrace.kafka.topics import require_topic
from headrace.spec import names

COMMIT_HEADER = "headrace-commit"

_OBJECTS_BETWEEN_COLLECTIONS = 50_000
_TICK_SECONDS = 0.5
_SHORTEST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0

logger = logging.getLogger(__name__)


def run(
    folder: Path,
    cluster: Cluster,
    *,
    replica: int = 0,
    deployment: DeploymentInfo | None = None,
    max_rate: float | None = None,
) -> dict[str, object]:
    """Run a stream folder as a service, until SIGTERM or SIGINT; must be called in the main thread.

    Args:
        folder: the stream folder (``stream.yaml``, ``transform.py``).
        cluster: where its topics are.
        replica: this process' number among those of the service, from 0.
        deployment: the deployment it belongs to; what ``$HEADRACE_DEPLOYMENT`` says by default.
        max_rate: records per second not to exceed, or ``None``.

    Returns:
        The last status, as ``/status`` gives it.

    Raises:
        MissingStreamError: the folder is no stream folder.
        MissingTopicError: the source, sink or dead-letter topic does not exist.
        ExpiredOffsetError: the next record is no longer in the log.
        CellError: a record failed and the stream says ``--on-error fail``.
        RefusedError: another process runs as this replica, or an output is too large for its topic.
        ClusterError: the cluster refuses.
    """
    info = deployment if deployment is not None else read_deployment_info()
    stream = Stream.from_folder(folder, commit=info.commit)
    place = Place(stream.name, replica)
    with Stopping(place.leave) as stopping:
        place.take()
        gc.freeze()  # what is loaded now stays; batches make many objects and hardly a cycle
        gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
        problem: BaseException | None = None
        try:
            service = Service(stream, cluster, replica, info, stopping, max_rate=max_rate)
            return service.run(place)
        except BaseException as error:
            problem = error
            raise
        finally:
            place.leave(None if problem is None else str(problem) or type(problem).__name__)


class Service:
    """One replica of a service.

    Args:
        stream: what to run.
        cluster: where.
        replica: its number.
        deployment: what it belongs to.
        stopping: says when to stop.
        max_rate: records per second not to exceed, or ``None``.
    """

    def __init__(
        self,
        stream: Stream,
        cluster: Cluster,
        replica: int,
        deployment: DeploymentInfo,
        stopping: Stopping,
        *,
        max_rate: float | None = None,
    ) -> None:
        self._stream = stream
        self._spec = stream.document.spec
        self._cluster = cluster
        self._stopping = stopping
        self._deployed = bool(deployment.deploy)
        self._processor = BatchProcessor(stream)
        self._pace = Pace(max_rate)
        kind = Transactions if self._spec.delivery == "exactly-once" else AtLeastOnce
        self._delivery: Delivery = kind(cluster, stream.name, replica)
        self._source = Source(cluster, self._spec.source, stream.name, replica, deployment)
        self._metrics = ServiceMetrics(stream.name, replica, stream.commit, deployment.deploy)
        self._letters = names.dead_letter_topic(stream.name, self._spec.sink)
        stamp = stream.commit if self._spec.stamp else None
        self._stamp: Headers | None = [(COMMIT_HEADER, stamp.encode())] if stamp else None
        self._ticked = 0.0

    def run(self, place: Place) -> dict[str, object]:
        """Serve until stopped, and return the last status; errors as for :func:`run`."""
        health = HealthServer(self._metrics)
        health.start()
        place.announce(health.port)
        logger.info("starting", extra={"port": health.port, "commit": self._stream.commit})
        try:
            self._insist(self._require_topics)
            self._insist(self._delivery.open)
            if not self._stopping.requested():
                self._source.open()
            while not self._stopping.requested():
                self._turn()
            self._metrics.state = "stopped"
        except BaseException:
            self._metrics.state = "failed"
            raise
        finally:
            self._source.close()
            self._delivery.close()
            health.close()
            logger.info("stopped", extra=self._metrics.status())
        return self._metrics.status()

    def _turn(self) -> None:
        gathered = self._gather()
        if gathered is not None:
            try:
                self._take(gathered)
            except UndeliveredError as error:
                self._metrics.state = "degraded"
                self._recover(error)
        self._tick()
        if self._pace.pause:
            self._stopping.wait(self._pace.pause)

    def _gather(self) -> Gathered | None:
        try:
            return self._source.gather(self._pace.limit)
        except KafkaException as error:  # from a question asked while partitions were being assigned
            logger.warning("the cluster does not answer", extra={"reason": str(error)})
            self._metrics.state = "degraded"
            self._insist(self._reopen)
            self._metrics.state = "starting"
            return None

    def _take(self, gathered: Gathered) -> None:
        """Process and commit a batch."""
        started = time.monotonic()
        records = gathered.records
        result = self._processor.process(records)
        if result.failures and self._spec.on_error == "fail":
            self._fail(gathered, result)
        processed = time.monotonic()
        self._deliver(gathered, result)
        ended = time.monotonic()
        self._metrics.state = "running"
        self._metrics.batch(
            records,
            records_out=len(result.values),
            failed=len(result.failures),
            processing_seconds=processed - started,
            delivery_seconds=ended - processed,
        )
        for name, count in result.dropped.items():
            self._metrics.dropped_fields[name] = self._metrics.dropped_fields.get(name, 0) + count
        self._pace.observe(len(records), sum(map(len, filter(None, records.values))), ended - started)

    def _deliver(self, gathered: Gathered, result: BatchResult) -> None:
        records = gathered.records
        outgoing = []
        if result.values and self._spec.sink is not None:
            values: list[bytes | None] = list(result.values)
            headers = self._stamped(result.headers, len(values))
            outgoing.append(Outgoing(self._spec.sink, values, result.keys, result.timestamps, headers))
        if result.failures:
            first = result.failures[0]
            logger.warning("records failed", extra={"failed": len(result.failures), "first": first.summary})
            if self._spec.on_error == "dlq":
                commit, name = self._stream.commit, self._stream.name
                outgoing.append(dead_letters(records, result.failures, topic=self._letters, stream=name, commit=commit))
        counts = self._counted(gathered, result)
        self._delivery.deliver(outgoing, self._source.offsets(gathered.ends, counts), self._source)
        self._source.done(gathered.ends, counts)

    def _counted(self, gathered: Gathered, result: BatchResult) -> dict[int, Counts]:
        """Return the new counts of the batch's partitions; an output of unknown origin counts for the first."""
        size = max(gathered.ends) + 1
        partitions = gathered.records.partitions
        taken = np.bincount(partitions, minlength=size)
        sent = np.bincount(partitions[np.maximum(result.source, 0)], minlength=size)
        failed = np.bincount(partitions[[failure.position for failure in result.failures]], minlength=size)
        return {
            number: self._source.partitions[number].counts.plus(
                int(taken[number]), int(sent[number]), int(failed[number])
            )
            for number in gathered.ends
        }

    def _fail(self, gathered: Gathered, result: BatchResult) -> None:
        """Commit what comes before the first failing record, then say which it is."""
        records, first = gathered.records, result.failures[0]
        before = records.take(range(first.position))
        if len(before):
            ends = {
                number: int(before.offsets[before.partitions == number][-1]) + 1
                for number in np.unique(before.partitions).tolist()
            }
            self._deliver(Gathered(before, ends), self._processor.process(before))
        place = f"{records.topic}[{records.partitions[first.position]}] offset {records.offsets[first.position]}"
        line = f" (line {first.line})" if first.line else ""
        message = f"The record at {place} failed{line}: {first.summary}."
        raise CellError(message, hint="Mend the stream or the record; with --on-error dlq the service goes on.")

    def _stamped(self, headers: list[Headers | None] | None, count: int) -> list[Headers | None] | None:
        stamp = self._stamp
        if stamp is None:
            return headers
        if headers is None:
            return [stamp] * count
        return [stamp if own is None else [*own, *stamp] for own in headers]

    def _recover(self, error: UndeliveredError) -> None:
        """Make producer and places as after a start, however long the cluster takes."""
        logger.warning("going back to what is committed", extra={"reason": str(error)})
        self._insist(self._delivery.open)
        self._insist(self._rewind)

    def _rewind(self) -> None:
        try:
            self._source.rewind()
        except KafkaException as error:
            raise UndeliveredError(str(error)) from error

    def _reopen(self) -> None:
        self._source.close()
        self._source.open()

    def _require_topics(self) -> None:
        wanted = [self._spec.source, *self._spec.sinks]
        if self._spec.on_error == "dlq":
            wanted.append(self._letters)
        for topic in wanted:
            require_topic(self._cluster, topic)

    def _insist(self, action: Callable[[], None]) -> None:
        """Repeat ``action`` until the cluster answers or the service shall stop."""
        pause = _SHORTEST_PAUSE
        while not self._stopping.requested():
            self._metrics.alive_at = time.monotonic()
            try:
                action()
            except KafkaException as error:
                problem: HeadraceError = cluster_error(self._cluster, error.args[0])
            except ExpiredOffsetError:
                raise
            except ClusterError as error:
                if not (self._deployed or isinstance(error, UndeliveredError)):
                    raise
                problem = error
            else:
                return
            logger.warning("trying again", extra={"reason": str(problem), "seconds": pause})
            self._stopping.wait(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _tick(self) -> None:
        now = time.monotonic()
        self._metrics.alive_at = now
        if now - self._ticked < _TICK_SECONDS:
            return
        self._ticked = now
        if self._source.assigned and self._metrics.state == "starting":
            self._metrics.state = "running"
        self._metrics.lag = self._source.lags()
        self._metrics.since_deploy = {number: place.counts for number, place in self._source.partitions.items()}
