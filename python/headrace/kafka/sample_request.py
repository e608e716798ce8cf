"""Which records a sample is to hold, as text: ``latest:500``, ``last:10m``, ``0:100-225``, ``keys:a,b``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from headrace.errors import UsageError
from headrace.spec.durations import parse_duration

_FORMS = (
    "Write latest:N, first:N, last:10m, START..END (ISO 8601, -10m or P:OFFSET), P:START-END[,P:START-END...], "
    "failing:N, keys:A[,B...] or every:N."
)
_COUNT = re.compile(r"(latest|first|failing|every):(\d+)", re.ASCII)
_RANGE = re.compile(r"(\d+):(\d+)-(\d+)", re.ASCII)
_PLACE = re.compile(r"(\d+):(\d+)", re.ASCII)

Range = tuple[int, int, int]
"""Partition, first offset, offset after the last."""


@dataclass(frozen=True)
class Count:
    """So many records, evenly from the partitions.

    Attributes:
        records: how many.
        newest: from the end of each partition, else from its beginning.
    """

    records: int
    newest: bool


@dataclass(frozen=True)
class TimeSpan:
    """The records of a span of time, by their timestamps.

    Attributes:
        start: milliseconds since 1970.
        end: milliseconds since 1970, not included; None means all there is now.
    """

    start: int
    end: int | None


@dataclass(frozen=True)
class Ranges:
    """Exactly these offsets.

    Attributes:
        ranges: partition, first offset, offset after the last.
    """

    ranges: tuple[Range, ...]


@dataclass(frozen=True)
class Every:
    """Records that are so many offsets apart.

    Attributes:
        step: offsets from one to the next, in each partition.
    """

    step: int


@dataclass(frozen=True)
class Keys:
    """The newest records with one of these keys.

    Attributes:
        keys: as text.
    """

    keys: tuple[str, ...]


@dataclass(frozen=True)
class Failing:
    """The newest records on which a cell fails.

    Attributes:
        records: how many.
    """

    records: int


SampleRequest = Count | TimeSpan | Ranges | Every | Keys | Failing


def parse_sample(text: str, *, now: datetime | None = None) -> SampleRequest:
    """Return what ``text`` asks for.

    Args:
        text: ``latest:N``, ``first:N``, ``last:DURATION``, ``START..END``, ``P:START-END[,P:START-END...]``,
            ``failing:N``, ``keys:A[,B...]`` or ``every:N``. START
            and END are ISO 8601 (UTC where no offset is said), ``-10m`` before now, or both ``P:OFFSET`` of one
            partition; without END it goes up to now.
        now: what ``last`` and ``-10m`` count from; the present by default.

    Raises:
        UsageError: it is none of these forms, or has its end before its start.
    """
    asked = text.strip()
    moment = now or datetime.now(UTC)
    if match := _COUNT.fullmatch(asked):
        if not int(match[2]):
            raise UsageError(f"The sample `{text}` has no records.", hint=_FORMS)
        number = int(match[2])
        if match[1] == "every":
            return Every(number)
        return Failing(number) if match[1] == "failing" else Count(number, newest=match[1] == "latest")
    if asked.startswith("keys:"):
        keys = tuple(dict.fromkeys(key for key in asked.removeprefix("keys:").split(",") if key))
        if not keys:
            raise UsageError(f"The sample `{text}` names no key.", hint=_FORMS)
        return Keys(keys)
    if asked.startswith("last:"):
        return TimeSpan(_milliseconds(moment - _duration(asked.removeprefix("last:"), text)), None)
    if ".." in asked:
        return _span(asked, moment)
    matches = [_RANGE.fullmatch(part.strip()) for part in asked.split(",")]
    if not all(matches):
        raise UsageError(f"The sample `{text}` is not understood.", hint=_FORMS)
    return _ranges(tuple((int(match[1]), int(match[2]), int(match[3])) for match in matches if match), text)


def format_ranges(ranges: tuple[Range, ...]) -> str:
    """Return the text that `parse_sample` reads as ``ranges``."""
    return ",".join(f"{partition}:{start}-{end}" for partition, start, end in ranges)


def _span(asked: str, now: datetime) -> SampleRequest:
    first, _, last = (part.strip() for part in asked.partition(".."))
    start, end = _PLACE.fullmatch(first), _PLACE.fullmatch(last)
    if start and end:
        if start[1] != end[1]:
            raise UsageError(f"The sample `{asked}` begins and ends in different partitions.", hint=_FORMS)
        return _ranges(((int(start[1]), int(start[2]), int(end[2])),), asked)
    span = TimeSpan(_moment(first, now, asked), _moment(last, now, asked) if last else None)
    if span.end is not None and span.end <= span.start:
        raise UsageError(f"The sample `{asked}` ends before it begins.", hint=_FORMS)
    return span


def _ranges(ranges: tuple[Range, ...], text: str) -> Ranges:
    latest_end: dict[int, int] = {}
    for partition, start, end in ranges:
        if end <= start:
            raise UsageError(f"The sample `{text}` has an empty range, {partition}:{start}-{end}.", hint=_FORMS)
        if start < latest_end.get(partition, 0):
            hint = "Name a partition's ranges in the order of their offsets."
            raise UsageError(f"The sample `{text}` names offsets of partition {partition} twice.", hint=hint)
        latest_end[partition] = end
    return Ranges(ranges)


def _moment(place: str, now: datetime, asked: str) -> int:
    if place.startswith("-"):
        return _milliseconds(now - _duration(place[1:], asked))
    try:
        moment = datetime.fromisoformat(place)
    except ValueError:
        raise UsageError(f"`{place}` in the sample `{asked}` is not a time.", hint=_FORMS) from None
    return _milliseconds(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _duration(place: str, asked: str) -> timedelta:
    try:
        return parse_duration(place)
    except UsageError as error:
        raise UsageError(f"The sample `{asked}` is not understood: {error.message}", hint=error.hint) from None


def _milliseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
