"""Where states are kept on this machine: keys and values in the order of the keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol


class Store(Protocol):
    """Keeps byte strings by key."""

    def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the value of each key, ``None`` where there is none."""

    def write(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Put values, all or none of them; ``None`` deletes a key."""

    def scan(self, prefix: bytes, start: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Yield keys that begin with ``prefix``, from ``start`` on where that is later, with their values."""

    def size(self) -> tuple[int, int]:
        """Return about how many keys there are, and how many bytes they take."""

    def close(self) -> None:
        """Let go of everything."""


class MemoryStore:
    """Keeps everything in memory, for previews, checks and tests."""

    def __init__(self) -> None:
        self._values: dict[bytes, bytes] = {}

    def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """See :class:`Store`."""
        return [self._values.get(key) for key in keys]

    def write(self, changes: Mapping[bytes, bytes | None]) -> None:
        """See :class:`Store`."""
        for key, value in changes.items():
            if value is None:
                self._values.pop(key, None)
            else:
                self._values[key] = value

    def scan(self, prefix: bytes, start: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """See :class:`Store`."""
        for key in sorted(self._values):
            if key.startswith(prefix) and key >= start:
                yield key, self._values[key]

    def size(self) -> tuple[int, int]:
        """See :class:`Store`."""
        return len(self._values), sum(len(key) + len(value) for key, value in self._values.items())

    def close(self) -> None:
        """See :class:`Store`."""
        self._values = {}
