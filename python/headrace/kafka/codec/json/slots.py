"""Columns from the slots of a template: each value checked to be one whole JSON value of its column's type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from headrace.kafka.codec.json.columns import fit_column
from headrace.kafka.codec.json.numbers import WORD, parse_decimals, parse_integers
from headrace.kafka.codec.json.template import Places, Slots, Template, words_of
from headrace.kafka.codec.json.times import milliseconds_in_range, parse_texts
from headrace.spec import NEVER_NULL_TYPES, TIME_TYPE, ColumnType

_NAT = np.iinfo(np.int64).min
_QUOTE, _MINUS, _NULL_N, _ZERO, _DOT, _NINE = (ord(character) for character in '"-n0.9')
_NULL, _TRUE, _FALS = (np.uint64(int.from_bytes(word, "little")) for word in (b"null", b"true", b"fals"))
_HALF = np.uint64(0xFFFFFFFF)
_TEN_DIGITS = 10
_LONGEST_VALUE = 1000
"""Values read one by one are at most so long: no deeper then than orjson goes, wherever they stand in a record."""
_MOST = 0.95
"""The part of a column's values that a quick way must read; what is left over goes to the reference."""

Booleans = npt.NDArray[np.bool_]


@dataclass(slots=True)
class Column:
    """The values of one column in m records.

    Attributes:
        values: numbers, booleans or times (int64 microseconds) as numpy has them; objects; or large_string[m].
        missing: bool[m], where the value is null.
        right: bool[m], where the value is JSON and fits.
    """

    values: npt.NDArray[Any] | pa.Array
    missing: Booleans
    right: Booleans

    @classmethod
    def nulls(cls, count: int, declared: ColumnType) -> Column:
        """Return a column of nulls, for records that lack the field."""
        everywhere = np.ones(count, np.bool_)
        if declared == "str":
            return cls(pa.nulls(count, pa.large_string()), everywhere, everywhere)
        if declared == "object":
            return cls(np.full(count, None, object), everywhere, everywhere)
        if declared == "boolean":
            return cls(~everywhere, everywhere, everywhere)
        empty = {"float64": np.nan, TIME_TYPE: _NAT}.get(declared, 0)
        return cls(np.full(count, empty), everywhere, everywhere)

    def take(self, kept: Booleans) -> Column:
        """Return the column of those records alone."""
        values = self.values.filter(pa.array(kept)) if isinstance(self.values, pa.Array) else self.values[kept]
        return Column(values, self.missing[kept], self.right[kept])


