"""Columns of records that are written alike, read natively: one pass over the text."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.kafka.bytes_column import BytesColumn
from headrace.kafka.codec.json.columns import fit_column
from headrace.kafka.codec.json.slots import Booleans, Column, value_by_value
from headrace.kafka.codec.json.template import Places, Template
from headrace.kafka.codec.json.times import milliseconds_in_range, parse_texts
from headrace.kafka.native.library import Functions
from headrace.spec import NEVER_NULL_TYPES, TIME_TYPE, ColumnType

_KINDS: dict[ColumnType, str] = {
    "int64": "i",
    "Int64": "i",
    "float64": "f",
    "bool": "b",
    "boolean": "b",
    "str": "s",
    TIME_TYPE: "t",
    "object": "o",
}
_NULL, _TEXT = 1, 2
_NAT = np.iinfo(np.int64).min


class Scan:
    """The records of a batch, to be read by one template after the other.

    Args:
        library: the compiled library.
        values: n records.
        pinned: names of the fields that are wanted; the others are checked.
    """

    def __init__(self, library: Functions, values: BytesColumn, pinned: frozenset[str]) -> None:
        self._library = library
        self._values = values
        self._pinned = pinned
        self._text = np.ascontiguousarray(values.data)
        self._bounds = np.ascontiguousarray(values.offsets)

    def candidates(self) -> Places:
        """Return the places of the records that are there and are text in UTF-8, ascending."""
        there: Places = np.flatnonzero(~self._values.mask())
        bounds = np.array([self._bounds[0], self._bounds[-1]])
        buffers = [None, pa.py_buffer(bounds), pa.py_buffer(self._text)]
        try:
            pa.Array.from_buffers(pa.large_string(), 1, buffers).validate(full=True)
        except pa.ArrowInvalid:
            return there[[_is_text(self.record(row)) for row in there.tolist()]]
        return there  # a record that is taken begins and ends in ASCII: no character goes over its ends

    def record(self, row: int) -> bytes:
        """Return a record."""
        return self._values[row] or b""

    def read(self, template: Template, rows: Places) -> tuple[Places, dict[str, Column]]:
        """Return those of the records at ``rows`` that have the template's form and fit, and their pinned columns."""
        count, keys = len(rows), len(template.names)
        literals = [literal + b" " * template.spaced for literal in template.literals]
        literal_bounds = np.cumsum([0, *map(len, literals)], dtype=np.int64)
        kinds = [_KINDS[declared] for declared in template.types]
        numbers, stops = np.empty((2, keys, count), np.int64)
        states, right = np.empty((keys, count), np.uint8), np.empty(count, np.bool_)
        given = self._text, self._bounds, np.ascontiguousarray(rows)
        text, bounds, places = (array.ctypes.data for array in given)
        results = [array.ctypes.data for array in (numbers, stops, states, right)]
        written = b"".join(literals), literal_bounds.ctypes.data, "".join(kinds).encode()
        self._library.headrace_scan(text, bounds, places, count, keys, *written, *results)
        for state, declared in zip(states, template.types, strict=True):
            if declared in NEVER_NULL_TYPES:
                right &= state != _NULL
        chosen = slice(None) if right.all() else right
        rows = rows[chosen]
        columns: dict[str, Column] = {}
        fine = np.ones(len(rows), np.bool_)
        for key, (name, kind) in enumerate(zip(template.names, kinds, strict=True)):
            if name not in self._pinned and kind != "o":
                continue
            given_values = numbers[key, chosen], stops[key, chosen], states[key, chosen]
            column = self._column(kind, *given_values, template.types[key])
            fine &= column.right
            if name in self._pinned:
                columns[name] = column
        if not fine.all():
            rows = rows[fine]
            columns = {name: column.take(fine) for name, column in columns.items()}
        return rows, columns

    def _column(
        self, kind: str, numbers: Places, stops: Places, states: npt.NDArray[np.uint8], declared: ColumnType
    ) -> Column:
        missing = states == _NULL
        right = np.ones(len(states), np.bool_)
        if kind == "s":
            return Column(self._texts(numbers, stops, states), missing, right)
        if kind == "f":
            return Column(numbers.view(np.float64), missing, right)
        if kind == "b":
            return Column(numbers != 0, missing, right)
        if kind == "t":
            return self._times(numbers, stops, states, missing)
        if kind == "o":
            bounds = zip(numbers.tolist(), stops.tolist(), missing.tolist(), strict=True)
            tokens = [b"null" if null else self._text[first:end].tobytes() for first, end, null in bounds]
            return value_by_value(tokens, declared)
        return Column(numbers, missing, right)

    def _texts(self, starts: Places, stops: Places, states: npt.NDArray[np.uint8]) -> pa.Array:
        """Return the texts, large_string[m], null where there is none."""
        is_text = states == _TEXT
        offsets = np.zeros(len(states) + 1, np.int64)
        validity = None
        if is_text.all():
            np.cumsum(stops - starts, out=offsets[1:])
        else:
            np.cumsum(np.where(is_text, stops - starts, 0), out=offsets[1:])
            validity = pa.py_buffer(np.packbits(is_text, bitorder="little"))
        data = np.empty(offsets[-1], np.uint8)
        held = self._text, np.ascontiguousarray(starts), offsets
        self._library.headrace_gather(*(array.ctypes.data for array in held), len(states), data.ctypes.data)
        buffers = [validity, pa.py_buffer(offsets), pa.py_buffer(data)]
        return pa.Array.from_buffers(pa.large_string(), len(states), buffers)

    def _times(self, numbers: Places, stops: Places, states: npt.NDArray[np.uint8], missing: Booleans) -> Column:
        """Return times of texts and of milliseconds."""
        is_text = states == _TEXT
        right = is_text | missing | milliseconds_in_range(numbers)
        times = np.where(right & ~is_text & ~missing, numbers, 0) * 1000
        if is_text.any():
            texts = self._texts(numbers[is_text], stops[is_text], states[is_text])
            parsed = parse_texts(texts)
            if parsed is None:
                fitted, _ = fit_column(texts.to_pylist(), TIME_TYPE)
                parsed = np.array([_NAT if time is None else time for time in fitted], np.int64)
            times[is_text] = parsed
            right &= times != _NAT
        times[missing] = _NAT
        return Column(times, missing, right)


def _is_text(record: bytes) -> bool:
    try:
        record.decode()
    except UnicodeDecodeError:
        return False
    return True
