"""The side inputs of a stream's tests: few rows of them, those that matter to the recorded input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from headrace.engine.codecs import registry_for
from headrace.engine.sides import PinnedSides
from headrace.engine.stream import Stream
from headrace.engine.trial import process
from headrace.kafka.records import Records
from headrace.repo.fixture import outcomes, read_records
from headrace.repo.folder import side_name
from headrace.spec import StreamDocument

ENOUGH_ROWS = 12
MOST_RUNS = 200
"""Runs of the function to find out which side rows can be left out."""


def recorded_sides(document: StreamDocument, tests: Path) -> PinnedSides:
    """Return the side inputs that were recorded with a stream's tests.

    Raises:
        FileNotFoundError: the rows of one are missing.
    """
    topics = [side.topic for side in document.spec.side_inputs]
    return _sides(document, {topic: read_records(tests / side_name(topic), topic) for topic in topics})


def sides_of(stream: Stream) -> Mapping[str, Records]:
    """Return the records of a stream's pinned side inputs by topic."""
    return stream.sides.records if isinstance(stream.sides, PinnedSides) else {}


def with_few_sides(stream: Stream, records: Records) -> Stream:
    """Return the stream with as few of its pinned side rows as give the same for ``records``, and some at least.

    Parts of the rows are left out, smaller and smaller ones, as long as the outcomes stay the same and the runs last.
    """
    sinks = stream.document.spec.sinks
    wanted = outcomes(records, process(stream, records), sinks)
    kept = dict(sides_of(stream))
    runs = MOST_RUNS
    for topic, own in sides_of(stream).items():
        places = np.arange(len(own), dtype=np.int64)
        part = len(places) // 2
        while part and len(places) > ENOUGH_ROWS and runs:
            start = 0
            while start < len(places) and runs and len(places) > ENOUGH_ROWS:
                fewer = np.delete(places, np.s_[start : start + part])
                runs -= 1
                smaller = _with(stream, {**kept, topic: own.take(fewer)})
                if len(fewer) and outcomes(records, process(smaller, records), sinks) == wanted:
                    places = fewer
                else:
                    start += part
            part //= 2
        kept[topic] = own.take(places)
    return _with(stream, kept)


def _with(stream: Stream, records: Mapping[str, Records]) -> Stream:
    return replace(stream, sides=_sides(stream.document, records))


def _sides(document: StreamDocument, records: Mapping[str, Records]) -> PinnedSides:
    return PinnedSides(document, records, registry_for(document.spec, None))