class SlotReader:
    """Reads the columns of one run of m records."""

    def __init__(self, template: Template, slots: Slots) -> None:
        self._template = template
        self._slots = slots
        self._words = words_of(slots.text)
        self._characters = np.frombuffer(slots.text, np.uint8)
        self._firsts = self._characters[slots.starts]
        self._lengths = slots.ends - slots.starts
        self._nulls = (self._firsts == _NULL_N) & (self._lengths == len(b"null"))
        if self._nulls.any():
            where = self._nulls.nonzero()
            self._nulls[where] = (self._words[slots.starts[where]] & _HALF) == _NULL
        self._quotes = np.full(len(slots.rows), 2 * len(template.names), np.int64)

    def read(self) -> tuple[list[Column], Booleans]:
        """Return the column of each key of the template, and which of the m records are right in all of them."""
        types = self._template.types
        columns: dict[int, Column] = {}
        of_kind: dict[ColumnType, list[int]] = {}
        for place, declared in enumerate(types):
            is_number = declared == TIME_TYPE and not (self._firsts[place] == _QUOTE).any()
            of_kind.setdefault("Int64" if is_number else declared, []).append(place)
        columns |= self._integers(of_kind.pop("int64", []) + of_kind.pop("Int64", []))
        columns |= self._decimals(of_kind.pop("float64", []))
        for declared, places in of_kind.items():
            for place in places:
                if declared in {"bool", "boolean"}:
                    columns[place] = self._booleans(place)
                elif declared == "object":
                    columns[place] = self._by_value(place)
                else:
                    columns[place] = self._texts(place)
        right = np.ones(len(self._slots.rows), np.bool_)
        for place, column in columns.items():
            if types[place] in NEVER_NULL_TYPES:
                column.right &= ~column.missing
            right &= column.right
        return [columns[place] for place in range(len(types))], right & self._has_just_these_quotes()

    def _has_just_these_quotes(self) -> Booleans | bool:
        """Return which records have no quote but those around keys and texts: none ends within its text."""
        if self._slots.quotes == self._quotes.sum():
            return True
        is_quote = self._characters == _QUOTE
        bounds = np.column_stack([self._slots.record_starts, self._slots.ends[-1] + 1]).ravel()
        counts = np.add.reduceat(is_quote.view(np.uint8), bounds, dtype=np.int64)[::2]
        just: Booleans = counts == self._quotes
        return just

    def _integers(self, places: list[int]) -> dict[int, Column]:
        columns, short = self._short_and_long(places)
        if short:
            words, lengths, negative = self._right_aligned(short)
            values, right = parse_integers(words, lengths)
            values = np.where(negative, -values, values)
            columns |= self._numbers(short, values, right)
        return {place: self._as_time(column) if self._is_time(place) else column for place, column in columns.items()}

    def _decimals(self, places: list[int]) -> dict[int, Column]:
        columns, short = self._short_and_long(places)
        if short:
            words, lengths, negative = self._right_aligned(short)
            values, right, with_dot = parse_decimals(words, lengths)
            right &= with_dot | ~negative | (values != 0)  # `-0` is the integer 0, `-0.0` is not
            values = np.where(negative, -values, values)
            values[self._nulls[short]] = np.nan
            columns |= self._numbers(short, values, right)
        return columns

    def _short_and_long(self, places: list[int]) -> tuple[dict[int, Column], list[int]]:
        lengths = np.where(self._nulls[places], 1, self._lengths[places] - (self._firsts[places] == _MINUS))
        is_short = (lengths <= WORD).mean(axis=1) > _MOST if places else []
        short = [place for place, fits in zip(places, is_short, strict=True) if fits]
        long = {place: self._long_numbers(place) for place in places if place not in short}
        return long, short

    def _right_aligned(self, places: list[int]) -> tuple[npt.NDArray[np.uint64], Places, Booleans]:
        negative = self._firsts[places] == _MINUS
        lengths = self._lengths[places] - negative
        right_aligned = self._words[self._slots.ends[places] - WORD]
        # What is too long keeps no character, so that it is no number.
        return right_aligned, np.where((lengths < 0) | (lengths > WORD), 0, lengths), negative

    def _numbers(self, places: list[int], values: npt.NDArray[np.generic], right: Booleans) -> dict[int, Column]:
        nulls = self._nulls[places]
        right |= nulls
        columns = {}
        for row, place in enumerate(places):
            good = right[row]
            if good.all() or good.mean() > _MOST:
                columns[place] = Column(values[row], nulls[row], good)
            else:  # exponents, mostly
                columns[place] = self._long_numbers(place)
        return columns

    def _long_numbers(self, place: int) -> Column:
        """Read numbers of any length by Arrow's parser, which takes more than JSON has; so look first."""
        is_float = self._template.types[place] == "float64"
        nulls = self._nulls[place]
        starts, ends = self._slots.starts[place], self._slots.ends[place]
        negative = self._firsts[place] == _MINUS
        size = ends - starts - negative
        first, second = self._characters[starts + negative], self._characters[starts + negative + 1]
        right = (size >= 1) & _is_digit(first) & _is_digit(self._characters[ends - 1])
        right &= (first != _ZERO) | (size == 1) | ~_is_digit(second)
        right &= ~negative | (first != _ZERO) | (size > 1)  # `-0` is the integer 0, `-0.0` is not
        tokens = self._tokens(starts, ends, right)
        characters = np.frombuffer(tokens.buffers()[2] or b"", np.uint8)
        if is_float:
            after_dots = np.flatnonzero(characters[:-1] == _DOT) + 1
            is_plain = bool(_is_digit(characters[after_dots]).all())
        else:
            is_plain = bool((characters <= _NINE).all())
        try:
            numbers = pc.cast(tokens, pa.float64() if is_float else pa.int64()) if is_plain else None
        except pa.ArrowInvalid:
            numbers = None
        if numbers is None:
            return self._by_value(place)
        values = numbers.fill_null(np.nan if is_float else 0).to_numpy()
        return Column(values, nulls, nulls | (right & np.isfinite(values)))

    def _booleans(self, place: int) -> Column:
        starts, lengths, nulls = self._slots.starts[place], self._lengths[place], self._nulls[place]
        words = self._words[starts] & _HALF
        is_true = (words == _TRUE) & (lengths == len(b"true"))
        is_false = (words == _FALS) & (lengths == len(b"false")) & (self._characters[starts + 4] == ord("e"))
        return Column(is_true, nulls, is_true | is_false | nulls)

    def _texts(self, place: int) -> Column:
        starts, ends, nulls = self._slots.starts[place], self._slots.ends[place], self._nulls[place]
        quoted = (self._firsts[place] == _QUOTE) & (self._lengths[place] > 1) & (self._characters[ends - 1] == _QUOTE)
        self._quotes += 2 * quoted
        tokens = self._tokens(starts + 1, ends - 1, quoted)
        if not self._is_time(place):
            return Column(tokens, nulls, quoted | nulls)
        times = np.full(len(quoted), _NAT)
        texts = tokens.drop_null()
        parsed = parse_texts(texts)
        if parsed is None:
            fitted, _ = fit_column(texts.to_pylist(), TIME_TYPE)
            parsed = np.array([_NAT if time is None else time for time in fitted], np.int64)
        times[quoted] = parsed
        return Column(times, nulls, (times != _NAT) | nulls)

    def _tokens(self, starts: Places, ends: Places, kept: Booleans) -> pa.Array:
        """Return the text of each slot, large_string[m], null where it is not kept.

        The text between the slots makes every second element of an array that is then left out: so one copy does.
        """
        count = len(starts)
        offsets = np.empty(2 * count, np.int64)
        offsets[0::2] = starts
        offsets[1::2] = np.maximum(starts, ends)
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(self._slots.text)]
        both = pa.Array.from_buffers(pa.large_string(), max(2 * count - 1, 0), buffers)
        return both.take(pa.array(np.arange(0, 2 * count, 2), mask=None if kept.all() else ~kept))

    def _by_value(self, place: int) -> Column:
        """Read values one by one: objects and arrays, and what the quicker ways refuse."""
        text = self._slots.text
        declared = "Int64" if self._is_time(place) else self._template.types[place]  # times in milliseconds
        bounds = zip(self._slots.starts[place].tolist(), self._slots.ends[place].tolist(), strict=True)
        tokens = [text[start:end] for start, end in bounds]
        if declared == "object":
            self._quotes += np.fromiter((token.count(b'"') for token in tokens), np.int64, len(tokens))
        return value_by_value(tokens, declared)

    def _is_time(self, place: int) -> bool:
        return self._template.types[place] == TIME_TYPE

    def _as_time(self, milliseconds: Column) -> Column:
        in_range = milliseconds_in_range(milliseconds.values)
        values = np.where(in_range & ~milliseconds.missing, milliseconds.values, 0) * 1000
        values[milliseconds.missing] = _NAT
        return Column(values, milliseconds.missing, milliseconds.right & in_range)


def value_by_value(tokens: list[bytes], declared: ColumnType) -> Column:
    """Return m values that are read one by one; for every type that is not text, boolean or a time."""
    right = np.fromiter(map(len, tokens), np.int64, len(tokens)) <= _LONGEST_VALUE
    given: list[object] = []
    for row, token in enumerate(tokens):
        value = None
        if right[row]:
            try:
                value = orjson.loads(token)
            except orjson.JSONDecodeError:
                right[row] = False
        given.append(value)
    fitted, unfit = fit_column(given, declared)
    right[unfit] = False
    missing = np.fromiter((value is None for value in fitted), np.bool_, len(fitted))
    if declared == "object":
        return Column(np.fromiter(fitted, object, len(fitted)), missing, right)
    kind, empty = (np.float64, np.nan) if declared == "float64" else (np.int64, 0)
    numbers = np.array([empty if value is None else value for value in fitted], kind)
    return Column(numbers, missing, right)


def _is_digit(characters: npt.NDArray[np.uint8]) -> Booleans:
    digits: Booleans = (characters - np.uint8(_ZERO)) < _TEN_DIGITS
    return digits
