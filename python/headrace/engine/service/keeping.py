"""Whether a service keeps in its changelog the records that it still needs."""

from __future__ import annotations

from headrace.kafka.clusters import Cluster
from headrace.kafka.topics import may_forget_within
from headrace.spec import StreamDocument, names


def keeps_records(document: StreamDocument, cluster: Cluster, *, decided: bool | None = None) -> bool:
    """Return whether the log may forget records before a lookback or a count of records is through with them.

    Args:
        document: the stream's.
        cluster: where its topic's retention is looked up; where nobody may know it, nothing is kept.
        decided: what the deployment decided about a lookback of a length of time; ``None``: nothing.
    """
    spec = document.spec
    lookback = spec.looks_back
    if spec.counts_rows:
        return True
    if lookback is None or lookback.span is None:
        return False
    if decided is not None:
        return decided
    topic = names.repartition_topic(spec.name, spec.key) if document.repartition and spec.key else spec.source
    return may_forget_within(cluster, topic, lookback.span + spec.grace_time)
