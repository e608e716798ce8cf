"""A service's counts and lag from its group's commits, where they are exact: they were committed with the offsets."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.deploy.deployments import Deployment
from headrace.engine.service.counts import Counts
from headrace.kafka.clusters import Cluster
from headrace.kafka.topics import committed, watermarks
from headrace.spec.names import group_id


@dataclass(frozen=True, slots=True)
class Counters:
    """What a deployment has done, over all partitions.

    Attributes:
        records_in: records processed.
        records_out: outputs written.
        failed: records that failed.
        late: records that came too late.
        lag: records not yet processed.
        commits: partitions with a commit of this deployment.
    """

    records_in: int
    records_out: int
    failed: int
    late: int
    lag: int
    commits: int


def count(cluster: Cluster, deployment: Deployment) -> Counters:
    """Return what ``deployment`` has done, from the metadata of its group's offset commits.

    Raises:
        MissingTopicError: the source topic is gone.
        ClusterError: the cluster cannot be reached, or refuses.
    """
    commits = committed(cluster, group_id(deployment.service), deployment.source)
    own: list[Counts] = []
    lag = 0
    for partition, (low, high) in watermarks(cluster, deployment.source).items():
        commit = commits.get(partition)
        counts = Counts.from_metadata(commit.metadata, deployment.deploy) if commit else None
        if commit and counts:
            own.append(counts)
            position = commit.offset
        else:
            position = deployment.start.get(partition, low)
        lag += max(0, high - position)
    return Counters(
        records_in=sum(item.records_in for item in own),
        records_out=sum(item.records_out for item in own),
        failed=sum(item.failed for item in own),
        late=sum(item.late for item in own),
        lag=lag,
        commits=len(own),
    )
