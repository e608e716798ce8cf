"""What a deployment will do, before it does it: topics it creates, where it starts, what it assumes."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import assert_never

from headrace.deploy.export import Release
from headrace.deploy.ledger import past_deployments
from headrace.deploy.offsets import start_offsets
from headrace.deploy.state_changes import state_changes
from headrace.engine.service.keeping import keeps_records
from headrace.engine.service.letters import roomier
from headrace.errors import RefusedError, UsageError
from headrace.kafka.clusters import Cluster
from headrace.kafka.topics import create_topic, list_topics, require_topic, retention_of, size_limits_of
from headrace.spec import OnError, StreamDocument, StreamSpec
from headrace.spec.names import DEPLOYMENTS_TOPIC, dead_letter_topic, late_topic, repartition_topic, state_topic

_FOR_GOOD = {"retention.ms": "-1"}
"""A repartition topic is the history of what was read from it; records go as the source's do, or never."""


@dataclass(frozen=True, slots=True)
class NewTopic:
    """A topic that a deployment creates.

    Attributes:
        name: its name.
        partitions: how many.
        config: Kafka's topic settings.
    """

    name: str
    partitions: int
    config: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a deployment will do.

    Attributes:
        release: the code to run.
        cluster: where.
        partitions: of the source.
        replicas: how many processes share them.
        creates: topics that are missing and will be created.
        by_key: the topic in which its records stand by its key, where the source's do not; else empty.
        start: first offset to process, by partition.
        never_null: columns assumed never null; a null there is a dead letter.
        keeps_records: whether the changelog keeps what the stream needs longer than its topic has it.
        warnings: what else is worth knowing, a sentence each.
    """

    release: Release
    cluster: Cluster
    partitions: int
    replicas: int
    creates: tuple[NewTopic, ...]
    by_key: str
    start: dict[int, int]
    never_null: tuple[str, ...]
    keeps_records: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def service(self) -> str:
        """The service's name."""
        return self.release.document.spec.name

    @property
    def sink(self) -> str:
        """The topic that takes the outputs."""
        return require_sink(self.release)

    def lines(self) -> list[str]:
        """Return the plan as sentences for people, one a line."""
        spec = self.release.document.spec
        where = ", ".join(f"{partition}:{offset}" for partition, offset in sorted(self.start.items()))
        sinks = ", ".join(spec.sinks)
        sharing = f"{self.replicas} replica{'s' if self.replicas > 1 else ''} for {self.partitions} partitions"
        lines = [
            f"{spec.name}: {spec.source} -> {sinks} on {self.cluster.name}, commit {self.release.commit[:10]}",
            f"{sharing}, from offset (partition:offset) {where}",
        ]
        lines += [f"creates the topic {topic.name} ({topic.partitions} partitions)" for topic in self.creates]
        if self.never_null:
            lines.append(f"assumes never null: {', '.join(self.never_null)} (a null there is {_fate(spec.on_error)})")
        return [*lines, *self.warnings]

    def create_topics(self) -> list[str]:
        """Create what is missing; return the names of the topics that this call created."""
        return [
            topic.name
            for topic in self.creates
            if create_topic(self.cluster, topic.name, topic.partitions, dict(topic.config))
        ]


def plan(release: Release, cluster: Cluster, *, replicas: int = 1, start: str = "committed") -> Plan:
    """Return what deploying ``release`` will do; this changes nothing.

    Args:
        release: the exported code.
        cluster: where to run it.
        replicas: how many processes.
        start: ``committed``, ``earliest``, ``latest``, a time or offsets (see :mod:`headrace.deploy.offsets`).

    Raises:
        RefusedError: the stream has no sink, so many replicas cannot share its work, or its states have no pinned
            columns or do not fit what its service keeps.
        MissingTopicError: its source does not exist.
        UsageError: ``start`` or ``replicas`` is none.
        ExpiredOffsetError: a committed offset is no longer in the log.
        ClusterError: the cluster cannot be reached, or refuses.
    """
    spec = release.document.spec
    sink = require_sink(release)
    partitions = require_topic(cluster, spec.source).partitions
    for side in spec.side_inputs:
        require_topic(cluster, side.topic)
    check_replicas(replicas, partitions, spec)
    wanted = [NewTopic(name, partitions) for name in spec.sinks]
    roomy = roomier(size_limits_of(cluster, [spec.source]).get(spec.source))
    if spec.on_error == "dlq":
        wanted.append(NewTopic(dead_letter_topic(spec.name, sink), partitions, roomy))
    if spec.window:
        wanted.append(NewTopic(late_topic(spec.name, sink), partitions, roomy))
    if spec.has_changelog:
        wanted.append(NewTopic(state_topic(spec.name), partitions, {"cleanup.policy": "compact"} | roomy))
    by_key = repartition_topic(spec.name, spec.key) if release.document.repartition and spec.key else ""
    if by_key:
        wanted.append(NewTopic(by_key, partitions, _FOR_GOOD | roomy))
    wanted.append(NewTopic(DEPLOYMENTS_TOPIC, 1, {"cleanup.policy": "compact"}))
    existing = {topic.name for topic in list_topics(cluster)}
    keeps = keeps_records(release.document, cluster)
    return Plan(
        release=release,
        cluster=cluster,
        partitions=partitions,
        replicas=replicas,
        creates=tuple(topic for topic in wanted if topic.name not in existing),
        by_key=by_key,
        start=start_offsets(cluster, spec.name, spec.source, start),
        never_null=release.document.never_null,
        keeps_records=keeps,
        warnings=(
            *(_what_is_kept(spec) if keeps else _short_retention(cluster, spec)),
            *_divided_sides(cluster, release.document, partitions),
            *_changes_of_states(release.document, cluster, existing),
        ),
    )


