"""Whether a stream fails on whatever its sample holds."""

from __future__ import annotations

from dataclasses import replace

from headrace.engine.result import BatchResult
from headrace.engine.stream import Stream
from headrace.engine.trial import process
from headrace.kafka.records import Records
from headrace.proof.quiet import quiet


def all_failed(stream: Stream, records: Records, whole: BatchResult) -> bool:
    """Return whether every record of the sample failed; never for an empty sample.

    Records that a filter left out did not fail. Windows that the sample has in part only are run too where all others
    failed, for nobody knows else what becomes of their records.

    Args:
        stream: the stream, as it ran.
        records: the sample.
        whole: what became of it.
    """
    if len(whole.values) or not whole.failures:
        return False
    if _failed(whole) == len(records):
        return True
    if not stream.document.spec.window or all(failure.kind in {"decode", "time"} for failure in whole.failures):
        return False
    with quiet():
        closed = process(replace(stream, edges=None), records)
    return not len(closed.values) and _failed(closed) + len(closed.late) == len(records)


def _failed(result: BatchResult) -> int:
    return len({failure.position for failure in result.failures})
