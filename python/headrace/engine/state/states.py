"""The states of a stream: rows by key, changed by batches."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from headrace.engine.changelog import STATE, Change, change_key
from headrace.engine.event_time import microseconds
from headrace.engine.frames import key_texts
from headrace.engine.rows import Rows
from headrace.engine.state.given import Given, Keys
from headrace.engine.state.reading import pinned_rows
from headrace.engine.state.rows import decode_rows, dtypes_of, encode_rows
from headrace.engine.state.store import Store
from headrace.engine.state.taking import as_state, fitted
from headrace.errors import CellError
from headrace.spec import StreamDocument

_LANE = struct.Struct(">i")
_TOUCH = struct.Struct(">q")
_NULL, _VALUE = b"n", b"v"
_DATA, _BY_TOUCH, _POSITION = b"d", b"t", b"p"
_MOST_EXPIRED = 1_000
"""Rows that one batch removes at most."""


class States:
    """Gives a function the rows of its states, and keeps what it leaves in them.

    In the store stand, behind one letter and the partition: ``d`` the rows, by the state's name and the key's text;
    ``t`` the rows of states with a TTL, by their last touch; ``p`` the offset up to which the partition's records are
    in the store. A value is the time of the key's last record (8 bytes, microseconds; 0 without a TTL) and the row as
    JSON; it stands in the changelog as in the store.

    What batches change is kept apart until :meth:`commit`; a later batch sees it at once.

    Args:
        document: the stream's, with the pinned dtypes of its states where they are known.
        store: where the rows are kept.
        declaration: digest of what the stream needs to see.
    """

    def __init__(self, document: StreamDocument, store: Store, declaration: str) -> None:
        assert document.spec.key is not None  # noqa: S101  a stream with states has one
        self._key = document.spec.key
        self._ttls = {
            state.name: None if state.ttl is None else microseconds(state.ttl)
            for state in document.spec.declared_states
        }
        self._pinned = {name: dict(document.states[name]) for name in self._ttls if name in document.states}
        self._dtypes: dict[str, dict[str, str]] = {name: self._pinned.get(name, {}) for name in self._ttls}
        self._store = store
        self._declaration = declaration.encode()
        self._staged: dict[bytes, bytes | None] = {}
        self._changes: dict[tuple[int, bytes], bytes | None] = {}
        self._ends: dict[int, int] = {}
        self._clocks: dict[int, int] = {}
        self._purges: dict[int, list[bytes]] = {}
        self._anew: set[int] = set()

    @property
    def shortest(self) -> int | None:
        """The shortest TTL, microseconds; ``None`` when no state has one."""
        return min((ttl for ttl in self._ttls.values() if ttl is not None), default=None)

    @property
    def dtypes(self) -> dict[str, dict[str, str]]:
        """The dtypes of the states' columns, as pinned or as the function left them last."""
        return {name: dict(kinds) for name, kinds in self._dtypes.items()}

    def begin(self, partition: int, *, anew: bool) -> None:
        """Take on a partition; ``anew``: what is kept of it from before is of no use."""
        self._anew.discard(partition)
        self._purges.pop(partition, None)
        if anew:
            self._anew.add(partition)

    def holds(self, partition: int, offset: int) -> bool:
        """Return whether the store has what was committed with ``offset``; else it is emptied for the changelog."""
        if partition not in self._anew and self._store.get([self._position(partition)]) == [self._mark(offset)]:
            return True
        self._clear(partition)
        return False

    def load(self, partition: int, records: Sequence[tuple[bytes, bytes | None]]) -> None:
        """Take records of the changelog, in their order."""
        found: dict[bytes, bytes | None] = {}
        for key, value in records:
            name, text = key.split(b"\0", 2)[1:]
            ttl = self._ttls.get(name.decode())
            if name.decode() not in self._ttls:
                continue
            found[self._place(partition, name.decode(), text)] = value
            if ttl is not None and value is not None:
                found[self._by_touch(partition, name.decode(), value, text)] = b""
        self._store.write(found)

    def loaded(self, partition: int) -> None:
        """All of the changelog has been taken."""
        if partition in self._anew:
            prefix = _DATA + _LANE.pack(partition)
            keys = [key[len(prefix) :] for key, _ in self._store.scan(prefix)]
            self._purges[partition] = [change_key(STATE, key) for key in keys]
            self._clear(partition)

    def cuts(self, rows: Rows) -> list[int]:
        """Return before which rows a call has to end: a key's row expires there in the middle of a batch."""
        ttl = self.shortest
        if ttl is None or not len(rows):
            return []
        times = pd.Series(rows.times)
        before = times.groupby(rows.hashes).cummax().groupby(rows.hashes).shift()
        return [int(place) for place in np.flatnonzero((times - before > ttl).to_numpy())]

    def given(self, rows: Rows, lanes: npt.NDArray[np.int32]) -> Given:
        """Return what a call over ``rows`` is given: the rows of their keys.

        Args:
            rows: n new rows, at least one.
            lanes: int32[n], the partition of each.

        Raises:
            RefusedError: a row that is kept does not have the pinned columns.
        """
        keys = Keys.of(rows, lanes, self._key)
        frames, stored = {}, {}
        for name, ttl in self._ttls.items():
            values = self._read([self._place(*place) for place in self._places(name, keys)])
            stored[name] = values
            alive = [
                position
                for position, value in enumerate(values)
                if value is not None and (ttl is None or int(keys.first[position]) - _touch(value) <= ttl)
            ]
            found = [values[position][_TOUCH.size :] for position in alive]  # type: ignore[index]  # those alive have one
            frames[name] = self._frame(name, found, keys.labels[alive])
        return Given(keys, frames, stored)

    def take(self, given: Given, left: Mapping[str, object]) -> None:
        """Keep what a function left in its states.

        Raises:
            CellError: it is no state; then nothing of it is kept.
        """
        frames = {name: as_state(left[name], name) for name in self._ttls}
        frames = {name: fitted(frame, self._pinned.get(name), name) for name, frame in frames.items()}
        rows = {name: self._rows_of(frame, name, given.keys) for name, frame in frames.items()}
        for name, own in rows.items():
            self._keep(name, given, own)
            if name not in self._pinned and len(frames[name].columns):
                self._dtypes[name] = dtypes_of(frames[name])
        for lane in np.unique(given.keys.lanes).tolist():
            latest = int(given.keys.last[given.keys.lanes == lane].max())
            self._clocks[lane] = max(self._clocks.get(lane, latest), latest)
            self._expire(lane, self._clocks[lane])

    def changes(self) -> list[Change]:
        """Return what the batch changes in the changelog."""
        purged = [Change(lane, key, None) for lane, keys in self._purges.items() for key in keys]
        return purged + [Change(lane, key, value) for (lane, key), value in self._changes.items()]

    def ends(self, partition: int, offset: int) -> None:
        """Note up to which offset of a partition the batch goes."""
        self._ends[partition] = offset

    def commit(self) -> None:
        """The batch is committed."""
        positions = {self._position(partition): self._mark(offset) for partition, offset in self._ends.items()}
        self._store.write(self._staged | positions)
        self._purges = {lane: keys for lane, keys in self._purges.items() if lane not in self._ends}
        self._anew -= self._ends.keys()
        self._staged, self._changes, self._ends = {}, {}, {}

    def rollback(self) -> None:
        """The batch is not committed."""
        self._staged, self._changes, self._ends = {}, {}, {}

    def contents(self) -> dict[str, pd.DataFrame]:
        """Return all rows of each state, by partition and text of the key; only for few of them."""
        found: dict[str, dict[str, bytes]] = {name: {} for name in self._ttls}
        for key, value in self._store.scan(_DATA):
            name, text = key[len(_DATA) + _LANE.size :].split(b"\0", 1)
            found[name.decode()][text.decode("utf-8", "replace")] = value[_TOUCH.size :]
        return {
            name: decode_rows(list(rows.values()), pd.Index(list(rows), dtype="str"), self._dtypes[name]).sort_index()
            for name, rows in found.items()
        }

    def size(self) -> tuple[int, int]:
        """Return about how many rows are kept, and the bytes they take."""
        return self._store.size()

    def close(self) -> None:
        """Let go of files and memory."""
        self._store.close()

    def _frame(self, name: str, rows: Sequence[bytes], index: pd.Index) -> pd.DataFrame:
        if name in self._pinned:
            return pinned_rows(rows, index, self._pinned[name], name)
        return decode_rows(rows, index, self._dtypes[name])

    def _rows_of(self, frame: pd.DataFrame, name: str, keys: Keys) -> dict[bytes | None, bytes]:
        """Return the rows by the text of their key."""
        texts = key_texts(frame.index.to_series())
        strange = set(texts) - set(keys.texts)
        if strange:
            one = next(iter(strange))
            message = f"The state `{name}` has a row for the key {one!r}, of which the batch has no record."
            raise CellError(message, hint=f"Its index must be values of `{self._key}` among df's.")
        return dict(zip(texts, encode_rows(frame, name), strict=True))

    def _keep(self, name: str, given: Given, rows: Mapping[bytes | None, bytes]) -> None:
        ttl, keys = self._ttls[name], given.keys
        for position, text in enumerate(keys.texts):
            before, row = given.stored[name][position], rows.get(text)
            after = None
            if row is not None:
                touch = 0
                if ttl is not None:
                    touch = max(int(keys.last[position]), _touch(before) if before is not None else 0)
                after = _TOUCH.pack(touch) + row
            if after != before:
                self._stage(int(keys.lanes[position]), name, _text(text), before, after)

    def _stage(self, lane: int, name: str, text: bytes, before: bytes | None, after: bytes | None) -> None:
        self._staged[self._place(lane, name, text)] = after
        self._changes[lane, change_key(STATE, name.encode(), text)] = after
        if self._ttls[name] is not None:
            if before is not None:
                self._staged[self._by_touch(lane, name, before, text)] = None
            if after is not None:
                self._staged[self._by_touch(lane, name, after, text)] = b""

    def _expire(self, lane: int, clock: int) -> None:
        """Remove rows that no record can see any more, be it as late as their TTL."""
        for name, ttl in self._ttls.items():
            if ttl is None:
                continue
            prefix = _BY_TOUCH + _LANE.pack(lane) + name.encode() + b"\0"
            for number, (key, _) in enumerate(self._store.scan(prefix)):
                text = key[len(prefix) + _TOUCH.size :]
                (touch,) = _TOUCH.unpack(key[len(prefix) : len(prefix) + _TOUCH.size])
                if touch + 2 * ttl >= clock or number >= _MOST_EXPIRED:
                    break
                (value,) = self._read([self._place(lane, name, text)])
                if value is not None and _touch(value) == touch:
                    self._stage(lane, name, text, value, None)

    def _read(self, places: list[bytes]) -> list[bytes | None]:
        if not self._staged:
            return self._store.get(places)
        missing = [place for place in places if place not in self._staged]
        found = dict(zip(missing, self._store.get(missing), strict=True))
        return [self._staged[place] if place in self._staged else found[place] for place in places]

    def _clear(self, partition: int) -> None:
        for kind in (_DATA, _BY_TOUCH, _POSITION):
            keys = [key for key, _ in self._store.scan(kind + _LANE.pack(partition))]
            self._store.write(dict.fromkeys(keys))

    def _mark(self, offset: int) -> bytes:
        return self._declaration + b" %d" % offset

    @staticmethod
    def _position(partition: int) -> bytes:
        return _POSITION + _LANE.pack(partition)

    @staticmethod
    def _place(lane: int, name: str, text: bytes) -> bytes:
        return _DATA + _LANE.pack(lane) + name.encode() + b"\0" + text

    @staticmethod
    def _by_touch(lane: int, name: str, value: bytes, text: bytes) -> bytes:
        return _BY_TOUCH + _LANE.pack(lane) + name.encode() + b"\0" + value[: _TOUCH.size] + text

    @staticmethod
    def _places(name: str, keys: Keys) -> list[tuple[int, str, bytes]]:
        return [(lane, name, _text(text)) for lane, text in zip(keys.lanes.tolist(), keys.texts, strict=True)]


def _touch(value: bytes) -> int:
    touch: int = _TOUCH.unpack_from(value)[0]
    return touch


def _text(text: bytes | None) -> bytes:
    return _NULL if text is None else _VALUE + text
