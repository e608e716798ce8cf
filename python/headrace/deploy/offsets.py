"""Where a deployment starts to read: ``--from committed|earliest|latest|TIME``."""

from __future__ import annotations

import re

from headrace.errors import ExpiredOffsetError, UsageError
from headrace.kafka.clusters import Cluster
from headrace.kafka.sample_request import TimeSpan, parse_sample
from headrace.kafka.topics import committed, offsets_at, watermarks
from headrace.spec.names import group_id

_OFFSETS = re.compile(r"\d+:\d+(?:,\d+:\d+)*")


def start_offsets(cluster: Cluster, service: str, source: str, text: str = "committed") -> dict[int, int]:
    """Return the offset of the first record to process for each partition of ``source``.

    Args:
        cluster: where the topic is.
        service: whose commits count.
        source: the topic.
        text: ``committed`` (a partition without a commit starts at its first record), ``earliest``, ``latest``,
            a time of record timestamps (ISO 8601, UTC when it names no zone, or ``-10m``), or offsets
            ``PARTITION:OFFSET[,...]`` (partitions left out: as ``committed``).

    Raises:
        UsageError: the text is none of these, or an offset lies outside the log.
        ExpiredOffsetError: a committed offset is no longer in the log.
        MissingTopicError: there is no such topic.
        ClusterError: the cluster cannot be reached, or refuses.
    """
    ends = watermarks(cluster, source)
    if text == "earliest":
        return {partition: low for partition, (low, _) in ends.items()}
    if text == "latest":
        return {partition: high for partition, (_, high) in ends.items()}
    if text == "committed":
        return _committed(cluster, service, source, ends)
    if _OFFSETS.fullmatch(text):
        named = _named(text, source, ends)
        if named.keys() == ends.keys():
            return named
        return _committed(cluster, service, source, ends) | named
    return offsets_at(cluster, source, _milliseconds(text))


def _committed(cluster: Cluster, service: str, source: str, ends: dict[int, tuple[int, int]]) -> dict[int, int]:
    commits = committed(cluster, group_id(service), source)
    offsets = {partition: low for partition, (low, _) in ends.items()}
    for partition, commit in commits.items():
        low = ends[partition][0]
        if commit.offset < low:
            message = (
                f"The service `{service}` committed offset {commit.offset} of `{source}` partition {partition}, "
                f"and the log begins at {low}: going on would skip {low - commit.offset} records."
            )
            raise ExpiredOffsetError(message, hint="Accept the loss with --from earliest.")
        offsets[partition] = commit.offset
    return offsets


def _named(text: str, source: str, ends: dict[int, tuple[int, int]]) -> dict[int, int]:
    named = {}
    for item in text.split(","):
        partition, offset = (int(part) for part in item.split(":"))
        if partition not in ends:
            message = f"`--from {text}`: `{source}` has no partition {partition}."
            raise UsageError(message, hint=f"Its partitions are 0 to {len(ends) - 1}.")
        low, high = ends[partition]
        if not low <= offset <= high:
            message = f"`--from {text}`: partition {partition} of `{source}` holds offsets {low} to {high}."
            raise UsageError(message, hint="Name an offset in this range.")
        named[partition] = offset
    return named


def _milliseconds(text: str) -> int:
    """Return the time that ``text`` names, as the start of a sample names it."""
    try:
        request = parse_sample(f"{text}..")
    except UsageError:
        request = None
    if not isinstance(request, TimeSpan):
        message = f"`--from {text}` is no place to start."
        hint = "Write committed, earliest, latest, a time such as 2026-11-22T10:00:00Z or -10m, or PARTITION:OFFSET."
        raise UsageError(message, hint=hint)
    return request.start
