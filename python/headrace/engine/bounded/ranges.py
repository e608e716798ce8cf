"""Which offsets a bounded run processes."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from headrace.errors import UsageError
from headrace.kafka.clusters import Cluster
from headrace.kafka.sample_request import TimeSpan, parse_sample
from headrace.kafka.topics import offsets_at, watermarks

_PLACE = re.compile(r"(\d+):(\d+)", re.ASCII)
_WORDS = {"earliest", "latest"}

Offsets = dict[int, tuple[int, int]]
"""For each partition the first offset, and the one after the last."""


def ranges_of(cluster: Cluster, topic: str, start: str, end: str | None) -> tuple[Offsets, dict[int, int]]:
    """Return the offsets of each partition from ``start`` to ``end``, and where each partition's log begins.

    Args:
        cluster: where.
        topic: the topic.
        start: ``earliest``, a time (ISO 8601, ``-10m``), or ``P:OFFSET[,P:OFFSET...]``: those partitions alone.
        end: as ``start``, not included; ``latest`` or ``None``: all there is now, as in partitions it does not name.

    Raises:
        UsageError: a text that is none of these, a partition named twice, an end in a partition that ``start`` leaves
            out, or an end before its start.
        MissingTopicError: there is no such topic.
        ClusterError: the cluster cannot be reached, or refuses.
    """
    bounds = watermarks(cluster, topic)
    firsts = _offsets(cluster, topic, start, {number: low for number, (low, _) in bounds.items()}, bounds)
    lasts = _offsets(cluster, topic, end or "latest", {number: high for number, (_, high) in bounds.items()}, bounds)
    left_out = next((number for number in lasts if number not in firsts), None)
    if left_out is not None and _places(end or ""):
        message = f"--to {end} ends partition {left_out} of `{topic}`, which --from {start} leaves out."
        raise UsageError(message, hint="Name the same partitions in both.")
    ranges = {}
    for number, first in firsts.items():
        low, high = bounds[number]
        last = lasts.get(number, high)
        if not low <= first <= high:
            message = f"Offset {first} of {topic}[{number}] is not in the log, which has {low} to {high}."
            raise UsageError(message, hint="Name offsets that are there, or a time.")
        if last < first:
            message = f"The range of {topic}[{number}] ends at {last}, before it begins at {first}."
            raise UsageError(message, hint="Name an --to after the --from.")
        ranges[number] = (first, min(last, high))
    return ranges, {number: low for number, (low, _) in bounds.items()}


def _offsets(
    cluster: Cluster, topic: str, text: str, default: dict[int, int], bounds: dict[int, tuple[int, int]]
) -> dict[int, int]:
    if text in _WORDS:
        return {number: low if text == "earliest" else high for number, (low, high) in bounds.items()}
    if places := _places(text):
        unknown = next((number for number, _ in places if number not in default), None)
        if unknown is not None:
            raise UsageError(f"`{topic}` has no partition {unknown}.", hint=f"It has 0 to {max(default)}.")
        numbers = [number for number, _ in places]
        twice = next((number for number in numbers if numbers.count(number) > 1), None)
        if twice is not None:
            raise UsageError(f"`{text}` names partition {twice} twice.", hint="Name each partition once.")
        return dict(places)
    moment = _moment(text)
    found = offsets_at(cluster, topic, moment)
    return {number: found.get(number, bounds[number][1]) for number in default}


def _places(text: str) -> list[tuple[int, int]]:
    """Return the partitions and offsets that a text names, if that is what it names."""
    matches = [_PLACE.fullmatch(part.strip()) for part in text.split(",")]
    return [(int(match[1]), int(match[2])) for match in matches if match] if all(matches) else []


def _moment(text: str) -> int:
    """Return milliseconds since the epoch of a time, read as a sample's ``START..END`` is."""
    request = parse_sample(f"{text}..") if text.startswith("-") else None
    if isinstance(request, TimeSpan):
        return request.start
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        message = f"`{text}` is no place in the log."
        raise UsageError(message, hint="Write earliest, latest, an ISO 8601 time, -10m, or P:OFFSET.") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
