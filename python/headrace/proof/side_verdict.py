"""What side inputs mean for a verdict."""

from __future__ import annotations

from headrace.engine.stream import Stream
from headrace.proof.side_samples import SideSamples
from headrace.proof.verdict import Verdict


def with_sides(stream: Stream, verdict: Verdict, samples: SideSamples) -> Verdict:
    """Return the verdict as it stands for a stream with side inputs.

    A side input without a row shows nothing; one that is a table is what it is now, on a replay too.
    """
    sides = stream.document.spec.side_inputs
    if not sides:
        return verdict
    messages = (*verdict.messages, *samples.notes)
    verdict = verdict.model_copy(update={"messages": messages})
    if not verdict.equal:
        return verdict
    empty = [side for side in sides if side.topic not in samples.records or not len(samples.records[side.topic])]
    if empty:
        reason = (
            f"The outputs agree, but the side input `{empty[0].topic}` has no row for the sample's time: "
            "take a sample of a time when it has some."
        )
        return verdict.model_copy(update={"equal": None, "reason": reason})
    tables = [side.topic for side in sides if side.is_table]
    if tables:
        names = ", ".join(f"`{name}`" for name in tables)
        reason = (
            f"{verdict.reason} The rows of {names} are the newest of each key, as they are pinned: "
            "a replay sees them as they are then."
        )
        return verdict.model_copy(update={"reason": reason})
    return verdict
