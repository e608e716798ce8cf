"""Outputs that a topic refused for their size: when they are taken again, their records fail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from headrace.kafka.codec import EncodeError

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

Place = tuple[int, int]
"""Partition and offset of a record of the source."""

_MOST = 100_000
"""Refusals that are known at a time; beyond them the oldest are forgotten, and would be refused once more."""
_PATIENCE = 3
"""After so many refusals in a row a size stands for an output whose record is not known: its bytes may be new ones."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a topic did not accept.

    Attributes:
        topic: which one.
        size: bytes of key, value and headers.
        limit: the topic's ``max.message.bytes``, or ``None`` where nobody may know.
    """

    topic: str
    size: int
    limit: int | None

    def __str__(self) -> str:
        limit = "less" if self.limit is None else f"{self.limit:,} (max.message.bytes)"
        return f"{self.size:,} bytes for the topic `{self.topic}`, which accepts {limit}"


class OversizedError(EncodeError):
    """Outputs that their topic does not accept.

    Args:
        refusals: for each row of the frame that was refused, what the topic said; at least one.
        what: what is too large.
    """

    def __init__(self, refusals: dict[int, Refusal], what: str = "An output") -> None:
        first = next(iter(refusals.values()))
        hint = "Raise the topic's max.message.bytes, or make the output smaller."
        super().__init__(f"{what} has {first}.", rows=sorted(refusals), hint=hint)
        self._refusals = refusals
        self._what = what

    def of(self, row: int) -> OversizedError:
        """Return the error of one of the rows."""
        return OversizedError({row: self._refusals[row]}, self._what)


class Refusals:
    """Remembers what was refused: by its record where that is known, else by its bytes."""

    def __init__(self) -> None:
        self._by_place: dict[str, dict[Place, Refusal]] = {}
        self._by_content: dict[str, dict[bytes, Refusal]] = {}
        self._times: dict[tuple[str, Place], int] = {}
        self._in_a_row = 0

    def __bool__(self) -> bool:
        return bool(self._by_place or self._by_content)

    def note(self, refusal: Refusal, place: Place | None, content: bytes | None) -> None:
        """Remember a refusal.

        Args:
            refusal: what was said.
            place: the record that the output is of, where that is known.
            content: the output's value.
        """
        if place is not None:
            _put(self._by_place.setdefault(refusal.topic, {}), place, refusal)
            _put(self._times, (refusal.topic, place), self._times.get((refusal.topic, place), 0) + 1)
        else:
            _put(self._by_content.setdefault(refusal.topic, {}), _digest(content or b""), refusal)

    def refused(self) -> None:
        """A batch was refused."""
        self._in_a_row += 1

    def settled(self) -> None:
        """A batch was accepted; bytes that were refused may be accepted the next time."""
        if self._in_a_row:
            self._in_a_row = 0
            self._by_content = {}

    def at(self, topic: str, place: Place) -> tuple[Refusal, int] | None:
        """Return what a topic last said of a record, and how often it refused it; ``None`` if it never did."""
        refusal = self._by_place.get(topic, {}).get(place)
        return None if refusal is None else (refusal, self._times[topic, place])

    def check(
        self,
        topic: str,
        values: Sequence[bytes | None],
        partitions: npt.NDArray[np.integer],
        offsets: npt.NDArray[np.integer],
    ) -> None:
        """Raise for outputs that were refused before.

        Args:
            topic: where they go.
            values: n outputs.
            partitions: int[n], the partition of each one's record; -1 where unknown.
            offsets: int[n], its offset there, likewise.

        Raises:
            OversizedError: some of them were refused.
        """
        places, contents = self._by_place.get(topic), self._by_content.get(topic)
        found: dict[int, Refusal] = {}
        if places:
            rows = enumerate(zip(partitions.tolist(), offsets.tolist(), strict=True))
            found |= {row: places[place] for row, place in rows if place in places}
        if contents:
            for row in np.flatnonzero(offsets < 0).tolist():
                refusal = self._by_bytes(contents, values[row] or b"")
                if refusal is not None:
                    found[row] = refusal
        if found:
            raise OversizedError(found)

    def _by_bytes(self, contents: dict[bytes, Refusal], value: bytes) -> Refusal | None:
        least = min(contents.values(), key=lambda refusal: refusal.size)
        if self._in_a_row > _PATIENCE and len(value) >= least.size:
            return Refusal(least.topic, len(value), least.limit)
        return contents.get(_digest(value))


def _put(known: dict[_Key, _Value], key: _Key, value: _Value) -> None:
    known.pop(key, None)
    known[key] = value
    if len(known) > _MOST:
        del known[next(iter(known))]


def _digest(value: bytes) -> bytes:
    return blake2b(value, digest_size=16).digest()
