"""Records that are written alike: the same keys in the same order, with the same spaces.

Such a record is known text with values in between. Its keys need no parsing, only a comparison, and the values of one
column stand at known places of all records, so that a column is read with a few array operations.

Why this is safe: a record is taken only when it is, byte for byte, ``{`` key value ``,`` key value ... ``}`` with the
template's keys, and every value by itself is found to be one whole JSON value. Text of that form is JSON and has this
one meaning. A record about which there is any doubt is left to :mod:`headrace.kafka.codec.json.by_record`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import orjson

from headrace.kafka.codec.json.numbers import WORD
from headrace.spec import NEVER_NULL_TYPES, ColumnType

_PLAIN_KEY = re.compile(r"[ !#-\[\]-~]+")  # printable ASCII but the quote and the backslash
_MOST_KEYS = 500
_STYLES = ((b", ", b": "), (b",", b":"))
_QUOTE, _COLON, _SPACE, _BACKSLASH, _CLOSING = (ord(character) for character in '": \\}')

_LAST_OF_ASCII = 0x7F

Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Slots:
    """Where the values of m records stand in a text.

    Attributes:
        text: the records one after the other, with spaces around.
        rows: int64[m], the places of the records in the run, ascending.
        starts: int64[keys, m], the first character of each value.
        ends: int64[keys, m], the one after the last; values may be empty, and are not checked.
        record_starts: int64[m], the first character of each record.
        quotes: how many quotes the text has, ``None`` when it has other records too.
    """

    text: bytes
    rows: Places
    starts: Places
    ends: Places
    record_starts: Places
    quotes: int | None


@dataclass(frozen=True, slots=True)
class Template:
    """The text around the values, and the type of each value.

    Attributes:
        names: the keys, in order.
        types: for each key the type as which its values are read.
        literals: for each key the text from the end of the value before it up to its own colon.
        spaced: whether a space follows each colon.
    """

    names: tuple[str, ...]
    types: tuple[ColumnType, ...]
    literals: tuple[bytes, ...]
    spaced: bool

    @classmethod
    def of(cls, record: bytes, types: Mapping[str, ColumnType]) -> Template | None:
        """Return the template of a record, ``None`` when it can have none (or is not JSON)."""
        try:
            document = orjson.loads(record)
        except orjson.JSONDecodeError:
            return None
        if not isinstance(document, dict) or not 0 < len(document) <= _MOST_KEYS:
            return None
        names = tuple(document)
        if not all(map(_PLAIN_KEY.fullmatch, names)):
            return None
        if any(declared in NEVER_NULL_TYPES and name not in document for name, declared in types.items()):
            return None
        for between, after in _STYLES:
            quoted = [f'"{name}"'.encode() for name in names]
            if record.startswith(b"{" + quoted[0] + after):
                literals = [(between if place else b"{") + key + b":" for place, key in enumerate(quoted)]
                read_as = [types.get(name) or _type_like(value) for name, value in document.items()]
                return cls(names, tuple(read_as), tuple(literals), after.endswith(b" "))
        return None

    def find(self, values: Sequence[bytes]) -> Slots:
        """Return where the values stand in those of n records that have this form."""
        keys = len(self.names)
        padding = b" " * (max(map(len, self.literals)) + 2 * WORD)
        text = b"".join((padding, *values, padding))
        characters = np.frombuffer(text, np.uint8)
        lengths = np.fromiter(map(len, values), np.int64, len(values))
        ends = np.cumsum(lengths) + len(padding)
        starts = ends - lengths
        is_quote = characters == _QUOTE
        is_end = characters == _COLON  # of a key: a colon right after a quote
        is_end[1:] &= is_quote[:-1]
        colons = np.flatnonzero(is_end)
        counts = np.diff(np.searchsorted(colons, np.append(starts, ends[-1:])))
        as_many = counts == keys
        rows = np.flatnonzero(as_many & ~_doubtful(text, characters, ends))
        if len(rows) < len(values):
            kept = np.zeros(len(values), np.bool_)
            kept[rows] = True
            colons = colons[np.repeat(kept, counts)]
            starts, ends = starts[rows], ends[rows]
        colons = np.ascontiguousarray(colons.reshape(-1, keys).T)
        sizes = np.array([len(literal) for literal in self.literals])[:, None]
        value_starts = colons + (2 if self.spaced else 1)
        value_ends = np.concatenate([colons[1:] + 1 - sizes[1:], (ends - 1)[None]])
        alike = colons[0] + 1 - sizes[0] == starts
        alike &= characters[ends - 1] == _CLOSING
        if self.spaced:
            alike &= (characters[colons + 1] == _SPACE).all(axis=0)
        alike &= self._has_keys(text, colons)
        if alike.all():
            quotes = int(np.count_nonzero(is_quote)) if len(rows) == len(values) else None
            return Slots(text, rows, value_starts, value_ends, starts, quotes)
        return Slots(text, rows[alike], value_starts[:, alike], value_ends[:, alike], starts[alike], None)

    def _has_keys(self, text: bytes, colons: Places) -> npt.NDArray[np.bool_]:
        """Compare the literals, up to eight characters at once, from their ends to their beginnings."""
        words = words_of(text)
        alike = np.ones(colons.shape[1], np.bool_)
        for back in range(0, max(map(len, self.literals)), WORD):
            chosen = [place for place, literal in enumerate(self.literals) if len(literal) > back]
            parts = [self.literals[place][: len(self.literals[place]) - back][-WORD:] for place in chosen]
            expected = np.array([int.from_bytes(part.rjust(WORD, b"\0"), "little") for part in parts], np.uint64)
            mask = np.array([2**64 - (1 << 8 * (WORD - len(part))) for part in parts], np.uint64)
            found = words[(colons if len(chosen) == len(colons) else colons[chosen]) + (1 - back - WORD)]
            found &= mask[:, None]
            alike &= (found == expected[:, None]).all(axis=0)
        return alike


def words_of(text: bytes) -> npt.NDArray[np.uint64]:
    """Return the eight characters from each place of a text, as words in memory order, without a copy."""
    return np.ndarray((len(text) - WORD + 1,), np.dtype("<u8"), text, strides=(1,))


def _type_like(value: object) -> ColumnType:
    """Return a type as which a field that is dropped can be read, to see that it is JSON."""
    if isinstance(value, str):
        return "str"
    if isinstance(value, bool):
        return "boolean"
    return "object" if isinstance(value, list | dict) else "float64"


def _doubtful(text: bytes, characters: npt.NDArray[np.uint8], ends: Places) -> npt.NDArray[np.bool_]:
    """Return which records have a control character or a backslash, or may not be UTF-8."""
    doubtful = np.zeros(len(ends), np.bool_)
    suspects = []
    if characters.min() < _SPACE:
        suspects.append(characters < _SPACE)
    if b"\\" in text:
        suspects.append(characters == _BACKSLASH)
    if not text.isascii():
        try:
            text.decode()
        except UnicodeDecodeError:
            suspects.append(characters > _LAST_OF_ASCII)
    for suspect in suspects:
        doubtful[np.searchsorted(ends, np.flatnonzero(suspect), side="right")] = True
    return doubtful
