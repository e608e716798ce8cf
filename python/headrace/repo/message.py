"""A commit message drafted from facts: what the stream does to the sample first, then what it declares."""

from __future__ import annotations

from collections.abc import Mapping

from headrace.spec import StreamDocument

_MOST_NAMES = 6


def draft_message(document: StreamDocument) -> str:
    """Return the message for a stream's commit: ``late_flights: 500 -> 463 records, +speed, +late``, then details.

    Args:
        document: what ``stream.yaml`` holds, with output types and proof.
    """
    spec, proof = document.spec, document.proof
    facts = []
    if proof:
        facts.append(f"{proof.rows_in:,} -> {proof.rows_out:,} records")
        if proof.failed:
            facts.append(f"{proof.failed:,} failed")
    facts += column_changes(document.input, document.output)
    lines = [
        f"{spec.name}: {', '.join(facts)}",
        "",
        f"Reads {spec.source}" + (f", writes {spec.sink}." if spec.sink else "."),
    ]
    declared = [f"{word} {value}" for word, value in (("key", spec.key), ("time", spec.time)) if value]
    declared += [f"{name}={value}" for name, value in spec.params.items()]
    if declared:
        lines.append(f"Declares {', '.join(declared)}.")
    if proof:
        lines.append(f"On {spec.source} {proof.sample}: {proof.reason}")
    return "\n".join(lines) + "\n"


def column_changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Return ``+added``, ``-removed`` and ``~retyped`` columns, the first few of each by name."""
    kinds = {
        "+": [name for name in after if name not in before],
        "-": [name for name in before if name not in after] if after else [],
        "~": [name for name, dtype in after.items() if name in before and before[name] != dtype],
    }
    found = []
    for sign, names in kinds.items():
        found += [f"{sign}{name}" for name in names[:_MOST_NAMES]]
        if len(names) > _MOST_NAMES:
            found.append(f"{sign}{len(names) - _MOST_NAMES} more")
    return found
