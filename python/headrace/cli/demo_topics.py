"""What the demo's topics hold, and their deletion on the demo's own broker."""

from __future__ import annotations

from headrace.cli.demo_project import STREAM_NAME, TOPIC
from headrace.errors import MissingTopicError
from headrace.kafka.clusters import Cluster
from headrace.kafka.topics import committed, delete_topics, watermarks
from headrace.spec.names import dead_letter_topic, group_id

_SINK = f"{TOPIC}.late"


def held(cluster: Cluster) -> int:
    """Return how many records the source holds; none where it is not there."""
    try:
        return sum(high - low for low, high in watermarks(cluster, TOPIC).values())
    except MissingTopicError:
        return 0


def waiting(cluster: Cluster) -> int:
    """Return how many records of the source the demo's service has still before it."""
    places = committed(cluster, group_id(STREAM_NAME), TOPIC)
    ends = watermarks(cluster, TOPIC)
    return sum(high - (places[number].offset if number in places else low) for number, (low, high) in ends.items())


def clear(cluster: Cluster) -> list[str]:
    """Delete the demo's topics, so that the next run is like the first; return the names of those that were there."""
    return delete_topics(cluster, [TOPIC, _SINK, dead_letter_topic(STREAM_NAME, _SINK)])
