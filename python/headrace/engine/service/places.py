"""Where each partition starts: at what the group committed, or at what the deployment says."""

from __future__ import annotations

from dataclasses import dataclass, field

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from headrace.engine.memo import Memo
from headrace.engine.service.counts import Counts, memo_of
from headrace.engine.service.deadline import Deadline
from headrace.engine.service.deployment import DeploymentInfo
from headrace.errors import ExpiredOffsetError
from headrace.kafka.clusters import Cluster
from headrace.kafka.topics import COORDINATOR_MOVES

_ANSWER_SECONDS = 5.0
PATIENCE_SECONDS = 60.0
"""For all partitions together, inside a rebalance: longer than a transaction of a replica that was killed can hold up
the committed offset, and well under ``max.poll.interval.ms``, after which the group would count the replica out."""

_ASK_AGAIN = COORDINATOR_MOVES | {KafkaError._TIMED_OUT, KafkaError.UNSTABLE_OFFSET_COMMIT}  # noqa: SLF001


@dataclass(frozen=True, slots=True)
class StartPlace:
    """Where a partition starts.

    Attributes:
        offset: the first record to process.
        counts: what this deployment has counted up to it.
        memo: what was committed beside the offset; ``None`` where the start is the deployment's or the log's.
        low: where the log begins.
    """

    offset: int
    counts: Counts = field(default_factory=Counts)
    memo: Memo | None = None
    low: int = 0


def find_places(
    consumer: Consumer,
    cluster: Cluster,
    assigned: list[TopicPartition],
    deployment: DeploymentInfo,
    seconds: float = PATIENCE_SECONDS,
) -> dict[int, StartPlace]:
    """Return the start of each assigned partition.

    What this deployment committed counts first; then the deployment's own start; then what an earlier deployment
    committed; then the beginning of the log. A committed offset that is not in the log any more is an error.

    Args:
        consumer: the group's consumer.
        cluster: for messages.
        assigned: the partitions.
        deployment: start offsets and id.
        seconds: how long all questions together may take.

    Raises:
        ExpiredOffsetError: a start offset lies before the log's beginning or after its end.
        KafkaException: the cluster does not answer in time.
    """
    places = {}
    deadline = Deadline(seconds)
    for partition in _committed(consumer, assigned, deadline):
        low, high = consumer.get_watermark_offsets(
            TopicPartition(partition.topic, partition.partition), timeout=deadline.at_most(_ANSWER_SECONDS)
        )
        place = _choose(partition, deployment, low, high)
        if not low <= place.offset <= high:
            raise _expired(cluster, partition, place.offset, low, high)
        places[partition.partition] = place
    return places


def _choose(partition: TopicPartition, deployment: DeploymentInfo, low: int, high: int) -> StartPlace:
    counts = Counts.from_metadata(partition.metadata, deployment.deploy)
    memo = memo_of(partition.metadata)
    if partition.offset >= 0 and counts is not None:
        return StartPlace(partition.offset, counts, memo, low)
    start = deployment.start
    if isinstance(start, dict) and partition.partition in start:
        chosen = start[partition.partition]
        return StartPlace(chosen, memo=memo if chosen == partition.offset else None, low=low)
    if isinstance(start, str):
        return StartPlace(low if start == "earliest" else high, low=low)
    if partition.offset >= 0:
        return StartPlace(partition.offset, memo=memo, low=low)
    return StartPlace(low, low=low)


def _committed(consumer: Consumer, assigned: list[TopicPartition], deadline: Deadline) -> list[TopicPartition]:
    """Ask what is committed, waiting out a predecessor's open transaction."""
    asked = [TopicPartition(partition.topic, partition.partition) for partition in assigned]
    while True:
        try:
            answer = consumer.committed(asked, timeout=deadline.at_most(_ANSWER_SECONDS))
        except KafkaException as error:
            problem = error.args[0]
        else:
            problem = next((partition.error for partition in answer if partition.error is not None), None)
            if problem is None:
                return answer
        if problem.code() not in _ASK_AGAIN or deadline.passed:
            raise KafkaException(problem)


def _expired(cluster: Cluster, partition: TopicPartition, offset: int, low: int, high: int) -> ExpiredOffsetError:
    place = f"{partition.topic}[{partition.partition}] on the cluster `{cluster.name}`"
    if offset < low:
        message = (
            f"Offset {offset} of {place} comes next, but the log begins at {low}: {low - offset} records are gone."
        )
        hint = "Deploy with --from earliest to go on with what is left, and lengthen the topic's retention."
    else:
        message = f"Offset {offset} of {place} comes next, but the log ends at {high}: the topic was made anew."
        hint = "Deploy with --from earliest to read the new topic from its beginning."
    return ExpiredOffsetError(message, hint=hint)
