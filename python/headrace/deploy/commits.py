"""What a service's group has committed, read by a consumer that never joins the group."""

from __future__ import annotations

from confluent_kafka import TopicPartition

from headrace.kafka.clients import answers, cluster_error, consumer
from headrace.kafka.clusters import Cluster
from headrace.kafka.topics import Committed, require_topic
from headrace.spec.names import group_id

_SECONDS = 15.0


def committed(cluster: Cluster, service: str, topic: str) -> dict[int, Committed]:
    """Return what the group of ``service`` has committed for ``topic``; partitions without a commit are left out.

    The admin client's ``list_consumer_group_offsets`` would do, but librdkafka 2.16 crashes the whole process in
    it (a null pointer in ``rd_kafka_cgrp_op``) while a group's coordinator is loading or moving.

    Raises:
        MissingTopicError: there is no such topic.
        ClusterError: the cluster cannot be reached, or refuses.
    """
    wanted = [TopicPartition(topic, number) for number in range(require_topic(cluster, topic).partitions)]
    client = consumer(cluster, purpose="services", **{"group.id": group_id(service)})
    try:
        with answers(cluster, client):
            found = client.committed(wanted, timeout=_SECONDS)
    finally:
        client.close()
    commits = {}
    for partition in found:
        if partition.error is not None:
            raise cluster_error(cluster, partition.error)
        if partition.offset >= 0:
            commits[partition.partition] = Committed(partition.offset, partition.metadata or "")
    return commits
