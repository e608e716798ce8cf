"""What a commit says of input columns whose types are not those of the last commit."""

from __future__ import annotations

from collections.abc import Iterator

from headrace.kafka.inference import InferredTypes
from headrace.spec import StreamDocument

_FITS: dict[str, frozenset[str]] = {
    "int64": frozenset({"whole numbers"}),
    "Int64": frozenset({"whole numbers", "null"}),
    "float64": frozenset({"whole numbers", "numbers with a point", "numbers beyond 64 bits", "null"}),
    "bool": frozenset({"true or false"}),
    "boolean": frozenset({"true or false", "null"}),
    "str": frozenset({"text", "null"}),
}


def type_changes(before: StreamDocument, now: StreamDocument, inferred: InferredTypes) -> Iterator[str]:
    """Yield a sentence for each input column whose type the records changed, and not the cell.

    Args:
        before: the stream as it was committed last; of another topic or format, it says nothing about this one.
        now: the stream as it is to be committed.
        inferred: what its records say.
    """
    if (before.spec.source, before.spec.format) != (now.spec.source, now.spec.format):
        return
    for column, dtype in now.input.items():
        former = before.input.get(column, dtype)
        if former == dtype or column in now.spec.types or column == now.spec.time:
            continue
        said = f"{column} was {former} in the last commit and is {dtype} now"
        held, kept = _others(former, inferred.kinds.get(column, {})), f"--type {column}={former} keeps it"
        if held:
            yield f"{said}: {held}; {kept} and makes dead letters of those that do not fit"
        else:
            yield f"{said}; {kept}"


def _others(former: str, kinds: dict[str, int]) -> str:
    """Say how many records hold what is not of the former type; nothing where that is not known."""
    others = {kind: count for kind, count in kinds.items() if kind not in _FITS.get(former, kinds)}
    total = sum(kinds.values())
    parts = [f"{count:,} of {total:,} records hold {kind}" for kind, count in others.items()]
    return " and ".join(parts[:1] + [part.replace(f" of {total:,} records hold", "") for part in parts[1:]])
