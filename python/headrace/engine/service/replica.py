"""One replica of a service: gather, process, deliver, for as long as nobody says stop."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from confluent_kafka import KafkaException

from headrace.engine.codecs import make_codecs, registry_for
from headrace.engine.processor import declaration, make_processor
from headrace.engine.refusals import Refusals
from headrace.engine.service import memory
from headrace.engine.service.at_least_once import AtLeastOnce
from headrace.engine.service.delivery import Delivery, UndeliveredError
from headrace.engine.service.deployment import DeploymentInfo
from headrace.engine.service.health import HealthServer
from headrace.engine.service.keeping import keeps_records
from headrace.engine.service.metrics import ServiceMetrics
from headrace.engine.service.outbox import Outbox
from headrace.engine.service.pace import MOST_RECORDS, MOST_WITH_PAST, Pace
from headrace.engine.service.place import Place
from headrace.engine.service.repartition_outbox import RepartitionOutbox
from headrace.engine.service.source import Source
from headrace.engine.service.stage import Stage
from headrace.engine.service.stopping import Stopping
from headrace.engine.service.topic_sizes import TopicSizes
from headrace.engine.service.transactions import Transactions
from headrace.engine.sides.live import LiveSides
from headrace.engine.stream import Stream
from headrace.errors import ClusterError, ExpiredOffsetError, HeadraceError
from headrace.home import home
from headrace.kafka.clients import cluster_error
from headrace.kafka.clusters import Cluster
from headrace.kafka.topics import require_topic
from headrace.spec import names

_TICK_SECONDS = 0.5
_SHORTEST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
_SHORT_SECONDS = 0.01
"""How long one of two stages waits for records before the other has its turn."""

logger = logging.getLogger(__name__)


class Replica:
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
        self._pace = Pace(max_rate, most=MOST_WITH_PAST if self._spec.lookback else MOST_RECORDS)
        kind = Transactions if self._spec.delivery == "exactly-once" else AtLeastOnce
        self._refusals = Refusals()
        self._outbox = Outbox(stream, cluster, self._refusals)
        self._delivery: Delivery = kind(cluster, stream.name, replica, self._sizes())
        self._metrics = ServiceMetrics(stream.name, replica, stream.commit, deployment.deploy)
        self._replica = replica
        self._deployment = deployment
        self._stages: list[Stage] = []
        self._ticked = 0.0
        self._gave_back = time.monotonic()
        self._place: Place | None = None

    def run(self, place: Place) -> dict[str, object]:
        """Serve until stopped, and return the last status; errors as for :func:`headrace.engine.runner.run`."""
        health = HealthServer(self._metrics)
        health.start()
        place.announce(health.port)
        self._place = place
        logger.info("starting", extra={"port": health.port, "commit": self._stream.commit})
        try:
            self._insist(self._require_topics)
            self._insist(self._delivery.open)
            if not self._stopping.requested():
                self._insist(self._make_stages)
                for stage in self._stages:
                    stage.open()
            while not self._stopping.requested():
                self._turn()
            self._metrics.state = "stopped"
        except BaseException:
            self._metrics.state = "failed"
            raise
        finally:
            for stage in self._stages:
                stage.close()
            self._delivery.close()
            health.close()
            logger.info("stopped", extra=self._metrics.status())
        return self._metrics.status()

    def _turn(self) -> None:
        several = len(self._stages) > 1
        try:
            for stage in self._stages:
                stage.turn(_SHORT_SECONDS if several else None)
        except UndeliveredError as error:
            self._metrics.state = "degraded"
            self._recover(error)
        except ExpiredOffsetError:
            raise
        except ClusterError as error:  # a schema registry that does not answer, for example
            if not self._deployed:
                raise
            self._metrics.state = "degraded"
            logger.warning("trying again", extra={"reason": str(error), "seconds": _LONGEST_PAUSE})
            self._stopping.wait(_LONGEST_PAUSE)
            for stage in self._stages:
                self._insist(stage.rewind)
        except KafkaException as error:  # from a question asked while partitions were being assigned
            logger.warning("the cluster does not answer", extra={"reason": str(error)})
            self._metrics.state = "degraded"
            for stage in self._stages:
                self._insist(stage.reopen)
            self._metrics.state = "starting"
        self._tick()
        if self._pace.pause:
            self._stopping.wait(self._pace.pause)

    def _recover(self, error: UndeliveredError) -> None:
        """Make producer and places as after a start, however long the cluster takes."""
        logger.warning("going back to what is committed", extra={"reason": str(error)})
        self._insist(self._delivery.open)
        for stage in self._stages:
            self._insist(stage.rewind)

    def _make_stages(self) -> None:
        """Make the stage of the stream, or where its records do not stand by its key, both stages."""
        spec, name = self._spec, self._stream.name
        folder = home("services", name) / f"state-{self._replica}"
        codecs = make_codecs(self._stream, cluster=self._cluster, registers=True, refusals=self._refusals)
        common = self._delivery, self._metrics, self._pace
        registry = registry_for(spec, self._cluster)
        divided = self._divided() if spec.sides else []
        sides = LiveSides(self._stream.document, self._cluster, registry, divided=divided) if spec.sides else None
        source = Source(self._cluster, spec.source, name, self._replica, self._deployment)
        keeps = keeps_records(self._stream.document, self._cluster, decided=self._deployment.keeps_records)
        if not (self._stream.document.repartition and spec.key):
            processor = make_processor(self._stream, codecs=codecs, folder=folder, sides=sides, keeps=keeps)
            self._stages = [Stage(self._stream, self._cluster, source, processor, self._outbox, *common, sides=sides)]
            return
        from headrace.engine.repartition import Repartitioner  # noqa: PLC0415  most streams need none

        topic = names.repartition_topic(name, spec.key)
        partitions = require_topic(self._cluster, topic).partitions
        sources = require_topic(self._cluster, spec.source).partitions
        links = partitions if spec.delivery == "at-least-once" else None
        first = Repartitioner(self._stream, codecs, declaration(self._stream), time.time, links=links)
        outbox = RepartitionOutbox(topic, partitions, first, self._outbox, spec.on_error)
        again = Source(
            self._cluster,
            topic,
            name,
            self._replica,
            self._deployment.model_copy(update={"start": {}}),
            names.by_key_group_id(name),
        )
        second = make_processor(self._stream, codecs=codecs, folder=folder, sides=sides, sources=sources, keeps=keeps)
        self._stages = [
            Stage(self._stream, self._cluster, source, first, outbox, *common, role="first"),
            Stage(self._stream, self._cluster, again, second, self._outbox, *common, role="second", sides=sides),
        ]

    def _sizes(self) -> TopicSizes:
        topics = self._outbox.topics
        if self._stream.document.repartition and self._spec.key:
            topics.append(names.repartition_topic(self._stream.name, self._spec.key))
        return TopicSizes(self._cluster, topics, self._refusals)

    def _divided(self) -> list[str]:
        """Return the side topics that are divided as the stream is, unless they have other partitions by now."""
        spec, found = self._spec, self._stream.document.copartitioned
        if not found:
            return []
        again = self._stream.document.repartition and spec.key
        own = names.repartition_topic(self._stream.name, again) if again else spec.source
        count = require_topic(self._cluster, own).partitions
        divided = [topic for topic in found if require_topic(self._cluster, topic).partitions == count == found[topic]]
        for topic in found.keys() - set(divided):
            logger.warning("a side input is read in full: its partitions have changed", extra={"topic": topic})
        return divided

    def _require_topics(self) -> None:
        for topic in [self._spec.source, *(side.topic for side in self._spec.side_inputs), *self._outbox.topics]:
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
        if self._place is not None:
            self._place.refresh()
        for stage in self._stages:
            stage.report()
        if now - self._gave_back > memory.EVERY_SECONDS:
            self._gave_back = now
            memory.give_back()
