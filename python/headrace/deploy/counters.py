"""A service's counts and lag from its group's commits, where they are exact: they were committed with the offsets."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.deploy.deployments import Deployment
from headrace.engine.service.counts import Counts
from headrace.kafka.clusters import Cluster
from headrace.kafka.topics import committed, watermarks
from headrace.spec.names import by_key_group_id, group_id


@dataclass(frozen=True, slots=True)
class Counters:
    """What a deployment has done, over all partitions.

    Attributes:
        records_in: records processed.
        records_out: outputs written.
        failed: records that failed.
        late: records that came too late.
        lag: records not yet processed, of both stages where there are two.
        commits: partitions of the source with a commit of this deployment.
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
        MissingTopicError: the source topic is gone, or the one between two stages.
        ClusterError: the cluster cannot be reached, or refuses.
    """
    first, lag = _committed(cluster, deployment, group_id(deployment.service), deployment.source)
    second: list[Counts] = []
    if deployment.by_key:
        group = by_key_group_id(deployment.service)
        second, later = _committed(cluster, deployment, group, deployment.by_key)
        lag += later
    own = [*first, *second]
    return Counters(
        records_in=sum(item.records_in for item in own),
        records_out=sum(item.records_out for item in own),
        failed=sum(item.failed for item in own),
        late=sum(item.late for item in own),
        lag=lag,
        commits=len(first),
    )


def _committed(cluster: Cluster, deployment: Deployment, group: str, topic: str) -> tuple[list[Counts], int]:
    """Return what a stage has counted in each partition of its topic, and how many records it has before it."""
    commits = committed(cluster, group, topic)
    start = deployment.start if topic == deployment.source else {}
    own: list[Counts] = []
    lag = 0
    for partition, (low, high) in watermarks(cluster, topic).items():
        commit = commits.get(partition)
        counts = Counts.from_metadata(commit.metadata, deployment.deploy) if commit else None
        if commit and counts:
            own.append(counts)
        going_on = commit is not None and (counts is not None or topic != deployment.source)
        lag += max(0, high - (commit.offset if commit and going_on else start.get(partition, low)))
    return own, lag
