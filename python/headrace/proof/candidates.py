"""Declarations that might make a stream of a cell, read from what its code names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import pandas as pd

from headrace.engine.context import Function
from headrace.proof.causes import codes_of, functions_of
from headrace.spec import ColumnType, StreamSpec

_MOST_ROWS = 10_000
_MOST_NAMED = 8
_MOST_TIMES = 4
_KEY_TYPES = frozenset({"str", "int64", "Int64", "bool", "boolean"})
_UNITS = (
    ("d", timedelta(days=1)),
    ("h", timedelta(hours=1)),
    ("min", timedelta(minutes=1)),
    ("s", timedelta(seconds=1)),
)
_BINNING = frozenset({"resample", "Grouper", "floor", "ceil", "round", "to_period", "asfreq"})
"""What cuts time into bins, as windows do."""


@dataclass(frozen=True, slots=True)
class Named:
    """What a cell's code names.

    Attributes:
        texts: constants and attributes, in the order of the code, each once.
        numbers: whole numbers, ascending.
        spans: lengths of time (``"6h"``, ``"28D"``), ascending.
    """

    texts: tuple[str, ...]
    numbers: tuple[int, ...]
    spans: tuple[timedelta, ...]

    @classmethod
    def of(cls, function: Function) -> Named:
        """Return what ``function`` names, and what its own helpers do."""
        texts: dict[str, None] = {}
        numbers: set[int] = set()
        for value in _values(function):
            if isinstance(value, str):
                texts[value] = None
            elif isinstance(value, int) and not isinstance(value, bool) and 0 < abs(value) <= _MOST_ROWS:
                numbers.add(value)
        spans = {span for span in map(_span, texts) if span is not None}
        return cls(tuple(texts), tuple(sorted(numbers)), tuple(sorted(spans)))


def candidates(spec: StreamSpec, function: Function, types: dict[str, ColumnType]) -> Iterator[dict[str, str | None]]:
    """Yield what to change in a spec, the least first: fields of :class:`~headrace.spec.StreamSpec`.

    Keys are the columns that the code names, and none; times the declared one, the columns of times, those that the
    code names, and the records' own timestamps. Lookbacks are the numbers of rows and lengths of time that the code
    names, windows the lengths by which it cuts time into bins.

    Args:
        spec: the declaration as it is.
        function: the cell.
        types: the pinned types of its columns.
    """
    named = Named.of(function)
    keys = _keys(spec, named, types)
    times = _times(spec, named, types)
    rows = dict.fromkeys(count for number in (1, *named.numbers) for count in (number - 1, number) if count > 0)
    spans = [_text(span) for span in named.spans]
    binning = bool(_BINNING & set(named.texts))
    windows = [f"tumbling={span}" for span in spans] if binning else []
    for time in times:
        for key in keys:
            for window in windows:
                yield {"key": key, "time": time, "window": window, "lookback": None}
            for lookback in (*(f"{count}rows" for count in sorted(rows)), *spans):
                yield {"key": key, "time": time, "lookback": lookback, "window": None}


def _keys(spec: StreamSpec, named: Named, types: dict[str, ColumnType]) -> list[str | None]:
    if spec.key is not None:
        return [spec.key]
    columns = [text for text in named.texts if types.get(text) in _KEY_TYPES]
    return [*columns[:_MOST_NAMED], None] if "groupby" in named.texts else [None, *columns[:_MOST_NAMED]]


def _times(spec: StreamSpec, named: Named, types: dict[str, ColumnType]) -> list[str | None]:
    if spec.time is not None:
        return [spec.time]
    of_time = [name for name, kind in types.items() if kind == "datetime64[us, UTC]"]
    texts = [name for name in named.texts if types.get(name) == "str"]  # JSON has no times: only --time makes them some
    known = [*sorted(of_time, key=lambda name: name not in named.texts), *texts][:_MOST_TIMES]
    return [*known, None] if named.spans else [None]


def _values(function: Function) -> Iterator[object]:
    for own in functions_of(function):
        for code in codes_of(own.__code__):
            yield from _flat(code.co_consts)
            yield from code.co_names
            yield from (own.__globals__.get(name) for name in code.co_names)
        yield from _flat(own.__defaults__ or ())


def _flat(values: Iterable[object]) -> Iterator[object]:
    for value in values:
        if isinstance(value, tuple | frozenset | list):
            yield from _flat(value)
        else:
            yield value


def _span(text: str) -> timedelta | None:
    """Return the length of time that pandas reads in ``text``, or ``None``; a bare number is none."""
    if not any(character.isdigit() for character in text) and text not in {"D", "h", "min", "s"}:
        return None
    if text.replace(".", "").replace("-", "").isdigit():
        return None
    try:
        length = pd.Timedelta(text if any(map(str.isdigit, text)) else f"1{text}")
    except ValueError:
        return None
    return length.to_pytimedelta() if length >= pd.Timedelta("1ms") else None


def _text(span: timedelta) -> str:
    for unit, size in _UNITS:
        if not span % size:
            return f"{span // size}{unit}"
    return f"{span // timedelta(milliseconds=1)}ms"
