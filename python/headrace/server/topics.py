"""Topics with the rate at which records arrive, from how far their ends moved between two looks."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from headrace.kafka.clusters import Cluster
from headrace.kafka.topics import list_topics, watermarks_of
from headrace.server.models import ClusterName, Topic, Topics

_SHORTEST = 0.5
_LONGEST = 30.0


@dataclass(frozen=True, slots=True)
class _Look:
    """How far each topic's partitions reached at a moment of ``time.monotonic``, and the rates since the last look."""

    moment: float
    ends: dict[str, int]
    rates: dict[str, float]


class TopicRates:
    """Looks at clusters' topics and remembers the last look of each cluster; safe to use from several threads."""

    def __init__(self) -> None:
        self._looks: dict[Cluster, _Look] = {}
        self._lock = threading.Lock()

    def look(self, cluster: Cluster) -> Topics:
        """Return the cluster's topics now.

        Raises:
            ClusterError: the cluster cannot be reached, or refuses.
        """
        shown = [topic for topic in list_topics(cluster) if not topic.internal]
        ranges = watermarks_of(cluster, shown)
        ends = {name: sum(high for _, high in found.values()) for name, found in ranges.items()}
        rates = self._measure(cluster, time.monotonic(), ends)
        topics = tuple(
            Topic(
                name=topic.name,
                partitions=topic.partitions,
                records=sum(high - low for low, high in ranges[topic.name].values()) if topic.name in ranges else None,
                rate_per_s=rates.get(topic.name),
            )
            for topic in shown
        )
        return Topics(cluster=ClusterName(name=cluster.name, address=cluster.address), topics=topics)

    def _measure(self, cluster: Cluster, moment: float, ends: dict[str, int]) -> dict[str, float]:
        with self._lock:
            last = self._looks.get(cluster)
            if last is not None and moment - last.moment < _SHORTEST:
                return last.rates
            rates: dict[str, float] = {}
            if last is not None and moment - last.moment <= _LONGEST:
                passed = moment - last.moment
                rates = {
                    name: max(0, end - last.ends[name]) / passed for name, end in ends.items() if name in last.ends
                }
            self._looks[cluster] = _Look(moment, ends, rates)
            return rates
