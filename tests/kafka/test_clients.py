from __future__ import annotations

import pytest

from headrace.errors import ClusterError
from headrace.kafka.clients import admin, consumer
from headrace.kafka.clusters import Cluster
from headrace.kafka.topics import list_topics
from waiting import eventually


def test_tls_where_there_is_none_is_said_so(broker: str) -> None:
    encrypted = Cluster("encrypted", {"bootstrap.servers": broker, "security.protocol": "SSL"})
    with pytest.raises(ClusterError, match=r"`encrypted`.*TLS.*security\.protocol"):
        list_topics(encrypted)


def test_polling_raises_what_the_cluster_refuses(broker: str) -> None:
    encrypted = Cluster("encrypted", {"bootstrap.servers": broker, "security.protocol": "SSL"})
    reader = consumer(encrypted, purpose="test")
    try:
        reader.subscribe(["anything"])
        with pytest.raises(ClusterError, match="TLS"):
            eventually(lambda: reader.poll(0.1))
    finally:
        reader.close()


def test_settings_that_do_not_fit_are_a_cluster_error(cluster: Cluster) -> None:
    with pytest.raises(ClusterError, match=r"fetch\.wait\.max\.ms"):
        consumer(cluster, purpose="test", **{"fetch.wait.max.ms": "soon"})


def test_a_process_has_one_admin_client_a_cluster(cluster: Cluster) -> None:
    assert admin(cluster) is admin(Cluster.at(cluster.address))
