"""What of one partition is kept in the changelog."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from headrace.engine.changelog import CLOSED, ROWS, Change, change_key
from headrace.engine.kept.chunk import PIECE, Chunk, Codes, described, record_codes
from headrace.engine.kept.known import Cleaning, Known, Staged
from headrace.engine.kept.local_values import LocalValues

_MOST_SMALL = 64
"""Chunks much smaller than they could be, before they are made one."""

_FULL = PIECE // 2
"""Bytes of records from which on a chunk is large enough."""

_SENT_AT_ONCE = 8 * 1024 * 1024
"""Bytes of values that a batch brings into the changelog beside its own."""

_CLEANED_AT_ONCE = 50_000
"""Records that a batch looks through for those that are no longer needed."""


class KeptPartition:
    """Chunks of records and lists of closed rows, as the changelog has them.

    Keys of the changelog: ``rows`` NUL partition NUL first offset, and ``closed`` NUL partition NUL number. What takes
    the place of chunks is written first, and one batch later their tombstones: whatever of a batch gets through,
    nothing is missing, and what stands in two chunks counts once.

    Args:
        number: the partition.
        local: keeps values at hand.
        cleans: records are needed for as long as rows of them are remembered, not up to an offset.
    """

    def __init__(self, number: int, local: LocalValues, *, cleans: bool) -> None:
        self._number = number
        self._local = local
        self._cleans = cleans
        self._chunks: dict[int, Known] = {}
        self._closed: dict[int, Codes] = {}
        self._ended: set[bytes] = set()
        self._ended_later: set[bytes] = set()
        self._carried: Codes | None = None
        self._mended: set[int] = set()
        self._covered: set[bytes] = set()
        self._unsaved: list[Known] = []
        self._reaches: int | None = None
        self._cleaning: Cleaning | None = None
        self._needed_last = 0
        self._lowest = 0
        self._staged = Staged()
        self.since: int | None = None
        """From which offset on all that is needed is in the changelog, as committed; ``None``: not yet."""
        self.lists = 0
        """The number of the last list of closed rows that is committed."""
        self.settled = False
        """All that is kept of the past has been read."""

    def begin(self, since: int | None, lists: int) -> None:
        """Take on what was committed."""
        self.since, self.lists = since, lists

    def load(self, kind: bytes, place: int, value: bytes | None) -> None:
        """Take a record of the changelog."""
        if kind == CLOSED:
            self._closed.pop(place, None)
            if value is not None:
                self._closed[place] = np.frombuffer(value, "<u8").astype(np.uint64).reshape(-1, 2)
            return
        self._let_go([place])
        if value is not None:
            self._chunks[place] = Known(place, *described(value), self._local.put(value))

    def loaded(self, committed: int) -> None:
        """All of the changelog has been taken: forget what the commit does not know of."""
        first = committed if self.since is None else self.since
        strange = [place for place in self._chunks if not first <= place < committed]
        strange_lists = [place for place in self._closed if place > self.lists or self.since is None]
        self._ended |= {self._key(ROWS, place) for place in strange}
        self._ended |= {self._key(CLOSED, place) for place in strange_lists}
        self._let_go(strange)
        for place in strange_lists:
            del self._closed[place]
        self._chunks = dict(sorted(self._chunks.items()))
        self._mend()

    def past(self, first: int) -> Iterator[Chunk]:
        """Yield the records from ``first`` on, chunk by chunk."""
        for place, known in list(self._chunks.items()):
            chunk = self._read(known).since(first) if known.end > first else None
            if chunk is not None:
                yield chunk
            if place not in self._mended:
                self._chunks[place] = self._slim(known)

    def closed_rows(self) -> pd.Series:
        """Return int64[n], how many rows with a code are in windows that have closed, by the code."""
        codes = [np.empty(0, np.uint64), *(codes[:, 1] for codes in self._closed.values())]
        return pd.Series(np.concatenate(codes)).value_counts()

    def note(self, chunk: Chunk) -> None:
        """Keep records with the batch that took them."""
        for piece in chunk.pieces():
            self._staged.put.append(self._known(piece))

    def note_past(self, chunk: Chunk) -> None:
        """Keep records of before the commit, which the changelog does not have yet; :meth:`settle` follows."""
        for piece in chunk.pieces():
            self._unsaved.append(self._known(piece))

    def settle(self, committed: int, needed: Codes | None) -> None:
        """All of the past has been read.

        Args:
            committed: the committed offset.
            needed: codes of the records that are needed, ascending; ``None``: all that were noted.
        """
        self.settled = True
        unsaved, self._unsaved = self._unsaved, []
        for known in unsaved:
            left = _left(self._read(known), needed) if needed is not None else None
            if needed is None:
                self._unsaved.append(known)
            elif left is not None:
                self._unsaved.append(self._known(left))
            if needed is not None:
                self._local.let_go(known.held)
        if unsaved or self.since is None:
            begins = [known.first for known in unsaved] + [committed if self.since is None else self.since]
            self._reaches = min(begins)
        if not self._unsaved and self._reaches is not None:
            self.since, self._reaches = self._reaches, None

    def close(self, closed: Codes) -> None:
        """Note rows whose windows have closed, uint64[n, 2]: the codes of their records and their own."""
        before = self._staged.closed
        self._staged.closed = closed if before is None else np.concatenate([before, closed])

    def expire(self, before: int) -> None:
        """Forget chunks whose records all stand before an offset."""
        self._lowest = before
        gone = [known.first for known in self._chunks.values() if known.end <= before]
        self._ended |= {self._key(ROWS, place) for place in gone}
        self._let_go(gone)

    @property
    def wants_cleaning(self) -> bool:
        """Whether many records are kept that may not be needed; while the past is being read nobody knows."""
        if not (self._cleans and self.settled) or self._cleaning is not None or self._unsaved:
            return False
        return sum(known.count for known in self._chunks.values()) > 2 * self._needed_last + _CLEANED_AT_ONCE

    def clean(self, needed: Codes) -> None:
        """Begin to remove records that are not needed.

        Args:
            needed: codes of those that are as of the last commit, ascending.
        """
        self._needed_last = len(needed)
        self._cleaning = Cleaning(needed, list(self._chunks), list(self._closed))

    @property
    def has_work(self) -> bool:
        """Whether something is to be written that no batch has to wait for."""
        return bool(self._unsaved or self._ended or self._ended_later)

    def changes(self) -> Iterator[Change]:
        """Yield what the batch changes in the changelog; once a batch."""
        staged = self._staged
        staged.keys, staged.later = set(self._ended), set(self._ended_later)
        if self._carried is not None:
            self.close(self._carried)
        size = 0
        for known in self._unsaved:
            size += known.size
            if size > _SENT_AT_ONCE and staged.unsaved:
                break
            staged.put.append(known)
            staged.unsaved += 1
        staged.put += [self._chunks[first] for first in sorted(self._mended & self._chunks.keys())]
        if self._mended:
            staged.mended = True
        elif self._cleaning is not None:
            self._go_on_cleaning(self._cleaning)
        else:
            self._join_small()
        for known in staged.put:
            assert known.held is not None  # noqa: S101  just made
            yield self._change(ROWS, known.first, self._local.get(known.held))
        written = {self._key(ROWS, known.first) for known in staged.put}
        if staged.closed is not None:
            written.add(self._key(CLOSED, self.lists + 1))  # a batch that was lost may have left one of this number
            yield self._change(CLOSED, self.lists + 1, staged.closed.astype("<u8").tobytes())
        for key in staged.keys - written:
            yield Change(self._number, key, None)

    def memo(self) -> tuple[int | None, int]:
        """Return ``since`` and ``lists`` as they are when the batch is committed."""
        since = self.since
        if self._reaches is not None and self._staged.unsaved == len(self._unsaved):
            since = self._reaches
        return since, self.lists + (self._staged.closed is not None)

    def commit(self) -> None:
        """The batch is committed."""
        staged, self._staged = self._staged, Staged()
        self.since, self.lists = (
            self._reaches if self._reaches is not None and staged.unsaved == len(self._unsaved) else self.since,
            self.lists + (staged.closed is not None),
        )
        if self.since == self._reaches:
            self._reaches = None
        self._unsaved = self._unsaved[staged.unsaved :]
        self._ended = (self._ended - staged.keys) | staged.later
        self._ended_later -= staged.later
        if staged.closed is not None:
            self._closed[self.lists] = staged.closed
            self._carried = None
        self._let_go([place for place in staged.replaced if place in self._chunks])
        put = {known.first: known for known in staged.put}
        self._ended |= {self._key(ROWS, place) for place in staged.replaced if place not in put}
        self._ended -= {self._key(ROWS, place) for place in put}
        in_order = not self._chunks or not put or min(put) > next(reversed(self._chunks))
        for first in sorted(put):
            self._chunks[first] = self._slim(put[first])
        if not in_order:
            self._chunks = dict(sorted(self._chunks.items()))
        if staged.mended:
            self._ended |= self._covered - {self._key(ROWS, place) for place in put}
            self._mended, self._covered = set(), set()
        if staged.cleaning is not None:
            self._cleaning = staged.cleaning if staged.cleaning.left else None
            if self._cleaning is None:
                self._drop_lists(staged.cleaning)

    def rollback(self) -> None:
        """The batch is not committed."""
        staged, self._staged = self._staged, Staged()
        for known in staged.put:
            if known not in self._unsaved and known.first not in self._mended:
                self._local.let_go(known.held)

    def drop(self) -> None:
        """Forget everything here; the changelog stays as it is."""
        self.rollback()
        for known in [*self._chunks.values(), *self._unsaved]:
            self._local.let_go(known.held)
        self._chunks, self._unsaved = {}, []

    def _mend(self) -> None:
        """Make chunks that overlap one: what took the place of some was written, and not all of these are gone yet."""
        groups: list[list[Known]] = []
        for known in self._chunks.values():
            if groups and known.first < max(one.end for one in groups[-1]):
                groups[-1].append(known)
            else:
                groups.append([known])
        for group in groups:
            if len(group) > 1:
                pieces = Chunk.union([self._read(known) for known in group]).pieces()
                self._let_go([known.first for known in group])
                self._chunks |= {piece.first: self._known(piece) for piece in pieces}
                self._mended |= {piece.first for piece in pieces}
                self._covered |= {self._key(ROWS, known.first) for known in group} - {
                    self._key(ROWS, piece.first) for piece in pieces
                }
        self._chunks = dict(sorted(self._chunks.items()))

    def _go_on_cleaning(self, cleaning: Cleaning) -> None:
        """Look through some chunks; neighbours that lost records are made one."""
        left = [place for place in cleaning.left if place in self._chunks]
        seen, group, stay = 0, list[tuple[int, Chunk | None]](), list(cleaning.stay)
        while left and seen < _CLEANED_AT_ONCE:
            known = self._chunks[left.pop(0)]
            seen += known.count
            whole = self._read(known)
            chunk = _left(whole, cleaning.needed)
            if chunk is not None and len(chunk) > 3 * known.count // 4 and known.size >= _FULL:
                stay.append(record_codes(whole.partitions, whole.offsets))
                self._replace(group)
                group = []
            else:
                group.append((known.first, chunk))
        self._replace(group)
        self._staged.cleaning = Cleaning(cleaning.needed, left, cleaning.lists, tuple(stay))

    def _join_small(self) -> None:
        """Make the last chunks one, when there are many small ones."""
        small: list[Known] = []
        for known in reversed(self._chunks.values()):
            if known.held is None or known.size >= _FULL:
                break
            small.append(known)
        if len(small) < _MOST_SMALL and (len(small) < 2 or sum(known.size for known in small) < PIECE):  # noqa: PLR2004
            return
        chunks = [(known.first, self._read(known)) for known in reversed(small)]
        self._replace([(first, chunk.since(self._lowest)) for first, chunk in chunks])

    def _replace(self, group: Iterable[tuple[int, Chunk | None]]) -> None:
        """Put what is left of neighbouring chunks in their place."""
        members = list(group)
        left = [chunk for _, chunk in members if chunk is not None]
        self._staged.replaced += [place for place, _ in members]
        if left:
            self._staged.put += [self._known(piece) for piece in Chunk.concat(left).pieces()]

    def _read(self, known: Known) -> Chunk:
        """Return the records of a chunk."""
        assert known.held is not None  # noqa: S101  asked only of chunks at hand
        return Chunk.from_bytes(self._local.get(known.held))

    def _drop_lists(self, cleaning: Cleaning) -> None:
        """Forget closed rows whose records are gone.

        Some are not: of a record with several rows some may still be open, and some chunks were left as they are.
        """
        lists = [self._closed.pop(place) for place in cleaning.lists]
        self._ended_later |= {self._key(CLOSED, place) for place in cleaning.lists}
        closed = np.concatenate(lists) if lists else np.empty((0, 2), np.uint64)
        closed = closed[_among(closed[:, 0], np.unique(np.concatenate((cleaning.needed, *cleaning.stay))))]
        self._carried = closed if len(closed) else None

    def _known(self, chunk: Chunk) -> Known:
        return Known(chunk.first, chunk.end, len(chunk), chunk.size, self._local.put(chunk.to_bytes()))

    def _slim(self, known: Known) -> Known:
        """Return a chunk that is in the changelog now, without its value where nobody needs it here."""
        if self._cleans or known.size < _FULL:
            return known
        self._local.let_go(known.held)
        return Known(known.first, known.end, known.count, known.size, None)

    def _let_go(self, places: list[int]) -> None:
        for place in places:
            known = self._chunks.pop(place, None)
            if known is not None:
                self._local.let_go(known.held)

    def _change(self, kind: bytes, place: int, value: bytes) -> Change:
        return Change(self._number, self._key(kind, place), value)

    def _key(self, kind: bytes, place: int) -> bytes:
        return change_key(kind, b"%d" % self._number, b"%d" % place)


def _left(chunk: Chunk, needed: Codes) -> Chunk | None:
    """Return the records of a chunk that are needed, or ``None``."""
    among = _among(record_codes(chunk.partitions, chunk.offsets), needed)
    return chunk.take(among) if among.any() else None


def _among(codes: Codes, needed: Codes) -> npt.NDArray[np.bool_]:
    """Return which of ``codes`` are in ``needed``, which is ascending, bool[n]."""
    if not len(needed):
        return np.zeros(len(codes), np.bool_)
    places = np.minimum(np.searchsorted(needed, codes), len(needed) - 1)
    return np.asarray(needed[places] == codes)
