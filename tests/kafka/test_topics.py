from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from headrace.errors import ClusterError, MissingTopicError
from headrace.kafka.broker.ports import free_port
from headrace.kafka.clusters import Cluster
from headrace.kafka.topics import TopicInfo, create_topic, list_topics, require_topic, watermarks

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_created_topic_is_listed_and_can_be_used(cluster: Cluster, make_topic: Callable[..., str]) -> None:
    topic = make_topic("listed", partitions=3)
    assert TopicInfo(topic, 3, internal=False) in list_topics(cluster)
    assert watermarks(cluster, topic) == {0: (0, 0), 1: (0, 0), 2: (0, 0)}


def test_creating_a_topic_again_leaves_it_as_it_is(cluster: Cluster, make_topic: Callable[..., str]) -> None:
    topic = make_topic("twice", partitions=2)
    assert create_topic(cluster, topic, 5) is False
    assert require_topic(cluster, topic).partitions == 2


def test_a_missing_topic_is_named_with_similar_ones_and_not_created(
    cluster: Cluster, make_topic: Callable[..., str]
) -> None:
    topic = make_topic("departures")
    missing = topic.replace("departures", "departure")
    with pytest.raises(MissingTopicError, match=f"`{missing}`.*`{topic}`"):
        require_topic(cluster, missing)
    assert missing not in {info.name for info in list_topics(cluster)}


def test_a_cluster_that_does_not_answer_is_named_with_what_to_do() -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    with pytest.raises(ClusterError, match=rf"{nowhere} does not answer.*headrace broker start"):
        list_topics(Cluster.at(nowhere))