def _changes_of_states(document: StreamDocument, cluster: Cluster, existing: Container[str]) -> Iterator[str]:
    """Say what becomes of the states that the service has or had; without their topic nothing is kept of them."""
    had_some = state_topic(document.spec.name) in existing
    return state_changes(document, past_deployments(cluster, document.spec.name) if had_some else [])


def _what_is_kept(spec: StreamSpec) -> Iterator[str]:
    """Say that the changelog has what the stream needs of the past, and why."""
    topic = state_topic(spec.name)
    if spec.counts_rows:
        yield f"keeps the records that it still counts in {topic}: they may be as old as the log"
    else:
        why = f"{spec.source} may forget records within the lookback of {spec.lookback}"
        yield f"keeps the records of its lookback in {topic}: {why}; those that are gone already are missing"


def _short_retention(cluster: Cluster, spec: StreamSpec) -> Iterator[str]:
    """Say when a topic forgets faster than windows close."""
    window = spec.windows
    keeps = retention_of(cluster, spec.source) if window is not None else None
    if window is not None and keeps is not None and keeps < window.size + spec.grace_time:
        yield (
            f"{spec.source} keeps records for {_days(keeps)}, "
            f"less than the window {spec.window} and its grace of {spec.grace}: "
            "a restart stops where records of open windows are gone; lengthen the topic's retention.ms"
        )


def _divided_sides(cluster: Cluster, document: StreamDocument, partitions: int) -> Iterator[str]:
    """Say how side topics are read that were divided as the stream was."""
    for topic, before in document.copartitioned.items():
        count = require_topic(cluster, topic).partitions
        if count == before == partitions:
            yield f"each replica reads its own partitions of {topic} alone, which is divided as the stream is"
        else:
            yield (
                f"each replica reads all of {topic}: it has {count} partitions, {document.spec.source} {partitions}, "
                f"and both had {before} when they were found to be divided alike"
            )


def _days(length: timedelta) -> str:
    days = length / timedelta(days=1)
    return f"{days:g} days" if days >= 1 else f"{length / timedelta(hours=1):g} hours"


def require_sink(release: Release) -> str:
    """Return the topic that takes the outputs.

    Raises:
        RefusedError: the stream names none.
    """
    spec = release.document.spec
    if spec.sink is None:
        message = f"The stream `{spec.name}` names no topic for its outputs."
        raise RefusedError(message, hint="Add --to TOPIC to the cell and commit it again.")
    return spec.sink


def check_replicas(replicas: int, partitions: int, spec: StreamSpec) -> None:
    """Refuse a number of replicas that cannot share the work.

    Args:
        replicas: how many.
        partitions: of the source.
        spec: of the stream.

    Raises:
        UsageError: fewer than one.
        RefusedError: more than partitions: the rest would stand idle; or several, and one must see the whole topic.
    """
    if replicas < 1:
        message = f"{replicas} replicas cannot run a service."
        raise UsageError(message, hint="Name at least 1; `headrace stop NAME` stops it.")
    if replicas > partitions:
        message = (
            f"{replicas} replicas for the {partitions} partitions of `{spec.source}`: each partition has one reader."
        )
        raise RefusedError(message, hint=f"Ask for at most {partitions} replicas.")
    if replicas > 1 and spec.needs_one_replica:
        message = (
            f"`{spec.name}` remembers without --key, so one replica must see the whole topic; {replicas} were asked."
        )
        raise RefusedError(message, hint="Ask for 1 replica, or declare the --key by which it can be divided.")


def _fate(on_error: OnError) -> str:
    match on_error:
        case "dlq":
            return "a dead letter"
        case "skip":
            return "skipped and counted"
        case "fail":
            return "the end of the service"
        case _:
            assert_never(on_error)
